#pragma once
// Golden numbers of the networks: weights and inputs are made from their names, as golden.py makes
// them; files hold what PyTorch computed from them in double.

#include <amq/arithmetic/training.hpp>
#include <amq/mesh/graph.hpp>
#include <amq_lab/data/npz.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace golden {

using namespace amq;
using namespace amq::lab;

inline std::vector<float> uniform(const std::string& name, Index count) {
  std::uint64_t key = 0xcbf29ce484222325u;
  for (const char c : name) key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  std::vector<float> out;
  for (Index i = 0; i < count; ++i) {
    std::uint64_t z = key + (static_cast<std::uint64_t>(i) + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    out.push_back(static_cast<float>(static_cast<double>(z >> 40) * 0x1p-23 - 1));
  }
  return out;
}
inline Matrix tensor(const std::string& name, Index rows, Index cols) {
  const auto u = uniform(name, rows * cols);
  return map(MatrixView<const float>(u.data(), rows, cols));
}

/// @param n_entries  those of the model; quantizers declare theirs after them
inline void fill(const ParameterLayout& layout, Parameters& p, std::size_t n_entries) {
  for (std::size_t k = 0; k < n_entries; ++k) {
    const auto& e = layout.entries()[k];
    auto u = uniform(e.name, e.size());
    const auto width = static_cast<float>(1.5 / std::sqrt(static_cast<double>(e.cols())));
    for (float& v : u) {
      if (e.shape.size() > 1) {
        v *= width;
      } else {
        v *= 0.25f;
        if (e.name.ends_with(".weight") || e.name.ends_with("running_var")) v += 1.0f;
      }
    }
    std::copy(u.begin(), u.end(), p.values.begin() + e.offset);
  }
}

struct File {
  npz::Arrays arrays;
  explicit File(const std::string& name)
      : arrays(npz::read(std::string(AMQ_TEST_DATA) + "/" + name)) {}

  MatrixOf<double> matrix(const std::string& name) const {
    const Array& a = npz::at(arrays, name);
    const auto v = a.as<double>();
    return map(MatrixView<const double>(v.data(), a.shape[0], a.shape.size() > 1 ? a.shape[1] : 1));
  }
  std::vector<std::int32_t> integers(const std::string& name) const {
    return npz::at(arrays, name).as<std::int32_t>();
  }
  Graph graph(Index n) const {
    const auto pairs = integers("edges");
    Graph g;
    g.first.assign(static_cast<std::size_t>(n) + 1, 0);
    for (std::size_t e = 0; e < pairs.size(); e += 2) {
      g.receiver.push_back(pairs[e]);
      g.sender.push_back(pairs[e + 1]);
      ++g.first[static_cast<std::size_t>(pairs[e]) + 1];
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) g.first[i + 1] += g.first[i];
    return g;
  }
  std::vector<std::string> names() const {
    const auto text = npz::at(arrays, "names").as<std::uint8_t>();
    std::istringstream in(std::string(text.begin(), text.end()));
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
};

inline double relative(const MatrixOf<double>& a, const MatrixOf<double>& b) {
  return (a - b).norm() / b.norm();
}

/// A number that is estimated and not trained: PyTorch does not count it among the parameters.
inline bool is_buffer(const ParameterEntry& e) {
  return e.name.find(".running_") != std::string::npos;
}

/// The names are PyTorch's; the output is its within 1e-5 in float; output and every parameter's
/// gradient are its in double. `run(arithmetic)` is a pass of the model.
template <typename Net, typename Run>
void check(const Net& net, const File& file, const Run& run) {
  const std::size_t n = net.quantizers.first_entry();
  std::vector<std::string> own, theirs = file.names();
  for (std::size_t k = 0; k < n; ++k)
    if (!is_buffer(net.layout.entries()[k])) own.push_back(net.layout.entries()[k].name);
  const auto order = theirs;
  std::sort(own.begin(), own.end());
  std::sort(theirs.begin(), theirs.end());
  REQUIRE(own == theirs);

  const MatrixOf<double> expected = file.matrix("output");
  Float32 reference(net.layout, net.parameters);
  const auto result = run(reference);
  const MatrixOf<double> y = map(result.view()).template cast<double>();
  REQUIRE(y.rows() == expected.rows());
  REQUIRE(y.cols() == expected.cols());
  CHECK(relative(y, expected) < 1e-5);

  ParametersOf<double> p;
  p.values.assign(net.parameters.values.begin(), net.parameters.values.end());
  std::vector<double> gradient(p.values.size(), 0.0);
  BasicTraining<double> a(net.layout, net.quantizers);
  a.begin({&p, &gradient, nullptr});
  const auto out = run(a);
  CHECK(relative(map(a[out]), expected) < 1e-9);
  const MatrixOf<double> seed = tensor("seed", expected.rows(), expected.cols()).cast<double>();
  a.tape().backward(out.ref, view(seed));
  const MatrixOf<double> gradients = file.matrix("gradients");
  for (std::size_t k = 0; k < order.size(); ++k) {
    const auto& e = net.layout.entry(net.layout.find(order[k]));
    const auto direction = uniform("direction " + e.name, e.size());
    double norm = 0, dot = 0;
    for (std::size_t i = 0; i < direction.size(); ++i) {
      const double g = gradient[static_cast<std::size_t>(e.offset) + i];
      norm += g * g;
      dot += g * static_cast<double>(direction[i]);
    }
    const double norm_there = gradients(static_cast<Index>(k), 0),
                 scale = norm_there * std::sqrt(static_cast<double>(e.size())) + 1e-12;
    CAPTURE(e.name);
    CHECK(std::abs(std::sqrt(norm) - norm_there) < 1e-7 * scale);
    CHECK(std::abs(dot - gradients(static_cast<Index>(k), 1)) < 1e-7 * scale);
  }
}

/// Numbers the model trains, without those of quantizers.
template <typename Model>
Index parameter_count(const typename Model::Config& config) {
  ParameterLayout layout;
  const Model model(layout, config);
  Index count = 0;
  for (const auto& e : layout.entries()) count += is_buffer(e) ? 0 : e.size();
  return count;
}

}  // namespace golden
