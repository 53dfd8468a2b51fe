// Question: what do persistent requests save? Ranks in a ring send each other messages, of the same
// memory each time or of memory that moves by a byte, for which requests are made each time.
//
//   mpirun -n 1 bench_messages: to itself, or on more ranks
#include <amq/mpi.hpp>

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace amq::parallel;

/// Least microseconds of an exchange, of so many rounds.
double least(MpiCommunicator& c, std::size_t bytes, bool moves) {
  constexpr std::size_t places = 40;  // more than are kept
  std::vector<std::byte> out(bytes + places), in(out.size());
  const int next = (c.rank() + 1) % c.size(), last = (c.rank() + c.size() - 1) % c.size();
  double best = 1e9;
  for (int round = 0; round < 30; ++round) {
    constexpr int times = 400;
    const double begin = MPI_Wtime();
    for (int k = 0; k < times; ++k) {
      const std::size_t at = moves ? static_cast<std::size_t>(k) % places : 0;
      const Communicator::Message send{next, std::span(out).subspan(at, bytes)},
          receive{last, std::span(in).subspan(at, bytes)};
      c.begin({&send, 1}, {&receive, 1});
      c.finish();
    }
    best = std::min(best, 1e6 * (MPI_Wtime() - begin) / times);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
  {
    MpiCommunicator world(MPI_COMM_WORLD);
    if (world.rank() == 0) std::printf("ranks,bytes,made_us,begun_again_us\n");
    for (const std::size_t bytes : {64u, 1024u, 14'256u, 100'000u}) {
      const double made = least(world, bytes, true), again = least(world, bytes, false);
      if (world.rank() == 0) std::printf("%d,%zu,%.3f,%.3f\n", world.size(), bytes, made, again);
    }
  }
  MPI_Finalize();
  return 0;
}
