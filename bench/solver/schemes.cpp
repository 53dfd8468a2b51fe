// Question: what does a program save whose scheme is a type, against one that reads it from a file?
// schemes.py compiles this once a scheme, weighs what comes out, and lets all solve in turn.
#include <amq/mesh/random_square.hpp>
#include <amq/solver.hpp>

#include <cstdio>
#include <ctime>
#include <exception>
#include <string>

#ifndef AMQ_SCHEME
#define AMQ_SCHEME amq::AnyScheme
#endif

namespace {

using namespace amq;
using namespace amq::solver;

struct Task {
  Mesh mesh;
  Field given;

  Task() {
    Random random(4);
    mesh = random_refined_square(random, 800);
    mark_boundary(mesh);
    given.resize(mesh.n_nodes(), 2);
    for (Index i = 0; i < given.size(); ++i) given.data()[i] = static_cast<float>(random.normal());
  }
};

#ifdef AMQ_MAKE
/// Untrained, of the shipped model's sizes; several levels get an auxiliary model.
void make(const std::string& path, const std::string& scheme, double bits) {
  const Task p;
  const SchemeInfo info = SchemeInfo::named(scheme, "schemes");
  MeshEncoding e;
  e.input_mean = {0, 0};
  e.input_deviation = {1, 1};
  e.lattices = {4, 8};
  MpPdeConfig c;
  c.hidden = 48;
  c.layers = 4;
  c.inputs = e.inputs();
  auto net = std::make_unique<Network<MpPde>>(c, info, 1);
  std::unique_ptr<Auxiliary> light;
  if (info.levels.size() > 1)
    light = std::make_unique<Auxiliary>(AuxiliaryConfig{}, c.inputs, c.dim,
                                        PointScores(net->layout).columns(), 2);
  save(path, MeshSolver<MpPde>(std::move(net), std::move(light), e), {p.mesh, p.given, {bits}});
}
#else
/// Answers each character with the milliseconds of processor time of one solve, the mesh being
/// ready.
void solve(const std::string& path, double bits) {
  const auto solver = load<MpPde, AMQ_SCHEME>(path);
  const Task p;
  const auto at = solver.prepare(p.mesh);
  Solution s;
  for (int line = std::getchar(); line != EOF; line = std::getchar()) {
    const std::clock_t start = std::clock();
    at.solve(view(p.given), s, mean_bits(bits));
    std::printf("%.4f\n", 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    std::fflush(stdout);
  }
}
#endif

}  // namespace

int main(int argc, char** argv) try {
#ifdef AMQ_MAKE
  if (argc == 4) return make(argv[1], argv[2], std::stod(argv[3])), 0;
  std::puts("schemes FILE SCHEME BITS   makes a file: see schemes.py");
#else
  if (argc == 3) return solve(argv[1], std::stod(argv[2])), 0;
  std::puts("schemes FILE BITS          solves once for each character it reads: see schemes.py");
#endif
  return 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
