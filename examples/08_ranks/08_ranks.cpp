// Story 8: one mesh on several ranks. Scotch cuts the mesh, every rank solves its part with the
// shipped model, and the parts are written as a parallel VTU a step, in one PVD. Whatever the
// number of ranks, the solution is the same, bit for bit.
//
//   mpirun -n 4 08_ranks examples/02_deploy/darcy.safetensors               a random mesh
//   mpirun -n 4 08_ranks examples/02_deploy/darcy.safetensors square.msh    a mesh of gmsh

#include <amq/io/vtu.hpp>
#include <amq/mesh/indicators.hpp>
#include <amq/mpi.hpp>
#include <amq/parallel.hpp>
#include <amq/solver.hpp>
#include <amq_lab/data/gmsh.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <scotch.h>

namespace {

/// (node) rank: as many nodes each, and few edges between ranks. The first rank asks Scotch, which
/// may begin with a random number of its own, and the others hear of it.
std::vector<int> partition(const amq::Graph& graph, amq::parallel::MpiCommunicator& world) {
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

/// A problem as the host would have it: a mesh, and the medium at some times. A larger host has a
/// part of the mesh alone, and no more.
struct Problem {
  amq::Mesh mesh;
  std::vector<amq::Field> given;  ///< (time)(node, 2): the medium and its mean around the node

  explicit Problem(const char* gmsh_file) {
    if (gmsh_file) {
      mesh = amq::lab::read_gmsh(gmsh_file).mesh;
      amq::mesh::mark_boundary(mesh);
      for (const double at : {0.3, 0.4, 0.5}) given.push_back(front(at));
      return;
    }
    amq::mesh::MeshSample sample = amq::lab::to_mesh_sample(
        amq::lab::DarcySampler({.least_nodes = 4000, .most_nodes = 4000}).sample(2026, 0));
    amq::Field a(sample.mesh.n_nodes(), 2);
    for (amq::Index i = 0; i < a.rows(); ++i)
      a.row(i) << amq::mesh::node_field(sample, "a")[static_cast<std::size_t>(i)],
          amq::mesh::node_field(sample, "a_mean")[static_cast<std::size_t>(i)];
    mesh = std::move(sample.mesh);
    given.push_back(std::move(a));
  }
  /// A medium of 12 left of a front and of 3 right of it.
  [[nodiscard]] amq::Field front(double at) const {
    std::vector<double> cell;
    for (amq::Index c = 0; c < mesh.n_cells(); ++c) {
      double middle = 0;
      for (int k = 0; k < 3; ++k) middle += mesh.point(mesh.cell(c)[k])[0] / 3;
      cell.push_back(middle < at ? 12 : 3);
    }
    const std::vector<double> mean = amq::mesh::cells_to_nodes(mesh, cell);
    amq::Field a(mesh.n_nodes(), 2);
    for (amq::Index i = 0; i < a.rows(); ++i)
      a.row(i) << (mesh.point(i)[0] < at ? 12.0f : 3.0f),
          static_cast<float>(mean[static_cast<std::size_t>(i)]);
    return a;
  }
};

/// The cells whose first corner this rank owns, and those corners.
struct Piece {
  amq::Mesh mesh;
  std::vector<std::int32_t> node;  ///< (node of the piece) of the whole mesh

  Piece(const amq::Mesh& whole, const std::vector<int>& owner, int rank) {
    std::vector<std::int32_t> number(owner.size(), -1);
    for (amq::Index c = 0; c < whole.n_cells(); ++c) {
      const std::int32_t* v = whole.cell(c);
      if (owner[static_cast<std::size_t>(v[0])] != rank) continue;
      for (int k = 0; k < 3; ++k) {
        std::int32_t& own = number[static_cast<std::size_t>(v[k])];
        if (own < 0) {
          own = static_cast<std::int32_t>(node.size());
          const double* x = whole.point(v[k]);
          mesh.points.insert(mesh.points.end(), {x[0], x[1]});
          node.push_back(v[k]);
        }
        mesh.cells.push_back(own);
      }
    }
  }
};

void run(const char* path, const char* gmsh_file) {
  amq::parallel::MpiCommunicator world(MPI_COMM_WORLD);
  const Problem problem(gmsh_file);
  // [ranks]
  using Bits = amq::Activations<1, 2, 3, 4, 5, 6, 8>;
  using Scheme = amq::Scheme<amq::Weights<8>, Bits>;
  const auto solver = amq::load<amq::MpPde, Scheme>(path);
  const std::vector<int> owner = partition(amq::mesh::cell_edges(problem.mesh), world);
  const amq::parallel::PartitionedMesh mine =
      amq::parallel::cut(solver, problem.mesh, owner, world.rank());
  amq::parallel::PartSolver part(solver, mine, world);
  // [ranks]
  const Piece piece(problem.mesh, owner, world.rank());
  amq::io::vtu::Series series("ranks.pvd");
  amq::Field given(mine.n_owned(), 2);  // of own nodes
  amq::Solution s;
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t time = 0; time < problem.given.size(); ++time) {
    for (amq::Index i = 0; i < given.rows(); ++i)
      given.row(i) =
          problem.given[time].row(static_cast<amq::Index>(mine.owned[static_cast<std::size_t>(i)]));
    part.solve(amq::view(given), s, amq::mean_bits(3));

    // Values of other ranks' nodes come as bits, added to nothing.
    std::vector<std::int64_t> words(owner.size(), 0);
    for (amq::Index i = 0; i < given.rows(); ++i)
      words[static_cast<std::size_t>(mine.owned[static_cast<std::size_t>(i)])] =
          std::bit_cast<std::int32_t>(s.field(i, 0));
    world.sum(words);
    for (const auto w : words) hash = (hash ^ static_cast<std::uint32_t>(w)) * 0x100000001b3u;

    std::vector<float> u;
    for (const auto node : piece.node)
      u.push_back(
          std::bit_cast<float>(static_cast<std::int32_t>(words[static_cast<std::size_t>(node)])));
    amq::io::vtu::Grid grid(piece.mesh);
    grid.point("u", u);
    grid.cell("rank",
              std::vector<int>(static_cast<std::size_t>(piece.mesh.n_cells()), world.rank()));
    const std::string step = "ranks_" + std::to_string(time);
    const auto file = [&](int rank) { return step + "_" + std::to_string(rank) + ".vtu"; };
    grid.write(file(world.rank()));
    if (world.rank() != 0) continue;
    std::vector<std::string> pieces;
    for (int r = 0; r < world.size(); ++r) pieces.push_back(file(r));
    amq::io::write_file(step + ".pvtu", grid.joined(pieces));
    series.add(static_cast<double>(time), step + ".pvtu");
  }
  if (world.rank() == 0)
    std::printf("%d ranks, %td nodes: %.3g of %.3g budgeted BOPs, solution %016llx\n", world.size(),
                problem.mesh.n_nodes(), static_cast<double>(s.report.bops),
                static_cast<double>(s.report.budget), static_cast<unsigned long long>(hash));
}

}  // namespace

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
  try {
    run(argc > 1 ? argv[1] : "examples/02_deploy/darcy.safetensors", argc > 2 ? argv[2] : nullptr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
}
