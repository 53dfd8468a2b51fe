#pragma once
/// @file
/// A user's samples as networks see them: split, encoded, prepared, and augmented in training.

#include <amq/train/train_options.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// Which samples are trained on, and which tell how well; both in the user's order.
struct SampleSplit {
  std::vector<std::size_t> training, validation;

  /// @param share  of n that is drawn for validation, rounded down
  /// @throws amq::Error for no sample, and a share that leaves none to train on
  [[nodiscard]] static SampleSplit of(std::size_t n, double share, std::uint64_t seed) {
    if (n == 0 || !(share >= 0 && share < 1))
      throw Error("training", "samples, and a validation share from 0 to below 1",
                  number_text(n) + " samples, share " + number_text(share),
                  "Give more samples, or a smaller share.");
    SampleSplit s;
    s.training.resize(n);
    std::iota(s.training.begin(), s.training.end(), std::size_t{0});
    const auto few = static_cast<std::size_t>(share * static_cast<double>(n));
    if (few == 0) return s;
    Random::stream(seed, 0x5b117).shuffle(s.training);
    s.validation.assign(s.training.end() - static_cast<std::ptrdiff_t>(few), s.training.end());
    s.training.resize(n - few);
    std::sort(s.training.begin(), s.training.end());
    std::sort(s.validation.begin(), s.validation.end());
    return s;
  }
};

namespace detail {

/// Encodes a user's sample, its solution included. @param where  what an error calls it
inline GraphSample encoded(const MeshEncoding& encoding, const Sample& s,
                           const std::string& where) {
  if (s.solution.size() == 0)
    throw Error(where, "a solution of " + std::to_string(s.mesh.n_nodes()) + " nodes", "none",
                "Leave the sample out, or give it its solution.");
  try {
    GraphSample g = encoding.encode(s.mesh, view(s.given));
    encoding.encode_solution(view(s.solution), g);
    if (!g.y.allFinite()) throw Error("solution", "finite numbers", "others", "Repair the field.");
    return g;
  } catch (const Error& e) {
    throw Error(where + ", " + e.where(), e.expected(), e.found(), e.mend());
  }
}
/// What a model reads of a mesh is made once where samples of one mesh follow each other.
inline bool same_mesh(const Mesh& a, const Mesh& b) {
  return a.dim == b.dim && a.points == b.points && a.cells == b.cells && a.node_type == b.node_type;
}

}  // namespace detail

/// Samples of a mesh problem for one network.
template <typename Model>
class MeshSamples {
 public:
  std::vector<GraphSample> training, validation;

  /// @param samples  outlive this, where they are augmented
  /// @throws amq::Error naming the sample that is not complete
  MeshSamples(const Model& model, const MeshEncoding& encoding, std::span<const Sample> samples,
              SampleSplit split)
      : model_(&model), encoding_(encoding), samples_(samples), split_(std::move(split)) {
    const auto encode = [&](const std::vector<std::size_t>& of, std::vector<GraphSample>& to) {
      for (std::size_t k = 0; k < of.size(); ++k) {
        to.push_back(detail::encoded(encoding_, samples[of[k]], "sample " + number_text(of[k])));
        if (k > 0 && detail::same_mesh(samples[of[k]].mesh, samples[of[k - 1]].mesh))
          to[k].of_mesh = to[k - 1].of_mesh;
        else
          prepare_sample(model, to[k]);
      }
    };
    encode(split_.training, training);
    encode(split_.validation, validation);
  }
  MeshSamples(const MeshSamples&) = delete;
  MeshSamples& operator=(const MeshSamples&) = delete;

  /// The first training samples, which steps are fitted to.
  [[nodiscard]] std::span<const GraphSample> first(std::size_t n) const {
    return std::span(training).first(std::min(n, training.size()));
  }
  /// Validation and augmentation of a training on these. @pre this outlives it
  void set_up(NetworkTraining<Model, GraphSample>& t, const TrainOptions& o) const {
    t.validate_on(validation);
    if (!o.augmentation.change) return;
    t.approach_by(
        [this, change = o.augmentation.change](Turn& turn, const auto&,
                                               GraphSample& room) -> const GraphSample& {
          const std::string where = "augmented sample " + number_text(split_.training[turn.sample]);
          Sample s = samples_[split_.training[turn.sample]];
          change(s, turn.random);
          const GraphSample& as_given = training[turn.sample];
          if (s.mesh.n_nodes() != as_given.graph.n_nodes())
            throw Error(where, number_text(as_given.graph.n_nodes()) + " nodes, as it was given",
                        number_text(s.mesh.n_nodes()), "Move nodes, but keep them.");
          room = detail::encoded(encoding_, s, where);
          room.graph = as_given.graph;
          prepare_sample(*model_, room);
          return room;
        },
        o.augmentation.name);
  }

 private:
  const Model* model_;
  MeshEncoding encoding_;
  std::span<const Sample> samples_;
  SampleSplit split_;
};

/// Mirrors a sample at the middle of the given axes, each half of the time: for problems that do
/// not know left from right.
/// @param centre  (dim) of the domain, in the user's unit of length
/// @param given, solution  (dim) for every axis the channels that change their sign with it, as
///                components of a vector do
[[nodiscard]] inline Augmentation reflections(std::vector<int> axes, std::vector<double> centre,
                                              std::vector<std::vector<Index>> given = {},
                                              std::vector<std::vector<Index>> solution = {}) {
  return {"reflections of axes " + numbers_text(axes), [=](Sample& s, Random& random) {
            for (const int axis : axes) {
              if (random.uniform() < 0.5) continue;
              const auto a = static_cast<std::size_t>(axis);
              for (Index i = 0; i < s.mesh.n_nodes(); ++i) {
                double& x = s.mesh.points[static_cast<std::size_t>(i * s.mesh.dim + axis)];
                x = 2 * centre[a] - x;
              }
              const auto turn = [&](const std::vector<std::vector<Index>>& channels, Field& f) {
                if (a < channels.size())
                  for (const Index c : channels[a]) f.col(c) *= -1.0f;
              };
              turn(given, s.given);
              turn(solution, s.solution);
            }
          }};
}

}  // namespace amq::training
