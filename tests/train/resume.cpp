#include "learnable.hpp"

#include <amq/train/measure_curves.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace test_resume {

using namespace amq;
using namespace amq::training;
using namespace learning;

namespace {

std::string scratch(const char* name) {
  return (std::filesystem::temp_directory_path() /
          ("amq_resume_" + std::to_string(::getpid()) + name))
      .string();
}
struct Stopped {};

/// What a run leaves, seconds aside.
struct Left {
  std::vector<std::vector<float>> parameters;
  std::string curve;
  bool operator==(const Left&) const = default;
};
std::string losses(const LearningCurve& curve) {
  std::string text;
  for (const auto& r : curve.rows())
    text += number_text(r.epoch) + ' ' + number_text(r.training) + ' ' + number_text(r.validation) +
            '\n';
  return text;
}

/// A run from its beginning, or from where the checkpoint in its options says it was.
using OneRun = std::function<Left(const MeshTrainingOptions&, const ProgressCallback&)>;

/// Stops a run at random updates, again and again, until it gets through.
Left interrupted(const OneRun& run, std::uint64_t seed, const std::string& path) {
  std::filesystem::remove(path);
  Random random(seed);
  auto o = options(4);
  o.trainer.checkpoint = path;
  o.trainer.checkpoint_every = 3;
  o.trainer.report_every = 1;
  int stops = 0;
  for (;;) {
    const auto left = static_cast<std::int64_t>(1 + random.index(6));
    std::int64_t done = 0;
    try {
      const Left end = run(o, [&](const Progress&) {
        if (++done == left) throw Stopped();
      });
      CHECK(stops > 1);
      // Asked for again, it is read and not run.
      CHECK(run(o, [](const Progress&) { throw Stopped(); }) == end);
      std::filesystem::remove(path);
      CHECK_FALSE(std::filesystem::exists(path + ".lock"));
      return end;
    } catch (const Stopped&) {
      ++stops;
    }
  }
}

}  // namespace

TEST_CASE(
    "a run that is stopped anywhere, again and again, ends with the bits of one that was not") {
  const auto samples = learnable(8), unseen = learnable(10);
  const std::string path = scratch(".safetensors");
  const auto run = [&](auto set, auto how) {
    return [&samples, &unseen, set, how](MeshTrainingOptions o, const ProgressCallback& progress) {
      set(o);
      Network<MpPde> net(small(), scheme, 1);
      MeshTraining<MpPde> t(net, samples, o);
      t.validate_on(std::span(unseen).last(2));
      how(t, progress);
      return Left{{net.parameters.values}, losses(t.curve())};
    };
  };
  const auto plain = [](MeshTrainingOptions&) {};
  const std::vector<BitPlan> widths{BitPlan::uniform(2), BitPlan::uniform(8)};
  std::vector<BitPlan> each;
  for (std::size_t k = 0; k < samples.size(); ++k) each.push_back(widths[k % 2]);
  const std::vector<OneRun> runs{
      run(plain, [](auto& t, const auto& p) { t.run(serial_executor(), nullptr, p); }),
      run([](MeshTrainingOptions& o) { o.trainer.average = 0.8, o.trainer.patience = 3; },
          [](auto& t, const auto& p) { t.run(serial_executor(), nullptr, p); }),
      run(plain, [&](auto& t, const auto& p) { t.run(serial_executor(), &widths[0], p); }),
      run(plain, [&](auto& t, const auto& p) { t.run_by_turns(serial_executor(), widths, p); }),
      run(plain, [&](auto& t, const auto& p) { t.run(serial_executor(), each, p); })};
  for (std::size_t k = 0; k < runs.size(); ++k) {
    CAPTURE(k);
    const Left whole = runs[k](options(4), {});
    CHECK_FALSE(whole.curve.empty());
    CHECK(interrupted(runs[k], k, path) == whole);
  }
}

TEST_CASE("adaptive training, too, resumes to the bit at one budget and at several") {
  const auto samples = learnable(8), unseen = learnable(10);
  for (const auto& mean_bits : {std::vector<double>{3}, std::vector<double>{2, 3, 6}}) {
    const OneRun run = [&](const MeshTrainingOptions& o, const ProgressCallback& progress) {
      Network<MpPde> net(small(), scheme, 1);
      Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
      AdaptiveTraining<MpPde> t(net, aux, samples, ScoreTarget::sensitivity(), o);
      t.main().validate_on(std::span(unseen).last(2));
      t.prepare(serial_executor(), 4, 1, 1);
      t.run(serial_executor(), Allocator<>(net.layout, scheme.levels), mean_bits, progress);
      return Left{{net.parameters.values, aux.net().parameters.values}, losses(t.curve())};
    };
    CHECK(interrupted(run, mean_bits.size(), scratch(".adaptive")) == run(options(4), {}));
  }
}

TEST_CASE("a run is not resumed under anything that would have made it another run") {
  auto samples = learnable(4);
  const std::string path = scratch(".other");
  std::filesystem::remove(path);
  const auto begun = [&] {
    auto o = options(2);
    o.trainer.checkpoint = path;
    return o;
  };
  const BitPlan plan = BitPlan::uniform(4), other = BitPlan::uniform(2);
  Network<MpPde> net(small(), scheme, 1);
  MeshTraining<MpPde>(net, samples, begun()).run(serial_executor(), &plan);
  const auto refused = [&](const MeshTrainingOptions& o, const BitPlan* at, const char* name) {
    Network<MpPde> again(small(), scheme, 1);
    const auto before = again.parameters.values;
    CHECK_THROWS_WITH_AS(MeshTraining<MpPde>(again, samples, o).run(serial_executor(), at),
                         doctest::Contains(name), Error);
    CHECK(again.parameters.values == before);
  };
  const auto with = [&](auto change) {
    auto o = begun();
    change(o);
    return o;
  };
  refused(with([](auto& o) { o.trainer.epochs = 3; }), &plan, "epochs 2 (here 3)");
  refused(with([](auto& o) { o.trainer.batch = 2; }), &plan, "batch 4 (here 2)");
  refused(with([](auto& o) { o.trainer.seed = 4; }), &plan, "seed 3 (here 4)");
  refused(with([](auto& o) { o.trainer.average = 0.5; }), &plan, "average 0 (here 0.5)");
  refused(with([](auto& o) { o.lr = 1e-3; }), &plan, "lr 0.005 to 1e-06 (here 0.001");
  refused(with([](auto& o) { o.rate = RateShape::constant; }), &plan, ", constant)");
  refused(with([](auto& o) { o.adam.clip = 2; }), &plan, "adam");
  refused(with([](auto& o) { o.loss = Loss::relative_l2; }), &plan, "loss mse (here relative L2)");
  refused(with([](auto& o) { o.refit_weights_every = 9; }), &plan, "steps of weights fitted");
  refused(begun(), &other, "plans");
  refused(begun(), nullptr, "mode one plan (here float)");
  samples[1].y(3, 0) += 1e-3f;
  refused(begun(), &plan, "data");
  std::filesystem::remove(path);
}

TEST_CASE("a checkpoint is refused whole, or not at all") {
  const auto samples = learnable(4);
  const std::string path = scratch(".whole");
  Network<MpPde> net(small(), scheme, 1);
  auto o = options(1);
  o.trainer.checkpoint = path;
  std::filesystem::remove(path);
  MeshTraining<MpPde>(net, samples, o).run(serial_executor(), nullptr);
  const safetensors::File good = safetensors::read(path);
  const std::string name = "0.second.output_mlp.2.bias";
  REQUIRE(good.tensors.contains(name));
  Network<MpPde> other(small(), scheme, 2);
  const auto before = other.parameters.values;
  Learner learner{&other.layout, &other.parameters, AdamW(other.layout, {}), {}};
  Learner* all[] = {&learner};
  const auto refused = [&](auto spoil) {
    safetensors::File f = good;
    spoil(f);
    safetensors::write(path, f);
    CHECK_THROWS_AS(static_cast<void>(load_checkpoint(path, all)), Error);
    CHECK(other.parameters.values == before);
    CHECK(learner.optimizer.count() == 0);
  };
  refused([&](auto& f) { f.tensors.erase(name); });
  refused([&](auto& f) { f.tensors[name] = Array(DType::c64, {1}); });
  refused([&](auto& f) { f.tensors[name] = Array(DType::f32, {2}); });
  refused([&](auto& f) {
    f.tensors[name] = Array::of(std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
  });
  refused([&](auto& f) { f.tensors["more"] = Array(DType::f32, {1}); });
  refused([&](auto& f) { f.metadata["0.count"] = "-1"; });
  safetensors::write(path, good);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  CHECK_THROWS_AS(static_cast<void>(load_checkpoint(path, all)), Error);
  CHECK(other.parameters.values == before);
  std::filesystem::remove(path);
}

TEST_CASE("two runs on one checkpoint: the second is refused") {
  const auto samples = learnable(4);
  auto o = options(1);
  o.trainer.checkpoint = scratch(".alone");
  o.trainer.report_every = 1;
  Network<MpPde> net(small(), scheme, 1), second(small(), scheme, 1);
  bool tried = false;
  MeshTraining<MpPde>(net, samples, o).run(serial_executor(), nullptr, [&](const Progress&) {
    tried = true;
    CHECK_THROWS_WITH_AS(MeshTraining<MpPde>(second, samples, o).run(serial_executor(), nullptr),
                         doctest::Contains("another process or thread that holds the lock"), Error);
  });
  CHECK(tried);
  std::filesystem::remove(o.trainer.checkpoint);
}

TEST_CASE("the learning curve is written after every epoch") {
  const auto samples = learnable(4);
  auto o = options(3);
  o.trainer.curve = scratch(".csv");
  Network<MpPde> net(small(), scheme, 1);
  MeshTraining<MpPde> t(net, samples, o);
  t.validate_on(std::span(samples).first(1));
  t.run(serial_executor(), nullptr);
  std::ifstream in(o.trainer.curve);
  std::string line;
  std::getline(in, line);
  CHECK(line == "epoch,updates,seconds,lr,training_loss,validation_loss");
  int rows = 0;
  for (; std::getline(in, line); ++rows) CHECK(line.starts_with(std::to_string(rows + 1) + ","));
  CHECK(rows == 3);
  CHECK(t.curve().rows()[2].training < t.curve().rows()[0].training);
  std::filesystem::remove(o.trainer.curve);
}

}  // namespace test_resume
