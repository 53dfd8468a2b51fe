#pragma once
// What every text over arithmetic must obey, and golden files from PyTorch.

#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/io/safetensors.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace amq::test {

using namespace training;

/// A golden file: tensors by name, the last axis as columns.
struct Golden {
  safetensors::File file;
  explicit Golden(const std::string& path) : file(safetensors::read(path)) {}

  [[nodiscard]] Matrix matrix(const std::string& name) const {
    const Array& t = file.at(name);
    const auto values = t.as<float>();
    const Index cols = t.shape.back();
    Matrix m(static_cast<Index>(values.size()) / cols, cols);
    std::copy(values.begin(), values.end(), m.data());
    return m;
  }
  [[nodiscard]] std::vector<float> values(const std::string& name) const {
    return file.at(name).as<float>();
  }
  /// Every entry of that name; returns how many.
  int assign(const ParameterLayout& layout, Parameters& p) const {
    int n = 0;
    for (const auto& e : layout.entries())
      if (const auto it = file.tensors.find(e.name); it != file.tensors.end()) {
        const auto v = it->second.as<float>();
        REQUIRE(static_cast<Index>(v.size()) == e.size());
        std::copy(v.begin(), v.end(), p.values.begin() + e.offset);
        ++n;
      }
    return n;
  }
};

inline double relative(const Matrix& a, const Matrix& b) {
  REQUIRE(a.rows() == b.rows());
  REQUIRE(a.cols() == b.cols());
  return static_cast<double>((a - b).norm()) / static_cast<double>(b.norm());
}

inline Matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
  Random random(seed);
  Matrix m(rows, cols);
  for (Index k = 0; k < m.size(); ++k) m.data()[k] = static_cast<float>(random.normal());
  return m;
}

/// f(arithmetic) is a text over `layout`. Along random directions of all parameters, the gradient
/// of a random sum of its results is the difference quotient. `batch_statistics` as TrainingPass's:
/// running estimates are then not read.
template <typename F>
void check_gradients(ParameterLayout& layout, const F& f, double tolerance = 1e-6,
                     bool batch_statistics = false) {
  Quantizers quantizers(layout, {8, RowRule::affine, {8}});
  Parameters start;
  initialize(layout, start, 11);
  ParametersOf<double> p;
  p.values.assign(start.values.begin(), start.values.end());
  std::vector<double> gradient(p.values.size(), 0.0), weights;
  BasicTraining<double> a(layout, quantizers);
  const auto loss = [&](std::vector<double>* into) {
    a.begin({&p, into, nullptr, false, batch_statistics});
    const auto y = f(a);
    const auto v = a[y];
    Random random(5);
    weights.clear();
    for (Index k = 0; k < v.size(); ++k) weights.push_back(random.normal());
    double sum = 0;
    for (Index i = 0; i < v.rows; ++i)
      for (Index c = 0; c < v.cols; ++c)
        sum += weights[static_cast<std::size_t>(i * v.cols + c)] * v(i, c);
    if (into) a.tape().backward(y.ref, MatrixView<const double>(weights.data(), v.rows, v.cols));
    return sum;
  };
  loss(&gradient);
  const std::vector<double> kept = p.values;
  Random random(6);
  for (int direction = 0; direction < 6; ++direction) {
    const double h = 1e-5;
    std::vector<double> d(kept.size(), 0.0);
    for (std::size_t q = 0; q < d.size(); ++q) d[q] = random.normal();
    for (const auto& e : layout.entries())  // estimates, which are not trained
      if (e.name.find("running_") != std::string::npos)
        std::fill_n(d.begin() + e.offset, e.size(), 0.0);
    double exact = 0, size = 0;
    const auto at = [&](double s) {
      for (std::size_t k = 0; k < d.size(); ++k) p.values[k] = kept[k] + s * d[k];
      return loss(nullptr);
    };
    const double numeric = (at(h) - at(-h)) / (2 * h);
    for (std::size_t k = 0; k < d.size(); ++k) {
      exact += gradient[k] * d[k];
      size += gradient[k] * gradient[k];
    }
    CHECK(size > 0);
    CHECK(std::abs(numeric - exact) < tolerance * std::sqrt(size));
  }
}

/// Deployment gives training's bits at 4 and 8 bits, for one thread and for several; counting meets
/// every product. f(arithmetic) is a text over the layout.
template <typename F>
void check_agreement(const ParameterLayout& layout, const Quantizers& quantizers,
                     const Parameters& parameters, const F& f) {
  ThreadPool pool(3);
  for (const int bits : {4, 8}) {
    CAPTURE(bits);
    const BitPlan plan = BitPlan::uniform(bits);
    BasicTraining<float> train(layout, quantizers);
    train.begin({&parameters, nullptr, &plan});
    const Matrix expected = map(train[f(train)]);
    CHECK(expected.allFinite());
    BasicFixed fixed(layout, quantizers, parameters), many(layout, quantizers, parameters, pool);
    fixed.begin(plan);
    many.begin(plan);
    const Matrix one = map(f(fixed).view()), several = map(f(many).view());
    CHECK((one.array() == expected.array()).all());
    CHECK((several.array() == expected.array()).all());
    BasicCounting count(layout, quantizers, plan);
    const auto shape = f(count);
    CHECK(shape.rows == one.rows());
    CHECK(shape.cols == one.cols());
    CHECK(count.cost().macs() > 0);
  }
}

}  // namespace amq::test
