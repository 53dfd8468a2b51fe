// Story 10: a PETSc program calls a surrogate. Acid dissolves the rock that it comes to, which then
// lets four times as much through. PETSc has the partition, the acid and the steps in time; in each
// of them amq's shipped model says the pressure that drives the flow. Whatever the number of ranks,
// acid and pressure are the same, bit for bit.
//
//   mpirun -n 4 10_petsc examples/02_deploy/darcy.safetensors

#include <amq/mesh/random_square.hpp>
#include <amq/mpi.hpp>
#include <amq/parallel.hpp>
#include <amq/solver.hpp>

#include <map>
#include <set>

#include <petscts.h>

namespace {

using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<1, 2, 3, 4, 5, 6, 8>>;

struct Ghosted {
  Vec own = nullptr, here = nullptr;  // own rows alone; own rows, then ghosts'
};
struct Host {
  amq::parallel::PartitionedMesh mesh;
  Ghosted acid, pressure;
  amq::parallel::PartSolver<amq::MpPde, Scheme>* surrogate = nullptr;
};

/// What a rank has: PETSc's rows, and the cells and nodes around them, numbered as in `here`.
PetscErrorCode read_part(const amq::Mesh& file, Host& h) {
  amq::parallel::PartitionedMesh& m = h.mesh;
  m.nodes_in_all = file.n_nodes();
  const auto all = static_cast<PetscInt>(file.n_nodes());
  PetscLayout rows = nullptr;
  PetscInt first = 0, last = 0;
  PetscCall(PetscLayoutCreateFromSizes(PETSC_COMM_WORLD, PETSC_DECIDE, all, 1, &rows));
  PetscCall(PetscLayoutGetRange(rows, &first, &last));
  const auto own = [&](std::int32_t v) { return v >= first && v < last; };
  std::vector<std::int32_t> corners;  // of cells with an own node, in the file's order
  for (std::size_t k = 0; k < file.cells.size(); k += 3)
    if (const std::span v(&file.cells[k], 3); std::any_of(v.begin(), v.end(), own))
      corners.insert(corners.end(), v.begin(), v.end());
  std::map<std::int32_t, std::int32_t> number;
  const auto add = [&](std::int32_t v) {
    number.emplace(v, static_cast<std::int32_t>(number.size()));
    m.points.insert(m.points.end(), file.point(v), file.point(v) + 2);
    m.node_type.push_back(file.node_type[static_cast<std::size_t>(v)]);
  };
  for (PetscInt v = first; v < last; ++v) m.owned.push_back(v), add(v);
  std::vector<PetscInt> ghosts;
  for (const auto v : std::set(corners.begin(), corners.end())) {  // ascend, and so do their ranks
    if (own(v)) continue;
    PetscMPIInt rank = 0;
    PetscCall(PetscLayoutFindOwner(rows, v, &rank));
    if (m.ghosts.empty() || m.ghosts.back().rank != rank) m.ghosts.push_back({rank, {}});
    m.ghosts.back().nodes.push_back(v), ghosts.push_back(v), add(v);
  }
  for (const auto v : corners) m.cells.push_back(number[v]);
  for (Ghosted* x : {&h.acid, &h.pressure}) {
    PetscCall(VecCreateGhost(PETSC_COMM_WORLD, last - first, all,
                             static_cast<PetscInt>(ghosts.size()), ghosts.data(), &x->own));
    PetscCall(VecGhostGetLocalForm(x->own, &x->here));
  }
  return PetscLayoutDestroy(&rows);
}

PetscErrorCode exchange(const Ghosted& x) {
  PetscCall(VecGhostUpdateBegin(x.own, INSERT_VALUES, SCATTER_FORWARD));
  return VecGhostUpdateEnd(x.own, INSERT_VALUES, SCATTER_FORWARD);
}

/// What TS asks for: how fast the acid changes, which comes from where the pressure is higher.
PetscErrorCode rate_of(TS, PetscReal, Vec acid, Vec rate, void* context) {
  auto& h = *static_cast<Host*>(context);
  const amq::Index n = h.mesh.n_owned();
  const PetscScalar *c = nullptr, *p = nullptr;
  PetscScalar *p_own = nullptr, *r = nullptr;
  // Cells are in the file's order on every rank, and so are the sums of a node.
  const auto each_pair = [&](const auto& f) {
    for (std::size_t k = 0; k < h.mesh.cells.size(); k += 3)
      for (const auto i : std::span(&h.mesh.cells[k], 3))
        for (const auto j : std::span(&h.mesh.cells[k], 3))
          if (i < n) f(i, j);
  };
  const auto permeability = [&](auto i) { return c[i] > 0.5 ? 12.f : 3.f; };
  PetscCall(VecCopy(acid, h.acid.own));
  PetscCall(exchange(h.acid));
  PetscCall(VecGetArrayRead(h.acid.here, &c));
  amq::Field given = amq::Field::Zero(n, 2), pairs = amq::Field::Zero(n, 1);
  each_pair([&](auto i, auto j) { given(i, 1) += permeability(j), ++pairs(i); });
  for (amq::Index i = 0; i < n; ++i) given.row(i) << permeability(i), given(i, 1) / pairs(i);
  amq::Solution s;
  try {
    h.surrogate->solve(amq::view(std::as_const(given)), s, amq::mean_bits(3));
  } catch (const amq::Error& e) {  // on all ranks
    SETERRQ(PETSC_COMM_SELF, PETSC_ERR_LIB, "%s", e.what());
  }
  PetscCall(VecGetArray(h.pressure.own, &p_own));
  for (amq::Index i = 0; i < n; ++i)
    p_own[i] =
        h.mesh.node_type[static_cast<std::size_t>(i)] == amq::NodeType::wall ? 0 : s.field(i, 0);
  PetscCall(VecRestoreArray(h.pressure.own, &p_own));
  PetscCall(exchange(h.pressure));
  PetscCall(VecGetArrayRead(h.pressure.here, &p));
  PetscCall(VecSet(rate, 0));
  PetscCall(VecGetArray(rate, &r));
  const double* x = h.mesh.points.data();
  each_pair([&](auto i, auto j) {
    const double dx = x[2 * i] - x[2 * j], dy = x[2 * i + 1] - x[2 * j + 1];
    const double speed =
        (permeability(i) + permeability(j)) / 2 * (p[j] - p[i]) / (dx * dx + dy * dy);
    if (p[j] > p[i] && c[i] < 1) r[i] += speed * (c[j] - c[i]) / 3;  // a third of six neighbours
  });
  PetscCall(VecRestoreArray(rate, &r));
  PetscCall(VecRestoreArrayRead(h.acid.here, &c));
  return VecRestoreArrayRead(h.pressure.here, &p);
}

PetscErrorCode run(const char* path) {
  amq::parallel::MpiCommunicator world(PETSC_COMM_WORLD);
  amq::core::Random random(5);
  const amq::Mesh drawn = amq::mesh::random_refined_square(random, 700);
  const amq::Mesh file = amq::mesh::renumber(
      drawn, amq::mesh::hilbert_order(drawn.points, 2));  // rows of a rank lie together
  Host h;
  PetscCall(read_part(file, h));
  const auto solver = amq::load<amq::MpPde, Scheme>(path);
  amq::parallel::PartSolver part(solver, h.mesh, world);
  h.surrogate = &part;

  TS ts = nullptr;
  Vec acid = nullptr;
  PetscScalar* c = nullptr;
  PetscCall(VecDuplicate(h.acid.own, &acid));
  PetscCall(VecGetArray(acid, &c));
  for (amq::Index i = 0; i < part.n_owned(); ++i) {
    const double* x = &h.mesh.points[static_cast<std::size_t>(2 * i)];
    c[i] = std::hypot(x[0] - 0.5, x[1] - 0.5) < 0.2 ? 1 : 0;  // here it is pumped in
  }
  PetscCall(VecRestoreArray(acid, &c));
  PetscCall(TSCreate(PETSC_COMM_WORLD, &ts));
  PetscCall(TSSetType(ts, TSEULER));
  PetscCall(TSSetRHSFunction(ts, nullptr, rate_of, &h));
  PetscCall(TSSetTimeStep(ts, 1. / 64));  // a power of two: exact, with fused additions or without
  PetscCall(TSSetMaxSteps(ts, 20));
  PetscCall(TSSetExactFinalTime(ts, TS_EXACTFINALTIME_STEPOVER));
  PetscCall(TSSetFromOptions(ts));
  PetscCall(TSSolve(ts, acid));
  PetscCall(TSDestroy(&ts));

  // The acid as bits, from the nodes' owners: one number on any number of ranks.
  std::vector<std::int64_t> words(static_cast<std::size_t>(file.n_nodes()), 0);
  std::int64_t dissolved = 0;
  PetscCall(VecGetArray(acid, &c));
  for (std::size_t i = 0; i < h.mesh.owned.size(); ++i) {
    words[static_cast<std::size_t>(h.mesh.owned[i])] = std::bit_cast<std::int64_t>(c[i]);
    dissolved += c[i] > 0.5;
  }
  PetscCall(VecRestoreArray(acid, &c));
  world.sum(words), world.sum({&dissolved, 1});
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const auto w : words) hash = (hash ^ static_cast<std::uint64_t>(w)) * 0x100000001b3u;
  PetscCall(PetscPrintf(PETSC_COMM_WORLD,
                        "%d ranks: rock dissolved at %d of %d nodes, solution %016llx\n",
                        world.size(), static_cast<int>(dissolved), static_cast<int>(file.n_nodes()),
                        static_cast<unsigned long long>(hash)));
  PetscCall(VecDestroy(&acid));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
  PetscCall(PetscInitialize(&argc, &argv, nullptr, nullptr));
  try {
    PetscCallAbort(
        PETSC_COMM_WORLD,
        run(argc > 1 && argv[1][0] != '-' ? argv[1] : "examples/02_deploy/darcy.safetensors"));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  PetscCall(PetscFinalize());
  MPI_Finalize();
}
