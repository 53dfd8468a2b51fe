// The code of docs/core.md.
#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

// libgomp is not built for TSan, which sees none of its barriers.
#if defined(_OPENMP) && !defined(__SANITIZE_THREAD__)
#include <omp.h>

namespace {

// [openmp]
class OpenMp final : public amq::Executor {
 public:
  void parallel_for(std::size_t n, std::size_t grain, const Body& body) override {
    // One range a thread, so that a region is entered once; whole grains, as was asked for.
    const std::size_t step = std::max<std::size_t>(grain, 1), grains = (n + step - 1) / step;
    const std::size_t parts = std::min(threads(), grains);
    std::exception_ptr error;
#pragma omp parallel for schedule(static)
    for (std::size_t p = 0; p < parts; ++p) {
      try {
        body(p * grains / parts * step, std::min(n, (p + 1) * grains / parts * step));
      } catch (...) {  // no exception may leave a parallel region
#pragma omp critical
        error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
  }
  [[nodiscard]] std::size_t threads() const noexcept override {
    return static_cast<std::size_t>(omp_get_max_threads());
  }
};
// [openmp]

}  // namespace

TEST_CASE("an OpenMP executor visits every index once and passes exceptions on") {
  OpenMp openmp;
  for (const std::size_t n : {0u, 1u, 7u, 1000u}) {
    for (const std::size_t grain : {0u, 1u, 3u, 64u, 5000u}) {
      std::vector<int> seen(n, 0);
      openmp.parallel_for(n, grain, [&](std::size_t b, std::size_t e) {
        for (; b < e; ++b) ++seen[b];
      });
      CHECK(std::count(seen.begin(), seen.end(), 1) == static_cast<std::ptrdiff_t>(n));
    }
  }
  const auto throws = [](std::size_t, std::size_t) { throw std::runtime_error("no"); };
  CHECK_THROWS_AS(openmp.parallel_for(100, 1, throws), std::runtime_error);
}
#endif

namespace test_chapter {

TEST_CASE("the code of the chapter on core runs") {
  std::vector<float> x(1000);
  std::iota(x.begin(), x.end(), 0.0f);
  // [executor]
  amq::ThreadPool pool(2);  // one worker and the caller; the host decides how many
  std::vector<float> square(x.size());
  pool.parallel_for(x.size(), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) square[i] = x[i] * x[i];
  });
  // [executor]
  CHECK(square[30] == 900.0f);

  const auto solve = [] {
    throw amq::Error("darcy", "a field of 812 rows", "810 rows", "Give a value for every node.");
  };
  std::string said;
  // [error]
  try {
    solve();
  } catch (const amq::Error& error) {
    said = error.what();  // where, expected, found and mend in a sentence
    if (error.where() == "darcy") said += " (the mesh and the field disagree)";
  }
  // [error]
  CHECK(said ==
        "amq: darcy: expected a field of 812 rows, found 810 rows. Give a value for every node. "
        "(the mesh and the field disagree)");

  // [views]
  std::vector<float> host(812 * 3);                   // your array: (node, channel), row by row
  amq::MatrixView<float> field(host.data(), 812, 3);  // looks at it and owns nothing
  field(7, 2) = 0.5f;

  auto random = amq::core::Random::stream(42, 7);  // seed 42, item 7: the same on any machine
  const double noise = random.uniform(-1, 1);
  // [views]
  CHECK(host[7 * 3 + 2] == 0.5f);
  CHECK(noise == amq::core::Random::stream(42, 7).uniform(-1, 1));
}

}  // namespace test_chapter
