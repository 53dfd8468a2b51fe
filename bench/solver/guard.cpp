// Question: what share of a solve does it take to look whether an input lies outside of what
// training saw? MP-PDE of 6 layers on a random triangulation; an untrained network, since times do
// not depend on what weights say.
//
// Usage: bench_solver_guard [--nodes=1000] [--rounds=n] [--core=n] [--hidden=128]
// Of a field: its ranges, compared with those of training, once a solve. Of a mesh: what examine()
// looks at, once a mesh. Both beside a solve at 8 bits that does not look, and one that does. Of
// static ranges: a solve that counts rows which are cut, and one that does not.

#include <amq/mesh/random_square.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/solver/mesh_solver.hpp>

#include "../kernels/speed.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::solver;

int main(int argc, char** argv) {
  if (!simd::native_supported()) return 77;
  int hidden = 128;
  timing::SpeedArguments asked;
  asked.nodes = 1'000;
  asked.read(argc, argv, [&](const char* text) {
    if (!std::strncmp(text, "--hidden=", 9)) return hidden = std::atoi(text + 9), true;
    return false;
  });
  using Eight = Scheme<Weights<8>, Activations<8>, ByRange>;
  using Fixed = Scheme<Weights<8>, Activations<8>, Static>;
  Random random(4);
  Mesh mesh = random_refined_square(random, asked.nodes);
  mark_boundary(mesh);
  Field given(mesh.n_nodes(), 2);
  for (Index i = 0; i < given.size(); ++i) given.data()[i] = static_cast<float>(random.normal());

  MeshEncoding e;
  e.input_mean = {0, 0};
  e.input_deviation = {1, 1};
  e.lattices = {4, 8, 16};
  MpPdeConfig c;
  c.hidden = hidden;
  c.inputs = e.inputs();
  c.outputs = e.outputs();
  TrainedOn seen;
  seen.add(view(given), view(given));
  const Graph sides = cell_edges(mesh);
  seen.add(mesh, sides);
  const auto made = [&]<typename S>(S, OutOfRange policy) {
    auto s = std::make_unique<MeshSolver<MpPde, S>>(
        std::make_unique<Network<MpPde>>(c, SchemeInfo::of<S>(), 1), nullptr, e);
    s->trained_on(seen);
    s->out_of_range(policy);
    return s;
  };
  const auto looks = made(Eight(), OutOfRange::refuse), blind = made(Eight(), OutOfRange::ignore);
  const auto counts = made(Fixed(), OutOfRange::report), none = made(Fixed(), OutOfRange::ignore);
  const auto counting = counts->prepare(mesh), not_counting = none->prepare(mesh);
  const auto seeing = looks->prepare(mesh), unseeing = blind->prepare(mesh);
  Solution out;
  double sum = 0;
  const std::vector<timing::Contender> all{
      {"solve, ignoring", 8, [&] { unseeing.solve(view(given), out); }, true},
      {"solve, refusing", 8, [&] { seeing.solve(view(given), out); }},
      {"static, ignoring", 8, [&] { not_counting.solve(view(given), out); }},
      {"static, counting", 8, [&] { counting.solve(view(given), out); }},
      {"of a field", 8,
       [&] {
         const auto ranges = TrainedOn::ranges(view(given));
         for (std::size_t k = 0; k < ranges.size(); ++k) sum += seen.given[k].beyond(ranges[k]);
       }},
      {"of a mesh", 8,
       [&] {
         MeshFindings f = examine(mesh, true);
         examine(mesh, sides, true, true, f);
         sum += static_cast<double>(f.bodies);
       }},
      {"mesh preparation", 8, [&] { (void)blind->prepare(mesh); }}};
  const auto t = timing::medians(all, asked.rounds, timing::Clock::thread);
  std::printf("%td nodes, %d channels, %s\n", mesh.n_nodes(), hidden, timing::level().c_str());
  for (std::size_t k = 0; k < all.size(); ++k)
    std::printf("  %-18s %10.4f ms  %8.4f %% of a solve\n", all[k].name.c_str(), 1e3 * t[k],
                100 * t[k] / t[0]);
  return sum < 0;
}
