// The code of docs/api.md: every name of the front door, in two lines. The house test reads it by
// the compiler; other tests run what it shows.
#include <amq/fwd.hpp>

#include <memory>

/// A host's header: it names what it holds, and includes none of it.
class Host {
 public:
  Host();
  ~Host();
  void solve(const amq::Mesh& mesh, amq::MatrixView<const float> given, amq::Solution& into) const;

 private:
  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>, amq::ByRange>;
  std::unique_ptr<amq::MeshSolver<amq::MpPde, Scheme>> solver_;
};

#include <amq/core.hpp>
#include <amq/mesh.hpp>
#include <amq/models.hpp>
#include <amq/quant.hpp>
#include <amq/solver.hpp>
#include <amq/solver/rollout.hpp>
#include <amq/solver/row_times_file.hpp>
#include <amq/train.hpp>

#include <cstdio>
#include <span>
#include <vector>

// What fwd.hpp declares is what the library defines: a name of fwd.hpp alone would be incomplete.
template <typename... T>
constexpr bool defined = ((sizeof(T) > 0) && ...);
using Declared = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>, amq::ByRange>;
static_assert(
    defined<amq::Weights<8>, amq::Activations<8>, amq::ByRange, amq::ByDeviation, amq::ByMagnitude,
            amq::Static, Declared, amq::AnyScheme, amq::arithmetics::SchemeInfo>);
static_assert(defined<amq::Mesh, amq::Graph, amq::MatrixView<float>>);
static_assert(sizeof(amq::NodeType) == 1 && amq::NodeType::wall != amq::NodeType::normal);
static_assert(defined<amq::MpPde, amq::MeshGraphNet, amq::GraphVit, amq::Transolver, amq::Flare,
                      amq::Fno, amq::Unet, amq::ModernUnet, amq::PatchTransformer,
                      amq::GalerkinTransformer, amq::Network<amq::MpPde>>);
static_assert(defined<amq::Sample, amq::TrainOptions, amq::training::FloatSolver<amq::MpPde>,
                      amq::training::Trained<amq::MeshSolver<amq::MpPde, Declared>>,
                      amq::training::FloatGridSolver<amq::Fno>,
                      amq::training::TrainedGrid<amq::Fno, Declared>>);
static_assert(
    defined<amq::MeshSolver<amq::MpPde, Declared>, amq::solver::PreparedMesh<amq::MpPde, Declared>,
            amq::GridSolver<amq::Fno, Declared>, amq::Rollout<amq::MpPde, Declared>,
            amq::solver::MeshEncoding, amq::solver::GridFieldEncoding, amq::solver::RegularGrid>);
static_assert(defined<amq::Solution, amq::solver::SolveReport, amq::solver::SolveOptions,
                      amq::Budget, amq::RowTimes, amq::Allocator<>>);
static_assert(defined<amq::Executor, amq::ThreadPool, amq::Error>);

Host::Host()
    : solver_(std::make_unique<amq::MeshSolver<amq::MpPde, Scheme>>(
          amq::load<amq::MpPde, Scheme>("darcy.safetensors"))) {}
Host::~Host() = default;
void Host::solve(const amq::Mesh& mesh, amq::MatrixView<const float> given,
                 amq::Solution& into) const {
  into = (*solver_)(mesh, given);
}

void bits_are_types(amq::MatrixView<const float> x) {
  // [numbers]
  using W8 = amq::Weights<8>;           // 8-bit codes per output channel
  using A = amq::Activations<2, 4, 8>;  // a row of activations has one of these
  using Scheme = amq::Scheme<W8, A>;    // how all numbers of a model are kept
  static_assert(Scheme::levels::highest == 8 && Scheme::weight_bits == 8);

  using Words = amq::Scheme<W8, amq::InWords<A>>;     // messages in words of 16 bits
  using Mean = amq::Scheme<W8, A, amq::ByDeviation>;  // Gaussian rows
  using Plain = amq::Scheme<W8, amq::Activations<8>, amq::ByMagnitude>;  // no offset to carry
  using Steps = amq::Scheme<W8, amq::Activations<8>, amq::Static>;       // learned steps
  using Range = amq::Scheme<W8, A, amq::ByRange>;  // what a scheme has by itself
  using Files = amq::AnyScheme;                    // what a file says when it is read

  using Step = amq::quant::Pow2<-7>;  // takes no bytes
  amq::QTensor<8, Step, 64> tensor;   // 64 codes of 8 bits
  tensor.set_code(0, 3, 100);         // tensor(0, 3) is 100 / 128

  const amq::quant::RowBits bits(x.rows, 4);                            // a byte a row: its bits
  const amq::MixedQTensor<Scheme::levels, Scheme::rule> rows(x, bits);  // rows of different bits
  // [numbers]
  static_assert(std::is_same_v<Range, Scheme> && Words::words);
  static_assert(sizeof(Mean) == sizeof(Plain) && sizeof(Steps) == sizeof(Files));
  std::printf("%f %td\n", static_cast<double>(tensor(0, 3)), rows.bytes());
}

void meshes() {
  // [meshes]
  amq::Mesh mesh;
  mesh.dim = 2, mesh.nodes_per_cell = 3;
  mesh.points = {0, 0, 1, 0, 1, 1, 0, 1};  // (node, dim)
  mesh.cells = {0, 1, 3, 1, 2, 3};         // (cell, corner)
  amq::mesh::mark_boundary(mesh, amq::NodeType::wall);

  const amq::Graph graph = amq::mesh::cell_edges(mesh);  // directed edges by receiver
  std::printf("%td edges\n", graph.n_edges());

  amq::Field a(mesh.n_nodes(), 2);  // (node, channel)
  for (amq::Index i = 0; i < a.rows(); ++i) a(i, 0) = 3.0f;
  const amq::MatrixView<float> rows = amq::view(a);  // another's memory: pointer, extents, stride
  rows(0, 1) = 1.0f;
  // [meshes]
}

void networks() {
  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>>;
  constexpr auto scheme = [] { return amq::arithmetics::SchemeInfo::of<Scheme>(); };
  constexpr std::uint64_t seed = 1;
  // [networks]
  // A network is a model with its numbers, begun at random from a configuration, a scheme, a seed.
  const amq::Network<amq::MpPde> mp_pde({.hidden = 48, .layers = 4, .inputs = 2}, scheme(), seed);
  const amq::Network<amq::MeshGraphNet> graph_net({.hidden = 48, .layers = 4}, scheme(), seed);
  const amq::Network<amq::GraphVit> graph_vit({.hidden = 48, .width = 96}, scheme(), seed);
  const amq::Network<amq::Transolver> transolver({.hidden = 64, .tokens = 32}, scheme(), seed);
  const amq::Network<amq::Flare> flare({.hidden = 64, .tokens = 32}, scheme(), seed);

  const amq::Network<amq::Fno> fno({.dims = 1, .modes = {16}, .width = 32}, scheme(), seed);
  const amq::Network<amq::Unet> unet({.dims = 2, .features = 8}, scheme(), seed);
  const amq::Network<amq::ModernUnet> modern({.features = 16}, scheme(), seed);
  const amq::Network<amq::PatchTransformer> tokens({.patch = 4, .width = 64}, scheme(), seed);
  const amq::Network<amq::GalerkinTransformer> galerkin({.width = 64}, scheme(), seed);

  // It runs in any arithmetic: in float, in training, in integers, or to count what a pass costs.
  const auto pass = []<amq::arithmetic A>(A& a, const auto& net, const auto& sample) {
    return forward(net.model, a, sample);
  };
  // [networks]
  static_cast<void>(pass);
  std::printf("%zu parameters\n", mp_pde.parameters.values.size());
}

void training(const amq::Mesh& mesh, const amq::Field& given, const amq::Field& solution) {
  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>>;
  // [training]
  const std::vector<amq::Sample> samples{{mesh, given, solution}};  // more of them, in your units
  amq::TrainOptions options;  // progress, learning curve, resuming and what else there is to say
  options.epochs = 100;
  const auto net = amq::train<amq::MpPde>(samples, options);  // in float

  const auto fast = amq::quantize<Scheme>(net, samples, options);       // no further training
  const auto even = amq::train_uniform<Scheme>(net, samples, options);  // every row alike
  auto solver = amq::train_adaptive<Scheme>(net, samples, options);     // bits where they matter

  amq::save("mine.safetensors", solver);  // with a self-test that loading replays
  // [training]
}

void solving(const amq::Mesh& mesh, const amq::Field& a) {
  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>>;
  // [solving]
  using Solver = amq::MeshSolver<amq::MpPde, Scheme>;
  Solver solver = amq::load<amq::MpPde, Scheme>("mine.safetensors");  // replays its self-test
  const amq::Budget budget = amq::mean_bits(3);
  const amq::Solution s = solver(mesh, a, budget);  // in integers
  std::printf("%td rows\n", s.field.rows());  // (node, solution channel); s.report: what it cost

  amq::Rollout rollout(solver, mesh, a);  // a solver that predicts changes of state
  rollout.allocate_every(10);             // keeps its bits for ten steps

  const amq::RowTimes times = amq::solver::load_row_times("this_machine.json");
  solver.price_by(times);  // a budget is now time, as here, or what so many bits take
  solver.budget(amq::milliseconds(4));
  const amq::Allocator<>& by = solver.allocator();  // its score, price and sharing are policies

  using Grids = amq::GridSolver<amq::Fno, Scheme>;
  const Grids grids = amq::load<amq::Fno, Scheme>("fno.safetensors");
  // [solving]
  std::printf("%zu levels, %f bytes\n", by.levels().size(), grids.model_bytes());
}

void the_host() {
  // [host]
  amq::ThreadPool pool(4);         // threads of the program, given to whatever takes an Executor
  amq::Executor& executor = pool;  // or an executor of your own

  try {
    executor.parallel_for(1000, 64, [](std::size_t begin, std::size_t end) {
      std::printf("%zu to %zu\n", begin, end);
    });
  } catch (const amq::Error& error) {  // the one exception of the library
    std::puts(error.what());           // where, expected, found, and the mend
  }
  // [host]
}
