#include <amq/core/thread_pool.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/train_over_ranks.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace test_training {

using namespace amq;
using namespace amq::parallel;

namespace {

/// A learner whose gradients are noisy: their sum depends on its order, in the last bits.
struct Noisy {
  ParameterLayout layout;
  Parameters parameters;
  Learner learner;

  Noisy() : learner{&layout, &parameters, AdamW(make(layout), {}), {1e-2, 1e-3, 60, 3}} {
    initialize(layout, parameters, 1);
  }
  static const ParameterLayout& make(ParameterLayout& l) {
    l.add("w", {7, 3}, Init::constant(1));
    return l;
  }
};

TrainerOptions options(std::int64_t epochs, const std::string& checkpoint = "") {
  TrainerOptions o;
  o.epochs = epochs;
  o.batch = 5;
  o.seed = 4;
  o.checkpoint = checkpoint;
  return o;
}

/// The weights that all ranks end with.
std::vector<float> train(int ranks, std::size_t threads, const TrainerOptions& o,
                         std::size_t stop_at = 0) {
  std::mutex mutex;
  std::set<std::vector<float>> all;
  LocalRanks(ranks).run([&](Communicator& c) {
    Noisy n;
    TrainerOptions own = o;
    own.ranks = training_ranks(c);
    own.report_every = 1;
    Trainer trainer({&n.learner}, 23, own);
    ThreadPool pool(threads);
    const auto pass = [&](Turn& turn) {
      double loss = 0;
      for (std::size_t k = 0; k < turn.gradients[0].size(); ++k) {
        const float w = n.parameters.values[k];
        const auto noise = static_cast<float>(turn.random.normal());
        turn.gradients[0][k] += w * static_cast<float>(turn.sample + 1) / 7 + 1e3f * noise;
        loss += static_cast<double>(w * w * noise);
      }
      return loss;
    };
    struct Stopped {};
    try {
      trainer.run(pool, pass, [&](const Progress& p) {
        if (stop_at > 0 && p.done == static_cast<std::int64_t>(stop_at)) throw Stopped();
      });
    } catch (const Stopped&) {
    }
    const std::lock_guard lock(mutex);
    all.insert(n.parameters.values);
  });
  REQUIRE(all.size() == 1);
  return *all.begin();
}

}  // namespace

TEST_CASE("several ranks, with one thread or more, train the weights that one trains") {
  const auto alone = train(1, 1, options(6));
  CHECK(alone.front() != 1.0f);
  for (const int ranks : {2, 3, 8})
    for (const std::size_t threads : {1u, 2u}) {
      CAPTURE(ranks);
      CAPTURE(threads);
      CHECK(train(ranks, threads, options(6)) == alone);
    }
}

TEST_CASE("a run of three ranks goes on with two, as if nothing had been") {
  const auto file = std::filesystem::temp_directory_path() / "amq_training_of_ranks";
  std::filesystem::remove(file);
  const auto alone = train(1, 1, options(6));
  CHECK(train(3, 1, options(6, file.string()), 9) != alone);
  CHECK(std::filesystem::exists(file));
  CHECK(train(2, 1, options(6, file.string())) == alone);
  std::filesystem::remove(file);
  std::filesystem::remove(file.string() + ".lock");
}

TEST_CASE("a rank whose pass throws ends the training of all") {
  CHECK_THROWS_WITH_AS(LocalRanks(3).run([](Communicator& c) {
    Noisy n;
    TrainerOptions o = options(2);
    o.ranks = training_ranks(c);
    Trainer trainer({&n.learner}, 23, o);
    trainer.run(serial_executor(), [&](Turn&) -> double {
      if (c.rank() == 1) throw Error("data", "a sample", "a broken disk", "Mend it.");
      return 0;
    });
  }),
                       doctest::Contains("a broken disk"), Error);
  Noisy n;
  TrainerOptions o = options(1);
  o.ranks = {2, 2, {}};
  CHECK_THROWS_WITH_AS(Trainer({&n.learner}, 23, o), doctest::Contains("training_ranks"), Error);
}

}  // namespace test_training
