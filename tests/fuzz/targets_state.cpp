// What is kept of a training, and tensors of codes.
#include "targets.hpp"

#include <amq/io/qtensor.hpp>
#include <amq/train/checkpoint.hpp>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

using namespace amq;
using namespace amq::training;

namespace fuzz {

/// Refused whole or taken whole: a learner is never left with part of a file.
void target_checkpoint(std::span<const std::byte> b) {
  ParameterLayout layout;
  layout.add("w", {4, 3}, Init::constant(1));
  layout.add("b", {4}, Init::constant(2), Role::vector);
  layout.add("s", {1}, Init::constant(0.5f), Role::step);
  Parameters p;
  initialize(layout, p, 0);
  Learner learner{&layout, &p, AdamW(layout, {}), {}};
  Learner* all[] = {&learner};
  const std::vector<float> before = p.values;
  TrainingState state;
  const File file(b);
  try {
    if (load_checkpoint(file.path(), all, nullptr, &state) < 0) std::abort();
  } catch (const Error&) {
    if (p.values != before || learner.optimizer.count() != 0 || !state.empty()) std::abort();
    throw;
  }
  for (const float x : p.values)
    if (!std::isfinite(x)) std::abort();
}

namespace {

/// A tensor of this kind, where the file holds one.
template <typename T>
void one(const safetensors::File& f) {
  try {
    const auto t = safetensors::get<T>(f, "t");
    if (t.cols() > 0 && t.rows() > 65536 / t.cols()) return;  // rows of 0 bits are as long as said
    std::vector<float> x(static_cast<std::size_t>(t.rows() * t.cols()));
    t.decode({x.data(), t.rows(), t.cols()});
  } catch (const Error&) {
  }
}

}  // namespace

void target_qtensor(std::span<const std::byte> b) {
  const safetensors::File f = safetensors::decode(b, "input");
  one<QTensor<2, PerTensor, dynamic, dynamic>>(f);
  one<QTensor<4, Pow2<-2>, 3, 5>>(f);
  one<QTensor<8, PerRow, dynamic, dynamic>>(f);
  one<BasicQTensor<Affine<5>, Shape<dynamic, dynamic>>>(f);
  one<MixedQTensor<AnyLevels, ByRange>>(f);
}

}  // namespace fuzz
