// Whatever stops a training, at whatever moment: the file before is whole, and what goes on from it
// ends with the bits of a run that was never stopped. The network is a vector, so that most of the
// time goes into writing it.
#include "../failing_memory.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/train/trainer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace amq;
using namespace amq::training;

namespace {

namespace fs = std::filesystem;

/// In memory where there is a disk of it: what is tested is not how long a disk takes to sync.
fs::path scratch() {
  return fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
}
struct Folder {
  fs::path path;
  explicit Folder(const char* name)
      : path(scratch() / ("amq_stop_" + std::to_string(::getpid()) + '_' + name)) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() {
    std::error_code ignored;
    fs::permissions(path, fs::perms::owner_all, ignored);
    fs::remove_all(path, ignored);
  }
  [[nodiscard]] std::string file() const { return (path / "run.safetensors").string(); }
  [[nodiscard]] std::string bytes() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] bool has_part() const {
    for (const auto& f : fs::directory_iterator(path))
      if (f.path().extension().string().starts_with(".part")) return true;
    return false;
  }
};

/// A vector is drawn to one of several others, with noise: every update and every random number
/// counts for the end.
struct LongTraining {
  ParameterLayout layout;
  Parameters parameters;
  std::unique_ptr<Learner> learner;
  std::unique_ptr<Trainer> trainer;

  explicit LongTraining(const std::string& checkpoint, Index size = 60'000,
                        std::int64_t epochs = 12) {
    layout.add("w", {size}, Init::constant(1));
    initialize(layout, parameters, 0);
    learner = std::make_unique<Learner>(
        Learner{&layout, &parameters, AdamW(layout, {}), {1e-2, 1e-4, 48, 4}});
    TrainerOptions o;
    o.epochs = epochs;
    o.batch = 2;
    o.seed = 9;
    o.average = 0.9;
    o.report_every = 1;
    o.checkpoint = checkpoint;
    o.checkpoint_every = 1;
    trainer = std::make_unique<Trainer>(std::vector<Learner*>{learner.get()}, 8, o);
  }
  double pass(Turn& turn) const {
    const auto& w = parameters.values;
    auto& g = turn.gradients[0];
    double loss = 0;
    for (std::size_t k = 0; k < w.size(); ++k) {
      const float d = w[k] - static_cast<float>((k + turn.sample) % 7);
      g[k] += d;
      loss += static_cast<double>(d * d);
    }
    for (std::size_t k = 0; k < 64; ++k)
      g[turn.random.index(g.size())] += static_cast<float>(turn.random.normal());
    return loss;
  }
  std::vector<float> run(Executor& executor = serial_executor(),
                         const ProgressCallback& progress = {}) {
    trainer->run(
        executor, [this](Turn& turn) { return pass(turn); }, progress);
    return parameters.values;
  }
};

/// The update that a checkpoint goes on with. @throws amq::Error unless the file is whole
std::int64_t goes_on_at(const std::string& file) {
  LongTraining reader("");
  Learner* all[] = {reader.learner.get()};
  return load_checkpoint(file, all);
}

/// Runs in a process of its own. @returns its exit status; it is 1 where anything is thrown
template <typename Body>
int in_a_process(const Body& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int status = 1;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct Stopped {};
/// Leaves the checkpoint of a run that has made some updates.
void begin(const std::string& file, int updates) {
  LongTraining t(file);
  int done = 0;
  CHECK_THROWS_AS(t.run(serial_executor(),
                        [&](const Progress&) {
                          if (++done == updates) throw Stopped();
                        }),
                  Stopped);
}

}  // namespace

TEST_CASE("twenty kills at random moments, most of them while a checkpoint is written") {
  const Folder whole("whole"), killed("killed");
  const auto start = std::chrono::steady_clock::now();
  const std::vector<float> expected = LongTraining(whole.file()).run();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK(expected == LongTraining("").run());
  Random random(20);
  std::int64_t at = 0;
  int kills = 0, torn = 0;
  double reach = 0.08;  // of a run, to the latest kill
  while (kills < 20 || (torn == 0 && kills < 60)) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        LongTraining(killed.file()).run();
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    // Where chance has met no write, the write is waited for.
    if (kills < 20)
      ::usleep(static_cast<useconds_t>(1e6 * seconds * random.uniform(0, reach)));
    else
      for (int k = 0; k < 100'000 && !killed.has_part(); ++k) ::usleep(20);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      // The machine was busier when it was timed: once more from the beginning, with earlier kills.
      REQUIRE(reach > 1e-4);
      fs::remove(killed.file());
      at = 0;
      reach /= 2;
      continue;
    }
    REQUIRE(WIFSIGNALED(status));  // it has not come to an error
    ++kills;
    torn += killed.has_part();
    if (!fs::exists(killed.file())) continue;
    std::int64_t now = 0;
    REQUIRE_NOTHROW(now = goes_on_at(killed.file()));
    CHECK(now >= at);
    at = now;
  }
  MESSAGE(torn, " of ", kills, " kills left half a file beside a whole one; ", at,
          " of 48 updates");
  CHECK(kills >= 20);
  CHECK(torn > 0);
  CHECK(LongTraining(killed.file()).run() == expected);
  CHECK_FALSE(killed.has_part());
}

TEST_CASE("a disk that is full stops a run, keeps the file before, and hinders nobody afterwards") {
  const std::vector<float> expected = LongTraining("").run();
  const Folder folder("full");
  begin(folder.file(), 7);
  const std::string before = folder.bytes();
  // No file may grow beyond the limit: what a full disk says to write(), at three depths.
  for (const double share : {0.0, 0.4, 0.999}) {
    CAPTURE(share);
    const int status = in_a_process([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      rlimit limit{};
      ::getrlimit(RLIMIT_FSIZE, &limit);
      const rlim_t soft = limit.rlim_cur;
      limit.rlim_cur = static_cast<rlim_t>(share * static_cast<double>(before.size()));
      ::setrlimit(RLIMIT_FSIZE, &limit);
      LongTraining t(folder.file());
      std::string said;
      try {
        t.run();
      } catch (const Error& e) {
        said = e.what();
      }
      if (said.find("to write") == said.npos || said.find(folder.file()) == said.npos) return 2;
      if (folder.bytes() != before || folder.has_part()) return 3;
      if (share < 0.9) return 0;
      // Some space has come free: the same object goes on.
      limit.rlim_cur = soft;
      ::setrlimit(RLIMIT_FSIZE, &limit);
      return t.run() == expected ? 0 : 4;
    });
    CHECK(status == 0);
    if (share < 0.9) CHECK(folder.bytes() == before);
  }
  CHECK(LongTraining(folder.file()).run() == expected);
}

TEST_CASE("a folder that nobody may write into is said before an update is made") {
  const std::vector<float> expected = LongTraining("").run();
  const Folder folder("read_only");
  begin(folder.file(), 5);
  const std::string before = folder.bytes();
  fs::permissions(folder.path, fs::perms::owner_read | fs::perms::owner_exec |
                                   fs::perms::group_read | fs::perms::group_exec |
                                   fs::perms::others_read | fs::perms::others_exec);
  const int status = in_a_process([&] {
    // The superuser writes everywhere.
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 77;
    LongTraining t(folder.file());
    const std::vector<float> begun = t.parameters.values;
    try {
      t.run();
    } catch (const Error& e) {
      const std::string said = e.what();
      return said.find("a folder to write into") != said.npos && t.parameters.values == begun ? 0
                                                                                              : 2;
    }
    return 3;
  });
  if (status == 77) MESSAGE("no right to become another user: not tried");
  CHECK((status == 0 || status == 77));
  CHECK(folder.bytes() == before);
  fs::permissions(folder.path, fs::perms::owner_all);
  CHECK(LongTraining(folder.file()).run() == expected);
}

TEST_CASE("an exception in an executor's task leaves the update before it, and the run goes on") {
  const std::vector<float> expected = LongTraining("").run();
  const Folder folder("task");
  ThreadPool pool(3);
  for (const std::int64_t at : {0, 17, 47}) {
    CAPTURE(at);
    fs::remove(folder.file());
    LongTraining t(folder.file());
    const auto thrown = [&](Turn& turn) {
      if (turn.step == at && turn.lane == 1) throw Stopped();
      return t.pass(turn);
    };
    CHECK_THROWS_AS(t.trainer->run(pool, thrown), Stopped);
    CHECK(t.learner->optimizer.count() == at);
    CHECK(t.run(pool) == expected);
  }
}

TEST_CASE(
    "memory that runs out anywhere in a run is an exception, and the run goes on to its bits") {
  constexpr Index size = 300;
  constexpr std::int64_t epochs = 1;
  const std::vector<float> expected = LongTraining("", size, epochs).run();
  const Folder folder("memory");
  for (const bool from_then_on : {false, true}) {
    long n = 1, tried = 0, live = 0;
    for (;; n = failing::next(n, 60), ++tried) {
      const long now = failing::live;
      CAPTURE(n);
      // What exceptions, the C library and the test's runner keep for good is taken by then.
      if (tried > 2) CHECK(now == live);
      live = now;
      fs::remove(folder.file());
      LongTraining t(folder.file(), size, epochs);
      bool failed = false, thrown = false;
      {
        const failing::Memory memory(n, from_then_on);
        try {
          t.run();
        } catch (const std::bad_alloc&) {
          thrown = true;
        } catch (const Error&) {
          thrown = true;
        }
        failed = failing::Memory::failed();
      }
      if (!failed) break;
      CHECK_FALSE(folder.has_part());
      // What has not come to a checkpoint is begun again.
      if (thrown && !fs::exists(folder.file())) {
        CHECK(LongTraining(folder.file(), size, epochs).run() == expected);
        continue;
      }
      CHECK(t.run() == expected);
    }
    MESSAGE("allocations of a run: ", n, ", made to fail: ", tried);
    CHECK(tried > 50);
  }
}
