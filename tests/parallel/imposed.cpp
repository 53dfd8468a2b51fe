// Known boundary values (MeshEncoding::imposed) over ranks, and what ranks must say alike in a
// rollout.

#include "made.hpp"

#include <amq/parallel/local_communicator.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace test_imposed {

using namespace amq;
using namespace amq::parallel;
using cases::column;
using cases::gathered;
using cases::own_rows;
using fingerprints::Hash;

namespace {

/// One number a type and channel, none of which a network would say.
const std::vector<solver::ImposedValue>& imposed() {
  static const std::vector<solver::ImposedValue> all{{NodeType::wall, 0, 0.8125f},
                                                     {NodeType::wall, 1, -3},
                                                     {NodeType::inflow, 1, 1234.5f},
                                                     {NodeType::outflow, 0, 0}};
  return all;
}
/// Such a network whose encoding has these values; nodes of four types.
struct Bounded : cases::Made<MpPde> {
  explicit Bounded(Index variables = 0, const std::vector<solver::ImposedValue>& values = imposed())
      : Made({.scheme = {8, RowRule::affine, {1, 2, 4, 8}},
              .adaptive = true,
              .bits = 3,
              .variables = variables,
              .imposed = values}) {
    for (Index i = 0; i < mesh.n_nodes(); ++i) {
      NodeType& type = mesh.node_type[static_cast<std::size_t>(i)];
      if (type == NodeType::wall && i < cases::side) type = NodeType::inflow;
      if (type == NodeType::wall && i % cases::side == cases::side - 1) type = NodeType::outflow;
    }
  }
  /// How many numbers of a field (node of `nodes`, channel) have a value of theirs, or -1 where one
  /// has not.
  [[nodiscard]] int stand(const Field& f, const std::vector<NodeType>& nodes, double steps) const {
    int n = 0;
    for (const auto& v : imposed())
      for (Index i = 0; i < f.rows(); ++i) {
        if (nodes[static_cast<std::size_t>(i)] != v.type) continue;
        float expected = v.value;
        for (int k = 1; k < steps; ++k) expected += v.value;
        if (f(i, v.channel) != expected) return -1;
        ++n;
      }
    return n;
  }
};

}  // namespace

TEST_CASE("imposed values stand exactly on every rank, and all else has the bits of one rank") {
  const Bounded made;
  const std::size_t all = [&] {
    std::size_t n = 0;
    for (const auto& v : imposed())
      for (const NodeType t : made.mesh.node_type) n += t == v.type;
    return n;
  }();
  REQUIRE(all > 40);
  const Solution alone = (*made.solver)(made.mesh, made.given);
  CHECK(made.stand(alone.field, made.mesh.node_type, 1) == static_cast<int>(all));
  // The solution is the change of the state: from a state of 0 at these nodes a step adds a value.
  Field start = made.given;
  for (const auto& v : imposed())
    for (Index i = 0; i < start.rows(); ++i)
      if (made.mesh.node_type[static_cast<std::size_t>(i)] == v.type) start(i, v.channel) = 0;
  constexpr int steps = 5;
  Rollout<MpPde> rollout(*made.solver, made.mesh, start);
  for (int k = 0; k < steps; ++k) rollout.step();
  CHECK(made.stand(rollout.state(), made.mesh.node_type, steps) == static_cast<int>(all));

  for (const int ranks : {1, 2, 3, 5, 8})
    for (const char* partition : {"random", "strips", "one empty", "idle ghosts"}) {
      CAPTURE(ranks);
      CAPTURE(partition);
      std::atomic<int> standing = 0, after_steps = 0, same = 0;
      LocalRanks(ranks).run([&](Communicator& c) {
        const PartitionedMesh m = cases::cut_of({"", partition}, made, c);
        PartSolver<MpPde> part(*made.solver, m, c);
        const std::vector<NodeType> own(m.node_type.begin(), m.node_type.begin() + m.n_owned());
        const Solution s = part(own_rows(m, made.given));
        standing += made.stand(s.field, own, 1);
        PartRollout<MpPde> apart(part, own_rows(m, start));
        for (int k = 0; k < steps; ++k) apart.step();
        after_steps += made.stand(apart.state(), own, steps);
        same += gathered(c, m, s.field) == alone.field &&
                gathered(c, m, apart.state()) == rollout.state();
      });
      CHECK(standing == static_cast<int>(all));
      CHECK(after_steps == static_cast<int>(all));
      CHECK(same == ranks);
    }
}

TEST_CASE("ranks whose files impose other values are refused") {
  auto others = imposed();
  others.back().value = 0.5f;
  std::atomic<int> met = 0;
  CHECK_THROWS_WITH_AS(LocalRanks(3).run([&](Communicator& c) {
    const Bounded mine(0, c.rank() == 1 ? others : imposed());
    try {
      PartSolver<MpPde> part(*mine.solver, cases::cut_of({}, mine, c), c);
    } catch (const Error&) {
      ++met;
      throw;
    }
  }),
                       doctest::Contains("the same model on all"), Error);
  CHECK(met == 3);
}

TEST_CASE("a step that throws on all ranks leaves state and count, and the next is one rank's") {
  const Bounded made;
  Rollout<MpPde> whole(*made.solver, made.mesh, made.given);
  whole.allocate_every(3);
  std::vector<Field> states;
  std::vector<Cost> chosen;
  for (int step = 0; step < 7; ++step) {
    states.push_back(whole.step());
    chosen.push_back(whole.report().auxiliary_bops);
  }
  LocalRanks(3).run([&](Communicator& c) {
    const PartitionedMesh m = cases::cut_of({}, made, c);
    PartSolver<MpPde> part(*made.solver, m, c);
    PartRollout<MpPde> rollout(part, own_rows(m, made.given));
    rollout.allocate_every(3);
    for (std::size_t step = 0; step < states.size(); ++step) {
      const Field before = rollout.state();
      bool threw = false;
      try {
        rollout.step([](Field& next) {
          next.setZero();
          throw Error("host", "memory", "none", "Free some.");
        });
      } catch (const Error&) {
        threw = true;
      }
      CHECK(threw);
      CHECK(rollout.state() == before);
      CHECK(rollout.steps() == static_cast<Index>(step));
      rollout.step();
      CHECK(gathered(c, m, rollout.state()) == states[step]);
      CHECK(rollout.report().auxiliary_bops == chosen[step]);
    }
  });
}

TEST_CASE("a step over ranks reports those of its static rows that were cut, as one solver") {
  const cases::Made<MpPde> made({.scheme = {8, RowRule::fixed, {2}}, .bits = 2});
  const Field far = 1000 * made.given;
  const auto shares_of = [](auto& rollout) {
    rollout.allocate_every(3);
    std::vector<double> shares;
    for (int step = 0; step < 4; ++step) {
      rollout.step();
      shares.push_back(rollout.report().cut_share);
    }
    return shares;
  };
  Rollout<MpPde> whole(*made.solver, made.mesh, far);
  const std::vector<double> expected = shares_of(whole);
  CHECK(expected.front() > 0);
  LocalRanks(1).run([&](Communicator& c) {
    const PartitionedMesh m = cases::cut_of({}, made, c);
    PartSolver<MpPde> part(*made.solver, m, c);
    PartRollout<MpPde> rollout(part, own_rows(m, far));
    CHECK(shares_of(rollout) == expected);
  });
  made.solver->out_of_range(OutOfRange::ignore);
  LocalRanks(1).run([&](Communicator& c) {
    const PartitionedMesh m = cases::cut_of({}, made, c);
    PartSolver<MpPde> part(*made.solver, m, c);
    PartRollout<MpPde> rollout(part, own_rows(m, far));
    CHECK(shares_of(rollout) == std::vector<double>(4));
  });
}

TEST_CASE("ranks that say another time, or allocate in other steps, are told so") {
  const Bounded made(2);
  for (const int what : {0, 1, 2, 3}) {
    CAPTURE(what);
    std::mutex mutex;
    std::multiset<std::string> met;
    CHECK_THROWS_AS(LocalRanks(3).run([&](Communicator& c) {
      const PartitionedMesh m = cases::cut_of({}, made, c);
      PartSolver<MpPde> part(*made.solver, m, c);
      const Field given = own_rows(m, made.given);
      const bool here = c.rank() == 2;
      const std::array<double, 2> same{0.5, 1}, late{0.5 + 1e-12, 1};
      try {
        part(given, solver::SolveOptions{same});
        if (what == 0) part(given, solver::SolveOptions{here ? late : same});
        PartRollout<MpPde> rollout(part, given);
        rollout.options({}, {0.5, here && what == 1 ? 2. : 1.});
        if (what >= 2) rollout.allocate_every(!here ? 2 : what == 2 ? 3 : 0);
        rollout.step();
      } catch (const Error& e) {
        const std::lock_guard lock(mutex);
        met.insert(e.what());
        throw;
      }
    }),
                    Error);
    REQUIRE(met.size() == 3);
    CHECK(met.count(*met.begin()) == 3);
    const char* words[] = {"the same time and parameters", "the same time and parameters",
                           "the same number of steps between allocations", "1 or more steps"};
    CHECK_MESSAGE(met.begin()->find(words[what]) != std::string::npos, *met.begin());
  }
}

}  // namespace test_imposed
