// One rank of an MPI program. Run by mpi_test.py:
//   laws              what every communicator promises
//   fail KIND RANK    see transport::fail(): prints the error that all ranks met
//   table PARTITION THREADS   what a solve and 50 steps of all networks give, see cases::apart():
//                     prints what differs from their numbers
//   faults            how many there are to meet
//   meet FAULT RANK   see cases::meet(): prints the error, or how it differs from what it must say
//   before            a communicator before MPI_Init_thread
//   memory NETWORK    how often solves after two ask for memory, MPI's own calls left out
//   single            MPI without threads: prints the error
//   die WHEN          rank 1 ends without a word, as if it had been killed: while others wait for
//                     a sum, or for its halo
#define DOCTEST_CONFIG_IMPLEMENT  // cases.cpp reads its header; main() is our own

#include "cases.hpp"
#include "transport.hpp"

#include <amq/mpi.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

namespace {

long asked = 0;  // for memory, by C++

void* counted(void* p) {
  ++asked;
  if (!p) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(std::size_t n) {
  return counted(std::malloc(n ? n : 1));
}
void* operator new(std::size_t n, std::align_val_t align) {
  const auto a = static_cast<std::size_t>(align);
  return counted(std::aligned_alloc(a, (n + a - 1) / a * a));
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace {

/// The words must be the same everywhere.
void print_common(const std::string& own) {
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  std::vector<char> mine(1024, 0), all(mine.size() * static_cast<std::size_t>(size));
  std::strncpy(mine.data(), own.c_str(), mine.size() - 1);
  MPI_Gather(mine.data(), 1024, MPI_CHAR, all.data(), 1024, MPI_CHAR, 0, MPI_COMM_WORLD);
  if (rank != 0) return;
  for (int r = 1; r < size; ++r)
    if (std::strcmp(all.data(), all.data() + 1024 * r) != 0)
      std::printf("rank %d differs: %s\n", r, all.data() + 1024 * r);
  std::printf("%s\n", all.data());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  int level = 0;
  std::string before = "no error";
  if (what == "before") try {
      const amq::parallel::MpiCommunicator early(MPI_COMM_WORLD);
    } catch (const amq::Error& e) {
      before = e.what();
    }
  MPI_Init_thread(&argc, &argv, what == "single" ? MPI_THREAD_SINGLE : MPI_THREAD_FUNNELED, &level);
  std::string said = before;
  try {
    amq::parallel::MpiCommunicator world(MPI_COMM_WORLD);
    if (what == "laws") {
      said = transport::laws(world);
      if (world.size() > 1 && world.restarted() < 20) said = "requests are not begun again";
    } else if (what == "fail" && argc == 4) {
      transport::fail(std::atoi(argv[2]), std::atoi(argv[3]), world);
    } else if (what == "meet" && argc == 4) {
      const auto fault = cases::all_faults().at(static_cast<std::size_t>(std::atoi(argv[2])));
      try {
        cases::meet(fault, std::atoi(argv[3]), world);
      } catch (const amq::Error& e) {
        said = std::strstr(e.what(), cases::words_of(fault)) ? "as expected" : e.what();
      }
    } else if (what == "table" && argc == 4) {
      said.clear();
      for (const cases::Row& row : cases::all_networks)
        if (const auto found = cases::apart({row.network, argv[2], std::atoi(argv[3])}, world);
            found != row.hash)
          said += std::string(row.network) + ": " + found + ", not " + row.hash + "; ";
      if (said.empty()) said = "good";
    } else if (what == "faults") {
      said = std::to_string(cases::all_faults().size());
    } else if (what == "memory" && argc == 3) {
      long sum = 0;
      for (const long n : cases::allocations(argv[2], world, [] { return asked; })) sum += n;
      said = std::to_string(sum) + " times";
    } else if (what == "die" && argc == 3) {
      std::int64_t one = 1;
      world.sum({&one, 1});
      if (world.rank() == 1) std::_Exit(3);
      std::byte halo{};
      const amq::parallel::Communicator::Message from{1, {&halo, 1}};
      if (std::strcmp(argv[2], "halo") == 0) {
        world.begin({}, {&from, 1});
        world.finish();
      }
      world.sum({&one, 1});
    }
  } catch (const amq::Error& e) {
    said = e.what();
  }
  print_common(said);
  if (what == "fail" || what == "meet") {  // calls of ranks that gave up never end: this does
    MPI_Barrier(MPI_COMM_WORLD);
    std::_Exit(0);
  }
  MPI_Finalize();
  return 0;
}
