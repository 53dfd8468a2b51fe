// What hosts do to a thread before they ask amq for anything: the same bits come out, and the host
// finds what it had set. The solver is the compiled library's, at its own optimization.
#include <amq/solver/compiled.hpp>

#include <amq/core/error.hpp>

#include <cfenv>
#include <clocale>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <locale>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <pthread.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace test_hosts {

namespace {

struct Problem {
  amq::Mesh mesh;
  std::vector<float> given;  // (node, channel)
};
Problem problem() {
  Problem p;
  constexpr int n = 14;
  for (int j = 0; j <= n; ++j)
    for (int i = 0; i <= n; ++i) {
      p.mesh.points.push_back(static_cast<double>(i) / n);
      p.mesh.points.push_back(static_cast<double>(j) / n);
      const bool wall = i % n == 0 || j % n == 0;
      p.mesh.node_type.push_back(wall ? amq::NodeType::wall : amq::NodeType::normal);
      // 3 and 12: the coefficients of the shipped model.
      const float a = 3 * i + j > 2 * n ? 12.0f : 3.0f;
      p.given.push_back(a);
      p.given.push_back(a);
    }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const int a = j * (n + 1) + i;
      for (const int k : {a, a + 1, a + n + 2, a, a + n + 2, a + n + 1}) p.mesh.cells.push_back(k);
    }
  return p;
}

/// FNV-1a over the bits of a solve at two budgets, and of who got how many bits.
std::uint64_t answer(amq::solver::CompiledSolver& solver) {
  const Problem p = problem();
  const amq::MatrixView<const float> a(p.given.data(), p.mesh.n_nodes(), 2);
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&](std::span<const float> all) {
    for (const float x : all) {
      std::uint32_t bits;
      std::memcpy(&bits, &x, sizeof bits);
      hash = (hash ^ bits) * 0x100000001b3u;
    }
  };
  for (const double bits : {2.5, 8.0}) {
    solver.budget(bits);
    add(solver(p.mesh, a));
    add(solver.report().node_bits);
  }
  return hash;
}

enum class When { before_load, before_solve };

/// Loads and solves on this thread, which the host changes on the way.
/// @param kept  whether the host still finds what it has set
std::uint64_t ask(When when, const std::function<void()>& change,
                  const std::function<bool()>& kept) {
  if (when == When::before_load) change();
  amq::solver::CompiledSolver solver(AMQ_SHIPPED_MODEL);
  if (when == When::before_solve) change();
  const std::uint64_t hash = answer(solver);
  if (!kept()) throw amq::Error("host", "what was set before", "something else", "");
  return hash;
}

/// Runs on a thread of its own, whose environment and stack die with it.
/// @param kilobytes  of stack; 0: the system's
void on_a_thread(std::size_t kilobytes, std::function<void()> body) {
  struct Call {
    std::function<void()> body;
    std::exception_ptr thrown;
  } call{std::move(body), nullptr};
  pthread_attr_t how;
  pthread_attr_init(&how);
  if (kilobytes > 0) REQUIRE(pthread_attr_setstacksize(&how, kilobytes * 1024) == 0);
  const auto run = [](void* p) -> void* {
    auto* c = static_cast<Call*>(p);
    try {
      c->body();
    } catch (...) {
      c->thrown = std::current_exception();
    }
    return nullptr;
  };
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &how, run, &call) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&how);
  if (call.thrown) std::rethrow_exception(call.thrown);
}

struct Host {
  const char* name;
  std::function<void()> change;
  std::function<bool()> kept;
};
std::vector<Host> hosts() {
  std::vector<Host> all;
  for (const auto& [name, mode] : {std::pair{"rounds up", FE_UPWARD},
                                   {"rounds down", FE_DOWNWARD},
                                   {"rounds to zero", FE_TOWARDZERO}})
    all.push_back({name, [mode = mode] { std::fesetround(mode); },
                   [mode = mode] { return std::fegetround() == mode; }});
#if defined(__x86_64__)
  all.push_back({"flushes denormals", [] { _mm_setcsr(_mm_getcsr() | 0x8040u); },
                 [] { return (_mm_getcsr() & 0x8040u) == 0x8040u; }});
#endif
#ifdef __GLIBC__
  all.push_back({"traps",
                 [] {
                   std::feclearexcept(FE_ALL_EXCEPT);
                   feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW);
                 },
                 [] {
                   const bool on =
                       fegetexcept() == (FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW);
                   fedisableexcept(FE_ALL_EXCEPT);
                   return on;
                 }});
#endif
  return all;
}

/// 1.234,5 of C++ streams, wherever no such locale is installed.
struct Comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

}  // namespace

TEST_CASE(
    "whatever a host has set on a thread, load and solve give the same bits and give it back") {
  std::uint64_t plain = 0;
  on_a_thread(0, [&] {
    plain = ask(
        When::before_load, [] {}, [] { return true; });
  });
  for (const Host& host : hosts())
    for (const When when : {When::before_load, When::before_solve}) {
      CAPTURE(host.name);
      CAPTURE(static_cast<int>(when));
      std::uint64_t found = 0;
      CHECK_NOTHROW(on_a_thread(0, [&] { found = ask(when, host.change, host.kept); }));
      CHECK(found == plain);
    }
}

TEST_CASE("a locale that writes 1,5 changes neither what a file says nor what a solve gives") {
  std::uint64_t plain = 0, found = 0;
  on_a_thread(0, [&] {
    plain = ask(
        When::before_load, [] {}, [] { return true; });
  });
  const std::string c_before = std::setlocale(LC_ALL, nullptr);
  const std::locale before;
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"})
    if (std::setlocale(LC_ALL, name)) break;
  std::locale::global(std::locale(std::locale::classic(), new Comma));
  for (const When when : {When::before_load, When::before_solve}) {
    CHECK_NOTHROW(on_a_thread(0, [&] {
      found = ask(
          when, [] {}, [] { return true; });
    }));
    CHECK(found == plain);
  }
  std::locale::global(before);
  std::setlocale(LC_ALL, c_before.c_str());
}

// Sanitizers and libstdc++'s debug mode make frames of their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(_GLIBCXX_DEBUG)
TEST_CASE("64 KiB of stack are enough to load and to solve") {
  std::uint64_t plain = 0, small = 0;
  on_a_thread(0, [&] {
    plain = ask(
        When::before_load, [] {}, [] { return true; });
  });
  on_a_thread(64, [&] {
    small = ask(
        When::before_load, [] {}, [] { return true; });
  });
  CHECK(small == plain);
}
#endif

}  // namespace test_hosts
