#pragma once
/// @file
/// The assembled solver of a network on regular grids: a field in, a field out, in integers.

#include <amq/arithmetic/fixed.hpp>
#include <amq/core/eigen_size.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/models/grid_model.hpp>
#include <amq/models/network.hpp>
#include <amq/solver/solution.hpp>
#include <amq/solver/stored.hpp>
#include <amq/solver/workspaces.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amq::solver {

/// A regular grid in the user's units.
struct RegularGrid {
  std::vector<std::vector<double>> axes;  ///< (axis)(point) coordinates, the last axis fastest

  /// n points along each axis, at low, low + step, ... of the unit box: periodic grids.
  [[nodiscard]] static RegularGrid periodic(const std::vector<Index>& n) {
    RegularGrid g;
    for (const Index points : n) {
      auto& axis = g.axes.emplace_back();
      for (Index i = 0; i < points; ++i)
        axis.push_back(static_cast<double>(i) / static_cast<double>(points));
    }
    return g;
  }
  /// The same, with points on both ends of the unit box.
  [[nodiscard]] static RegularGrid closed(const std::vector<Index>& n) {
    RegularGrid g;
    for (const Index points : n) {
      auto& axis = g.axes.emplace_back();
      for (Index i = 0; i < points; ++i)
        axis.push_back(static_cast<double>(i) /
                       static_cast<double>(std::max<Index>(points - 1, 1)));
    }
    return g;
  }
  /// @throws amq::Error for no or more than three axes, one without points, or numbers that are not
  ///         finite
  [[nodiscard]] GridShape shape() const {
    if (axes.empty() || axes.size() > 3)
      throw Error("RegularGrid", "1 to 3 axes", std::to_string(axes.size()),
                  "Give the coordinates of every axis.");
    GridShape s;
    s.dims = static_cast<int>(axes.size());
    for (int d = 0; d < s.dims; ++d) {
      s[d] = static_cast<Index>(axes[static_cast<std::size_t>(d)].size());
      const auto& axis = axes[static_cast<std::size_t>(d)];
      const auto wrong = [&](const char* expected, const std::string& found, const char* mend) {
        throw Error("RegularGrid, axis " + std::to_string(d), expected, found, mend);
      };
      if (axis.empty()) wrong("a point or more", "none", "Give the coordinates of every axis.");
      for (const double x : axis)
        if (!std::isfinite(x))
          wrong("finite coordinates", std::to_string(x), "Repair the axis before it is passed on.");
    }
    return s;
  }
};

/// From a field on a grid, in the user's units, to what a network sees, and back. Fixed before
/// training and kept in the model file.
struct GridFieldEncoding {
  std::vector<float> input_mean{0}, input_deviation{1};    ///< (given channel)
  std::vector<float> output_mean{0}, output_deviation{1};  ///< (solution channel)
  std::vector<double> low{0, 0}, high{1, 1};  ///< (axis) of the box whose positions are 0 .. 1
  /// The network says the change since the last given frame: of the last given channels, as many as
  /// the solution has.
  bool change = false;

  template <typename Self, typename Visit>
  static void each(Self& e, const Visit& visit) {
    visit("input_mean", e.input_mean);
    visit("input_deviation", e.input_deviation);
    visit("output_mean", e.output_mean);
    visit("output_deviation", e.output_deviation);
    visit("low", e.low);
    visit("high", e.high);
    visit("change", e.change);
  }
  [[nodiscard]] Index inputs() const noexcept { return static_cast<Index>(input_mean.size()); }
  [[nodiscard]] Index outputs() const noexcept { return static_cast<Index>(output_mean.size()); }

  /// @throws amq::Error for numbers that encode nothing
  void check() const {
    const auto want = [](bool good, const char* what) {
      if (!good) throw Error("GridFieldEncoding", what, "others", "Correct the encoding.");
    };
    const auto positive = [](const std::vector<float>& all) {
      return std::all_of(all.begin(), all.end(), [](float x) { return std::isfinite(x) && x > 0; });
    };
    const auto finite = [](const auto& all) {
      return std::all_of(all.begin(), all.end(), [](auto x) { return std::isfinite(x); });
    };
    want(input_mean.size() == input_deviation.size() &&
             output_mean.size() == output_deviation.size(),
         "a deviation for every mean");
    want(finite(input_mean) && finite(output_mean), "finite means");
    want(positive(input_deviation) && positive(output_deviation), "positive deviations");
    bool box =
        !low.empty() && low.size() <= 3 && low.size() == high.size() && finite(low) && finite(high);
    for (std::size_t d = 0; box && d < low.size(); ++d) box = high[d] > low[d];
    want(box, "a box of 1 to 3 axes, its low ends below its high ones");
    want(!change || inputs() >= outputs(), "as many given channels as the solution changes");
  }
  /// (point, axis) in the unit box.
  void positions(const RegularGrid& grid, const GridShape& shape, Matrix& x) const {
    set_size(x, shape.points(), shape.dims);
    for (Index p = 0; p < x.rows(); ++p) {
      Index left = p;
      for (int d = shape.dims - 1; d >= 0; --d) {
        const auto k = static_cast<std::size_t>(d);
        const double at = grid.axes[k][static_cast<std::size_t>(left % shape[d])];
        x(p, d) = static_cast<float>((at - low[k]) / (high[k] - low[k]));
        left /= shape[d];
      }
    }
  }
  /// @throws amq::Error for a field of other shape, or numbers that are not finite
  void encode(MatrixView<const float> a, const GridShape& shape, Matrix& u) const {
    if (a.rows != shape.points() || a.cols != inputs())
      throw Error("solver",
                  "a field of " + std::to_string(shape.points()) + " points and " +
                      std::to_string(inputs()) + " channels",
                  std::to_string(a.rows) + " points and " + std::to_string(a.cols) + " channels",
                  "Give one row per point of the grid, the last axis fastest.");
    set_size(u, a.rows, a.cols);
    for (Index i = 0; i < a.rows; ++i)
      for (Index c = 0; c < a.cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        if (!std::isfinite(a(i, c)))
          throw Error("solver, given field", "finite numbers",
                      std::to_string(a(i, c)) + " at point " + std::to_string(i),
                      "Repair the field before it is passed on.");
        u(i, c) = (a(i, c) - input_mean[k]) / input_deviation[k];
      }
  }
  void decode(MatrixView<const float> y, MatrixView<const float> a, Field& into) const {
    set_size(into, y.rows, y.cols);
    for (Index i = 0; i < y.rows; ++i)
      for (Index c = 0; c < y.cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        const float said = std::fma(y(i, c), output_deviation[k], output_mean[k]);
        into(i, c) = change ? a(i, a.cols - y.cols + c) + said : said;
      }
  }
};

}  // namespace amq::solver

namespace amq {

/// A trained network and how fields are encoded. All rows have one width. All const functions may
/// be called by several threads at once, and give the same bits as one after another.
/// @tparam Scheme  only its levels and its rule are compiled; AnyScheme: what the network says at
///                 run time, and the same bits
template <typename Model, typename Scheme = AnyScheme>
class GridSolver {
  static_assert(models::require_grid_model<Model>());

 public:
  using scheme = Scheme;

  /// @throws amq::Error for an encoding of other channels than the network's, and a network of
  ///         another scheme
  GridSolver(std::unique_ptr<Network<Model>> net, solver::GridFieldEncoding encoding,
             Executor& executor = core::serial_executor())
      : parts_(make_parts(std::move(net), std::move(encoding), executor)) {
    budget_.mean_bits = levels().back();
  }

  /// Of solves that name none. Not while others solve.
  /// @throws amq::Error for bits that are no level of the scheme
  void budget(Budget b) {
    check(b);
    budget_ = b;
  }
  [[nodiscard]] Budget budget() const noexcept { return budget_; }
  /// What training saw, which files keep. Not while others solve.
  void trained_on(solver::TrainedOn seen) { parts_->seen = std::move(seen); }
  [[nodiscard]] const solver::TrainedOn& trained_on() const noexcept { return parts_->seen; }
  /// @param tolerance  see Outside: refused beyond
  void out_of_range(solver::OutOfRange policy, double tolerance = 0) noexcept {
    policy_ = policy;
    tolerance_ = tolerance;
  }

  /// @param a  (point, given channel) in the user's units, the last axis fastest
  /// @returns  field (point, solution channel), and what it cost
  /// @throws amq::Error for grids the network cannot have and fields the encoding refuses
  Solution operator()(const solver::RegularGrid& grid, MatrixView<const float> a,
                      const solver::SolveOptions& options = {}) const {
    Solution s;
    solve(grid, a, s, options);
    return s;
  }
  Solution operator()(const solver::RegularGrid& grid, const Field& a,
                      const solver::SolveOptions& options = {}) const {
    return (*this)(grid, view(a), options);
  }
  /// The same into memory that was there before.
  void solve(const solver::RegularGrid& grid, MatrixView<const float> a, Solution& into,
             const solver::SolveOptions& options = {}) const {
    const core::FloatEnvironment own;
    const Budget b = options.budget.value_or(budget_);
    check(b);
    if (!options.variables.empty())
      throw Error("solver, variables", "none", std::to_string(options.variables.size()),
                  "Networks on grids read what is given at points: pass it as a channel.");
    const ops::GridShape shape = grid.shape();
    if (shape.dims != net().model.config().channels().dims)
      throw Error("solver",
                  "a grid of " + std::to_string(net().model.config().channels().dims) + " axes",
                  std::to_string(shape.dims), "Give the coordinates of every axis.");
    const auto w = parts_->workspaces.borrow([this] {
      return std::make_unique<Workspace>(Workspace{parts_->main.beside(), {}, {}});
    });
    solver::Outside outside;
    if (policy_ != solver::OutOfRange::ignore) outside = compare(grid, a);
    encoding().positions(grid, shape, w->x);
    encoding().encode(a, shape, w->u);
    const arithmetics::BitPlan plan = arithmetics::BitPlan::uniform(static_cast<int>(b.mean_bits));
    const auto u = view(std::as_const(w->u)), x = view(std::as_const(w->x));
    arithmetics::BasicCounting count(net().layout, net().quantizers, plan);
    net().model(count, shape, u, x);
    w->main.look_for_cut(policy_ != solver::OutOfRange::ignore);
    w->main.begin(plan);
    encoding().decode(net().model(w->main, shape, u, x).view(), a, into.field);
    into.report = {};
    into.report.outside = outside;
    into.report.cut_share = w->main.cut().share();
    into.report.bops = into.report.budget = static_cast<allocation::Cost>(count.cost().bops());
    into.report.float_bops = static_cast<allocation::Cost>(count.cost().float_bops());
  }

  [[nodiscard]] const solver::GridFieldEncoding& encoding() const noexcept {
    return parts_->encoding;
  }
  [[nodiscard]] const Network<Model>& net() const noexcept { return *parts_->net; }
  /// Packed codes, steps and biases: what a deployed file would hold.
  [[nodiscard]] double model_bytes() const {
    return arithmetics::deployed_bytes(net().layout, net().quantizers);
  }

 private:
  struct Workspace {
    arithmetics::Fixed<Scheme> main;
    core::Matrix u, x;
  };
  struct Parts {
    std::unique_ptr<Network<Model>> net;
    solver::GridFieldEncoding encoding;
    solver::TrainedOn seen;
    core::FloatExecutor executor;     // the host's threads, in amq's floating-point environment
    arithmetics::Fixed<Scheme> main;  // whose packed weights all passes read
    solver::Workspaces<Workspace> workspaces;

    Parts(std::unique_ptr<Network<Model>> n, solver::GridFieldEncoding e, Executor& hosts)
        : net(std::move(n)),
          encoding(std::move(e)),
          executor(hosts),
          main(net->layout, net->quantizers, net->parameters, executor) {
      encoding.check();
      const models::GridChannels c = net->model.config().channels();
      if (encoding.inputs() != c.given || encoding.outputs() != c.outputs ||
          static_cast<int>(encoding.low.size()) != c.dims)
        throw Error("GridSolver",
                    std::to_string(c.given) + " given channels, " + std::to_string(c.outputs) +
                        " of the solution and " + std::to_string(c.dims) + " axes",
                    "an encoding of " + std::to_string(encoding.inputs()) + ", " +
                        std::to_string(encoding.outputs()) + " and " +
                        std::to_string(encoding.low.size()),
                    "Encode what the network was built for.");
    }
  };
  static std::unique_ptr<Parts> make_parts(std::unique_ptr<Network<Model>> net,
                                           solver::GridFieldEncoding encoding, Executor& executor) {
    const core::FloatEnvironment own;
    return std::make_unique<Parts>(std::move(net), std::move(encoding), executor);
  }
  [[nodiscard]] const std::vector<int>& levels() const noexcept {
    return net().quantizers.info().levels;
  }
  [[nodiscard]] solver::Outside compare(const solver::RegularGrid& grid,
                                        MatrixView<const float> a) const {
    const solver::TrainedOn& seen = parts_->seen;
    solver::Outside o;
    for (std::size_t d = 0; d < std::min(grid.axes.size(), seen.box.size()); ++d) {
      solver::SeenRange axis;  // which may run either way
      for (const double x : grid.axes[d]) axis.add(x);
      o.box = std::max(o.box, seen.box[d].beyond(axis));
    }
    const auto ranges = solver::TrainedOn::ranges(a);
    for (std::size_t c = 0; c < std::min(ranges.size(), seen.given.size()); ++c)
      if (const double excess = seen.given[c].beyond(ranges[c]); excess > o.given) {
        o.given = excess;
        o.given_channel = static_cast<Index>(c);
      }
    if (policy_ == solver::OutOfRange::refuse && o.largest() > tolerance_)
      throw Error("solver", "an input as in training",
                  std::to_string(o.box) + " widths of the box and " + std::to_string(o.given) +
                      " of a channel's range outside",
                  "Check units, or allow it with out_of_range(OutOfRange::report).");
    return o;
  }
  void check(Budget b) const {
    if (b.milliseconds != 0)
      throw Error("budget", "one of the scheme's levels", std::to_string(b.milliseconds) + " ms",
                  "Name a level: all points of a grid have the same bits, which take a time.");
    if (std::find(levels().begin(), levels().end(), b.mean_bits) == levels().end())
      throw Error("budget", "one of the scheme's levels", std::to_string(b.mean_bits) + " bits",
                  "Name a level: all points of a grid have the same bits.");
  }

  std::unique_ptr<Parts> parts_;
  Budget budget_;
  solver::OutOfRange policy_ = solver::OutOfRange::report;
  double tolerance_ = 0;
};

}  // namespace amq
