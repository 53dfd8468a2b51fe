// The networks and schemes of amq_compiled, compiled here and nowhere else.
#include <amq/solver/compiled.hpp>

#include <amq/models/mp_pde.hpp>
#include <amq/solver.hpp>

#include <utility>

namespace amq::solver {

namespace {

// Schemes by what the studies use: a ladder of all levels, one of three, and 8 bits everywhere.
using Every = Activations<1, 2, 3, 4, 5, 6, 8>;
using Ladder = Scheme<Weights<8>, Every>;  // the shipped model
using Doubling = Scheme<Weights<8>, Activations<2, 4, 8>>;
using Uniform8 = Scheme<Weights<8>, Activations<8>>;

std::string entry(const safetensors::File& f, const char* key) {
  const auto found = f.metadata.find(key);
  return found == f.metadata.end() ? "" : found->second;
}

}  // namespace

struct CompiledSolver::Any {
  virtual ~Any() = default;
  virtual void budget(double mean_bits) = 0;
  virtual std::vector<float> solve(const Mesh& mesh, MatrixView<const float> a) = 0;
  [[nodiscard]] virtual Report report() const = 0;

  /// The first of the networks that the file names, each with every scheme.
  template <typename... Models>
  static std::unique_ptr<Any> read(const std::string& path);
  template <typename Model, typename... Schemes>
  static void read_if_named(const std::string& path, const io::safetensors::File& f,
                            std::unique_ptr<Any>& any);
};

template <typename Model, typename S>
struct CompiledSolver::Of : Any {
  explicit Of(const std::string& path) : solver(load<Model, S>(path)) {}
  void budget(double bits) override { solver.budget(mean_bits(bits)); }
  std::vector<float> solve(const Mesh& mesh, MatrixView<const float> a) override {
    const Solution s = std::as_const(solver)(mesh, a);
    last = s.report;
    return {s.field.data(), s.field.data() + s.field.size()};
  }
  [[nodiscard]] Report report() const override {
    return {static_cast<double>(last.bops), static_cast<double>(last.budget), last.node_bits};
  }
  MeshSolver<Model, S> solver;
  SolveReport last;
};

template <typename Model, typename... Schemes>
void CompiledSolver::Any::read_if_named(const std::string& path, const io::safetensors::File& f,
                                        std::unique_ptr<Any>& any) {
  if (entry(f, "amq.model") != Model::name) return;
  const std::string scheme = entry(f, "amq.scheme");
  const auto one = [&]<typename S>(std::type_identity<S>) {
    const SchemeInfo info = SchemeInfo::of<S>();
    if (!any && (scheme == info.name() || scheme == info.name(info.rule.former_name())))
      any = std::make_unique<Of<Model, S>>(path);
  };
  (one(std::type_identity<Schemes>{}), ...);
}

template <typename... Models>
std::unique_ptr<CompiledSolver::Any> CompiledSolver::Any::read(const std::string& path) {
  const io::safetensors::File f = io::safetensors::read(path);
  std::unique_ptr<Any> any;
  (read_if_named<Models, Ladder, Doubling, Uniform8>(path, f, any), ...);
  if (!any) {
    std::string held;
    ((held += (held.empty() ? "" : ", ") + std::string(Models::name)), ...);
    throw Error(path,
                "a solver of " + held + " with w8 and activations of 1,2,3,4,5,6,8 or 2,4,8 or 8",
                "'" + entry(f, "amq.model") + "' with '" + entry(f, "amq.scheme") + "'",
                "Add its network and scheme to src/compiled.cpp, or include amq/solver.hpp.");
  }
  return any;
}

CompiledSolver::CompiledSolver(const std::string& path) : any_(Any::read<MpPde>(path)) {}
CompiledSolver::CompiledSolver(CompiledSolver&&) noexcept = default;
CompiledSolver& CompiledSolver::operator=(CompiledSolver&&) noexcept = default;
CompiledSolver::~CompiledSolver() = default;

void CompiledSolver::budget(double mean_bits) {
  any_->budget(mean_bits);
}
std::vector<float> CompiledSolver::operator()(const Mesh& mesh, MatrixView<const float> a) {
  return any_->solve(mesh, a);
}
std::vector<float> CompiledSolver::operator()(const Mesh& mesh, std::span<const float> a) {
  return any_->solve(mesh, {a.data(), static_cast<Index>(a.size()), 1});
}
CompiledSolver::Report CompiledSolver::report() const {
  return any_->report();
}

}  // namespace amq::solver
