#pragma once
/// @file
/// Optional (libhdf5): samples from PDEBench's layouts, one at a time or in strides, whatever the
/// file's size.
///
// clang-format off
/// | file                       | datasets                                                      | a sample is        |
/// |----------------------------|---------------------------------------------------------------|--------------------|
/// | 1-D Burgers, advection     | tensor (N, T, X), x-coordinate, t-coordinate                  | (T, X, 1)          |
/// | 2-D Darcy                  | tensor (N, 1, X, Y), nu (N, X, Y), x-, y-coordinate           | (1, X, Y, 1)       |
/// | 1-D diffusion-sorption     | 0000/data (T, X, C), 0000/grid/x, 0000/grid/t, ...            | (T, X, C)          |
/// | compressible flow, 1-D .. 3-D | density, pressure, Vx, Vy, Vz (N, T, X, ..), x-, t-coordinate | (T, X, .., C)   |
// clang-format on
/// A flow's channels are density, pressure and the velocities, in this order: variables().

#include <amq_lab/data/hdf5.hpp>

namespace amq::lab::pdebench {

/// How much of a sample is read: every stride-th point in time and in each direction of space.
struct Thinning {
  Index time = 1, space = 1;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : in_(path) {
    const std::vector<std::string> all = in_.names();
    const auto there = [&](const std::string& name) {
      return std::find(all.begin(), all.end(), name) != all.end();
    };
    if (there("tensor")) {
      variables_ = {"tensor"};
    } else {
      for (const char* name : {"density", "pressure", "Vx", "Vy", "Vz"})
        if (there(name)) variables_.push_back(name);
      // One of these names alone is somebody else's.
      if (!there("Vx")) variables_.clear();
    }
    if (variables_.empty())
      for (const auto& name : all)
        if (in_.contains(name + "/data")) groups_.push_back(name);
    // What stands beside the samples is read past; a sample without data is damage.
    if (!groups_.empty())
      for (const auto& name : all)
        if (name.find_first_not_of("0123456789") == name.npos && !in_.contains(name + "/data"))
          throw Error(path + ": " + name, "'data', as the other samples have", "none",
                      "The file is damaged, or was not written to its end.");
    if (variables_.empty() && groups_.empty()) {
      std::string names;
      for (const auto& name : all) names += (names.empty() ? "" : ", ") + name;
      throw Error(path,
                  "a 'tensor', the variables of a flow (density, pressure, Vx ..), or groups with "
                  "'data'",
                  names.empty() ? "nothing" : names, "This is no layout of PDEBench that is read.");
    }
    n_ = stacked() ? samples_of(variables_[0]) : static_cast<Index>(groups_.size());
    for (const auto& name : variables_)
      if (in_.shape(name) != in_.shape(variables_[0]))
        throw Error(path + ": " + name, text_of(in_.shape(variables_[0])) + ", as " + variables_[0],
                    text_of(in_.shape(name)), "The file is damaged.");
  }
  [[nodiscard]] Index size() const noexcept { return n_; }  ///< samples
  [[nodiscard]] const hdf5::Reader& file() const noexcept { return in_; }
  /// What the channels are, where the file says it: a flow's variables, or "tensor".
  [[nodiscard]] const std::vector<std::string>& variables() const noexcept { return variables_; }

  /// (time, x, ..., channel), float32 as published. Throws for NaN, which a failed simulation
  /// leaves.
  [[nodiscard]] Array solution(Index i, Thinning every = {}) const {
    if (!stacked()) {
      const std::string name = dataset(i, "", "data");
      Array a = read(i, name, every, 1);
      expect_finite(a, where(i, name));
      return a;
    }
    const auto channels = variables_.size();
    Array all;
    for (std::size_t c = 0; c < channels; ++c) {
      const Array a = read(i, dataset(i, variables_[c], ""), every, 1);
      const std::vector<float> values = finite<float>(a, where(i, variables_[c]));
      if (c == 0) {
        Extents shape = a.shape;
        shape.push_back(static_cast<Index>(channels));
        all = Array(DType::f32, std::move(shape));
      }
      const auto to = all.span<float>();
      for (std::size_t k = 0; k < values.size(); ++k) to[k * channels + c] = values[k];
    }
    return all;
  }
  /// Darcy's coefficient: (x, y).
  [[nodiscard]] Array coefficient(Index i, Thinning every = {}) const {
    Array a = read(i, dataset(i, "nu", "nu"), every, 0);
    expect_finite(a, where(i, "nu"));
    return a;
  }
  /// Of an axis, "x", "y", "z" or "t". The published times of Burgers and of flows have one entry
  /// too many, which is dropped.
  /// @throws amq::Error where there are not as many as the solution has points or frames
  [[nodiscard]] std::vector<double> coordinate(const std::string& axis, Thinning every = {}) const {
    const std::string name = stacked() ? axis + "-coordinate" : groups_[0] + "/grid/" + axis;
    check(every);
    auto all = finite<double>(in_.read(name), in_.path() + ": " + name);
    const Extents shape = in_.shape(stacked() ? variables_[0] : groups_[0] + "/data");
    const std::size_t at = std::string("txyz").find(axis) + (stacked() ? 1 : 0);
    const auto n = at < shape.size() ? static_cast<std::size_t>(shape[at]) : 0;
    if (stacked() && axis == "t" && all.size() == n + 1) all.pop_back();
    if (all.size() != n)
      throw Error(in_.path() + ": " + name, std::to_string(n) + " numbers, as the solution has",
                  std::to_string(all.size()), "The file is damaged, or its axes have other names.");
    const auto step = static_cast<std::size_t>(axis == "t" ? every.time : every.space);
    std::vector<double> out;
    for (std::size_t k = 0; k < all.size(); k += step) out.push_back(all[k]);
    return out;
  }

 private:
  [[nodiscard]] bool stacked() const noexcept { return !variables_.empty(); }
  [[nodiscard]] Index samples_of(const std::string& name) const {
    const Extents shape = in_.shape(name);
    if (shape.size() < 3)
      throw Error(in_.path() + ": " + name, "axes (sample, time, x ..)", text_of(shape),
                  "This is no layout of PDEBench.");
    return shape[0];
  }
  void check(Thinning every) const {
    if (every.time < 1 || every.space < 1)
      throw Error(in_.path(), "strides of 1 or more",
                  std::to_string(std::min(every.time, every.space)), "Check the thinning.");
  }
  [[nodiscard]] std::string where(Index i, const std::string& name) const {
    return in_.path() + ": " + name + " of sample " + std::to_string(i);
  }
  [[nodiscard]] std::string dataset(Index i, const std::string& of_all,
                                    const std::string& own) const {
    if (i < 0 || i >= n_) {
      throw Error(in_.path(), "a sample of 0 to " + std::to_string(n_ - 1), std::to_string(i),
                  "Count from 0.");
    }
    return stacked() ? of_all : groups_[static_cast<std::size_t>(i)] + "/" + own;
  }
  /// Axes: sample (where stacked), then `n_time` of time, then space, then channels (where
  /// grouped).
  [[nodiscard]] Array read(Index i, const std::string& name, Thinning every,
                           std::size_t n_time) const {
    check(every);
    const Extents all = in_.shape(name);
    const std::size_t first = stacked() ? 1 : 0, channels = stacked() ? 0 : 1;
    if (all.size() < first + n_time + 1 + channels) {
      throw Error(where(i, name), "axes of time and space", text_of(all),
                  "This is no layout of PDEBench.");
    }
    hdf5::Part part;
    for (std::size_t k = 0; k < all.size(); ++k) {
      const bool sample = k < first, time = !sample && k < first + n_time,
                 channel = k + channels >= all.size() && channels > 0;
      const Index step = sample || channel ? 1 : time ? every.time : every.space;
      part.start.push_back(sample ? i : 0);
      part.stride.push_back(step);
      part.count.push_back(sample ? 1 : (all[k] + step - 1) / step);
    }
    Array a = in_.read(name, part);
    if (stacked()) a.shape.erase(a.shape.begin());
    return a;
  }

  hdf5::Reader in_;
  std::vector<std::string> variables_, groups_;  // one of them is empty
  Index n_ = 0;
};

}  // namespace amq::lab::pdebench
