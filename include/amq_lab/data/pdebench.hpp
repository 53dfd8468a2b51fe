#pragma once
/// @file
/// Optional (libhdf5): samples from PDEBench's layouts, one at a time or in strides, whatever the
/// file's size.
///
/// | file                    | datasets                                             | a sample is |
/// |-------------------------|------------------------------------------------------|-----------------|
/// | 1-D Burgers, advection  | tensor (N, T, X), x-coordinate, t-coordinate         | (T, X, 1) |
/// | 2-D Darcy               | tensor (N, 1, X, Y), nu (N, X, Y), x-, y-coordinate  | (1, X, Y, 1)
/// | | 1-D diffusion-sorption  | 0000/data (T, X, C), 0000/grid/x, 0000/grid/t, ...   | (T, X, C) |

#include <amq_lab/data/hdf5.hpp>

namespace amq::lab::pdebench {

/// How much of a sample is read: every stride-th point in time and in each direction of space.
struct Thinning {
  Index time = 1, space = 1;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : in_(path), one_tensor_(in_.contains("tensor")) {
    if (!one_tensor_) groups_ = in_.names();
    if (!one_tensor_ && (groups_.empty() || !in_.contains(groups_[0] + "/data"))) {
      throw Error(path, "a 'tensor', or groups with 'data'", "neither",
                  "This is no layout of PDEBench.");
    }
    n_ = one_tensor_ ? in_.shape("tensor").at(0) : static_cast<Index>(groups_.size());
  }
  [[nodiscard]] Index size() const noexcept { return n_; }  ///< samples
  [[nodiscard]] const hdf5::Reader& file() const noexcept { return in_; }

  /// (time, x, ..., channel), float32 as published. Throws for NaN, which a failed simulation
  /// leaves.
  [[nodiscard]] Array solution(Index i, Thinning every = {}) const {
    const std::string name = dataset(i, "tensor", "data");
    Array a = read(i, name, every, 1);
    if (one_tensor_) a.shape.push_back(1);
    expect_finite(a, where(i, name));
    return a;
  }
  /// Darcy's coefficient: (x, y).
  [[nodiscard]] Array coefficient(Index i, Thinning every = {}) const {
    Array a = read(i, dataset(i, "nu", "nu"), every, 0);
    expect_finite(a, where(i, "nu"));
    return a;
  }
  /// Of an axis, "x", "y" or "t". The published Burgers times have one entry too many, which is
  /// dropped.
  [[nodiscard]] std::vector<double> coordinate(const std::string& axis, Thinning every = {}) const {
    const std::string name = one_tensor_ ? axis + "-coordinate" : groups_[0] + "/grid/" + axis;
    auto all = in_.read(name).as<double>();
    if (one_tensor_ && axis == "t") {
      all.resize(std::min(all.size(), static_cast<std::size_t>(in_.shape("tensor").at(1))));
    }
    const auto step = static_cast<std::size_t>(axis == "t" ? every.time : every.space);
    std::vector<double> out;
    for (std::size_t k = 0; k < all.size(); k += step) out.push_back(all[k]);
    return out;
  }

 private:
  [[nodiscard]] std::string where(Index i, const std::string& name) const {
    return in_.path() + ": " + name + " of sample " + std::to_string(i);
  }
  [[nodiscard]] std::string dataset(Index i, const std::string& stacked,
                                    const std::string& own) const {
    if (i < 0 || i >= n_) {
      throw Error(in_.path(), "a sample of 0 to " + std::to_string(n_ - 1), std::to_string(i),
                  "Count from 0.");
    }
    return one_tensor_ ? stacked : groups_[static_cast<std::size_t>(i)] + "/" + own;
  }
  /// Axes: sample (where stacked), then `n_time` of time, then space, then channels (where
  /// grouped).
  [[nodiscard]] Array read(Index i, const std::string& name, Thinning every,
                           std::size_t n_time) const {
    if (every.time < 1 || every.space < 1) {
      throw Error(in_.path(), "strides of 1 or more",
                  std::to_string(std::min(every.time, every.space)), "Check the thinning.");
    }
    const Extents all = in_.shape(name);
    const std::size_t first = one_tensor_ ? 1 : 0, channels = one_tensor_ ? 0 : 1;
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
    if (one_tensor_) a.shape.erase(a.shape.begin());
    return a;
  }

  hdf5::Reader in_;
  bool one_tensor_;
  std::vector<std::string> groups_;
  Index n_ = 0;
};

}  // namespace amq::lab::pdebench
