// Story 8: one mesh on several ranks. Scotch cuts the mesh, every rank solves its part with the
// shipped model, and the parts are written as one parallel VTU. Whatever the number of ranks, the
// solution is the same, bit for bit.
//
//   mpirun -n 4 08_ranks examples/02_deploy/darcy.safetensors

#include <amq/io/vtu.hpp>
#include <amq/mpi.hpp>
#include <amq/parallel.hpp>
#include <amq/solver.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <scotch.h>

namespace {

/// (node) rank: as many nodes each, and few edges between ranks. The first rank asks Scotch, which
/// may begin with a random number of its own, and the others hear of it.
std::vector<int> partition(const amq::Graph& graph, amq::MpiCommunicator& world) {
  std::vector<std::int64_t> owner(static_cast<std::size_t>(graph.n_nodes()), 0);
  int failed = 0;
  if (world.rank() == 0) {
    std::vector<SCOTCH_Num> first(graph.first.begin(), graph.first.end()),
        sender(graph.sender.begin(), graph.sender.end()), part(owner.size());
    SCOTCH_Graph g;
    SCOTCH_Strat how;
    SCOTCH_graphInit(&g);
    SCOTCH_stratInit(&how);
    failed = SCOTCH_graphBuild(&g, 0, static_cast<SCOTCH_Num>(graph.n_nodes()), first.data(),
                               nullptr, nullptr, nullptr, static_cast<SCOTCH_Num>(graph.n_edges()),
                               sender.data(), nullptr);
    if (failed == 0) failed = SCOTCH_graphPart(&g, world.size(), &how, part.data());
    SCOTCH_stratExit(&how);
    SCOTCH_graphExit(&g);
    owner.assign(part.begin(), part.end());
  }
  if (failed != 0)
    throw amq::Error("Scotch", "a partition", "none", "Is the graph symmetric and without loops?");
  world.sum(owner);
  return {owner.begin(), owner.end()};
}

void run(const char* path) {
  amq::MpiCommunicator world(MPI_COMM_WORLD);
  // A problem as the host would have it. A larger host has a part of it alone, and no more.
  const amq::MeshSample sample = amq::lab::to_mesh_sample(
      amq::lab::DarcySampler({.least_nodes = 4000, .most_nodes = 4000}).sample(2026, 0));
  const auto &a = amq::node_field(sample, "a"), &a_mean = amq::node_field(sample, "a_mean");

  // [ranks]
  using Bits = amq::Activations<1, 2, 3, 4, 5, 6, 8>;
  using Scheme = amq::Scheme<amq::Weights<8>, Bits>;
  const auto solver = amq::load<amq::MpPde, Scheme>(path);
  const std::vector<int> owner = partition(amq::cell_edges(sample.mesh), world);
  const amq::PartitionedMesh mine = amq::cut(solver, sample.mesh, owner, world.rank());
  amq::PartSolver part(solver, mine, world);

  amq::Field given(mine.n_owned(), 2);  // of own nodes
  for (amq::Index i = 0; i < given.rows(); ++i) {
    const auto node = static_cast<std::size_t>(mine.owned[static_cast<std::size_t>(i)]);
    given.row(i) << a[node], a_mean[node];
  }
  const amq::Solution s = part(given, amq::mean_bits(3));
  // [ranks]

  // A piece has the cells whose first corner is owned, and those corners: values of other ranks'
  // nodes come as bits, added to nothing.
  std::vector<std::int64_t> words(static_cast<std::size_t>(sample.mesh.n_nodes()), 0);
  for (amq::Index i = 0; i < given.rows(); ++i)
    words[static_cast<std::size_t>(mine.owned[static_cast<std::size_t>(i)])] =
        std::bit_cast<std::int32_t>(s.field(i, 0));
  world.sum(words);
  amq::Mesh piece;
  std::vector<std::int32_t> number(words.size(), -1);
  std::vector<float> u;
  for (amq::Index c = 0; c < sample.mesh.n_cells(); ++c) {
    const std::int32_t* v = sample.mesh.cell(c);
    if (owner[static_cast<std::size_t>(v[0])] != world.rank()) continue;
    for (int k = 0; k < 3; ++k) {
      const auto node = static_cast<std::size_t>(v[k]);
      if (number[node] < 0) {
        number[node] = static_cast<std::int32_t>(u.size());
        const double* x = sample.mesh.point(v[k]);
        piece.points.insert(piece.points.end(), {x[0], x[1]});
        u.push_back(std::bit_cast<float>(static_cast<std::int32_t>(words[node])));
      }
      piece.cells.push_back(number[node]);
    }
  }
  amq::vtu::Grid grid(piece);
  grid.point("u", u);
  grid.cell("rank", std::vector<int>(static_cast<std::size_t>(piece.n_cells()), world.rank()));
  grid.write("ranks_" + std::to_string(world.rank()) + ".vtu");
  if (world.rank() != 0) return;
  std::vector<std::string> pieces;
  for (int r = 0; r < world.size(); ++r) pieces.push_back("ranks_" + std::to_string(r) + ".vtu");
  amq::write_file("ranks.pvtu", grid.joined(pieces));

  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const auto w : words) hash = (hash ^ static_cast<std::uint32_t>(w)) * 0x100000001b3u;
  std::printf("%d ranks, %td nodes: %.3g of %.3g budgeted BOPs, solution %016llx\n", world.size(),
              sample.mesh.n_nodes(), static_cast<double>(s.report.bops),
              static_cast<double>(s.report.budget), static_cast<unsigned long long>(hash));
}

}  // namespace

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
  try {
    run(argc > 1 ? argv[1] : "examples/02_deploy/darcy.safetensors");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
}
