#include <amq/arithmetic/fixed.hpp>

#include <amq/core/random.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/solver/encoding.hpp>
#include <amq/train/calibrate.hpp>
#include <amq/train/network_training.hpp>

#include "../quant/own_rule.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace test_own_rule {

using namespace amq;
using namespace amq::training;

namespace {

using Own = Scheme<Weights<8>, Activations<2, 4, 8>, ByQuartiles>;
using Wide = Scheme<Weights<16>, Activations<4, 16>, ByRange>;

/// A problem small enough to train on: a field on a refined square, and twice it as the solution.
struct Task {
  Mesh mesh;
  Field a;
  MeshEncoding encoding;
  std::vector<GraphSample> samples;

  Task() {
    Random random(4);
    mesh = random_refined_square(random, 60);
    a.resize(mesh.n_nodes(), 1);
    for (Index i = 0; i < a.rows(); ++i) a(i, 0) = static_cast<float>(random.normal());
    samples.push_back(encoding.encode(mesh, view(std::as_const(a))));
    encoding.encode_solution(view(std::as_const(a)), samples[0]);
  }
  [[nodiscard]] MpPdeConfig config() const {
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = encoding.inputs();
    return c;
  }
  [[nodiscard]] std::unique_ptr<Network<MpPde>> network(const SchemeInfo& info) const {
    return std::make_unique<Network<MpPde>>(config(), info, 3);
  }
};

template <typename F>
std::string refusal(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
bool same(MatrixView<const float> x, MatrixView<const float> y) {
  for (Index i = 0; i < x.rows; ++i)
    for (Index k = 0; k < x.cols; ++k)
      if (!(x(i, k) == y(i, k))) return false;
  return x.rows == y.rows && x.cols == y.cols;
}

/// What training computes forwards, and both deployments, are the same bits.
template <typename S>
void check_agreement(const Network<MpPde>& net, GraphSample& s, const BitPlan& plan) {
  BasicTraining<float> training(net.layout, net.quantizers);
  training.begin({&net.parameters, nullptr, &plan});
  const MatrixView<const float> trained = training[forward(net.model, training, s)];
  Fixed<S> typed(net.layout, net.quantizers, net.parameters);
  typed.begin(plan);
  const auto y = forward(net.model, typed, s);
  BasicFixed any(net.layout, net.quantizers, net.parameters);
  any.begin(plan);
  const auto z = forward(net.model, any, s);
  CHECK(same(y.view(), trained));
  CHECK(same(y.view(), z.view()));
}

}  // namespace

TEST_CASE("a user's row rule calibrates, trains and deploys in integers to the same bits") {
  Task problem;
  auto net = problem.network(SchemeInfo::of<Own>());
  for (auto& s : problem.samples) prepare_sample(net->model, s);
  calibrate(*net, problem.samples);
  // Found for this rule: what by_range would have got is something else.
  auto ranges = problem.network({8, ByRange(), {2, 4, 8}});
  calibrate(*ranges, problem.samples);
  const auto step = [](const Network<MpPde>& n) {
    return n.parameters
        .values[static_cast<std::size_t>(n.layout.entry(n.quantizers.step(PointId{1})).offset)];
  };
  CHECK(step(*net) != step(*ranges));

  NetworkTrainingOptions options;
  options.trainer.epochs = 12;
  options.trainer.batch = 1;
  NetworkTraining<MpPde, GraphSample> training(*net, problem.samples, options);
  const BitPlan plan = BitPlan::uniform(4);
  BasicTraining<float> tape(net->layout, net->quantizers);
  const double before = training.pass(tape, 0, &plan, nullptr);
  const float step_before = step(*net);
  training.run(serial_executor(), &plan);
  CHECK(training.pass(tape, 0, &plan, nullptr) < before);
  CHECK(step(*net) != step_before);  // its a is learned

  for (const int bits : {2, 4, 8})
    check_agreement<Own>(*net, problem.samples[0], BitPlan::uniform(bits));
}

TEST_CASE("weights of 16 bits and rows of 16 are the same bits, typed and read at run time") {
  Task problem;
  auto net = problem.network(SchemeInfo::of<Wide>());
  for (auto& s : problem.samples) prepare_sample(net->model, s);
  for (const int bits : {4, 16})
    check_agreement<Wide>(*net, problem.samples[0], BitPlan::uniform(bits));
}

TEST_CASE("a scheme is read back from its name, and nothing else is read") {
  for (const char* text : {"w8a1,2,3,4,5,6,8_by_range", "w16a16_static", "w2a0,8_by_magnitude"})
    CHECK(SchemeInfo::named(text, "test").name() == text);
  CHECK(SchemeInfo::named("w8a2,4_row_affine", "test").name() == "w8a2,4_by_deviation");
  for (const char* text :
       {"", "w", "w8", "w8a", "w8a_by_range", "w8a4,2_by_range", "w7a4_by_range", "w8a17_by_range",
        "w8a4,_by_range", "w8a999999999999_by_range", "w8a4_by", "x8a4_by_range", "w8a4 _by_range"})
    CHECK(refusal([&] {
            static_cast<void>(SchemeInfo::named(text, "f.safetensors"));
          }).find("f.safetensors") != std::string::npos);
}

TEST_CASE("an arithmetic refuses a network of another scheme") {
  Task problem;
  const auto net = problem.network({8, ByRange(), {2, 4, 8}});
  CHECK(refusal([&] {
          Fixed<Own>(net->layout, net->quantizers, net->parameters);
        }).find("w8a2,4,8_by_quartiles") != std::string::npos);
}

}  // namespace test_own_rule
