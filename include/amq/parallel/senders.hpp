#pragma once
/// @file
/// Which rows of a network cross from rank to rank: found by running its text on names instead of
/// numbers. Where an edge reads its sender's row, that row must be made of codes, row by row: then
/// the codes are what travels, and every reader makes the same floats of them. Rows made of what
/// every rank knows of its ghosts, the given field or their positions, are coded where they are
/// read: no codes travel.

#include <amq/arithmetic/concept.hpp>
#include <amq/models/graph_sample.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/graph.hpp>
#include <amq/ops/latent_attention.hpp>
#include <amq/ops/masked_attention.hpp>
#include <amq/ops/norm.hpp>
#include <amq/ops/rows.hpp>
#include <amq/ops/shift.hpp>
#include <amq/ops/windows.hpp>
#include <amq/parallel/communicator.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::parallel {

/// Operations that make each row of the same rows of their inputs. A user's own says so with a
/// specialization, and then runs over ranks.
template <typename Op>
inline constexpr bool row_by_row = false;
template <>
inline constexpr bool row_by_row<ops::Add> = true;
template <>
inline constexpr bool row_by_row<ops::Subtract> = true;
template <>
inline constexpr bool row_by_row<ops::Activate> = true;
template <>
inline constexpr bool row_by_row<ops::Affine> = true;
template <>
inline constexpr bool row_by_row<ops::LayerNorm> = true;
template <>
inline constexpr bool row_by_row<ops::Shift> = true;
template <>
inline constexpr bool row_by_row<ops::Windows> = true;
template <>
inline constexpr bool row_by_row<ops::FoldWindows> = true;
template <>
inline constexpr bool row_by_row<ops::Multiply> = true;
template <>
inline constexpr bool row_by_row<ops::ChooseRows> = true;
/// Operations that are written for ranks.
template <typename Op>
inline constexpr bool across_ranks = false;
template <>
inline constexpr bool across_ranks<ops::EdgeSum> = true;
template <>
inline constexpr bool across_ranks<ops::SegmentMean> = true;
template <>
inline constexpr bool across_ranks<ops::SegmentSum> = true;
template <>
inline constexpr bool across_ranks<ops::InstanceNorm> = true;
template <>
inline constexpr bool across_ranks<ops::SplitHeads> = true;
template <bool Tempered>
inline constexpr bool across_ranks<ops::PoolNodes<Tempered>> = true;
template <bool Tempered>
inline constexpr bool across_ranks<ops::SpreadTokens<Tempered>> = true;
template <>
inline constexpr bool across_ranks<ops::SoftmaxAttention> = true;  // of tokens, which all have

template <>
inline constexpr bool across_ranks<ops::Gather> = true;
template <>
inline constexpr bool across_ranks<ops::MaskedAttention> = true;  // of clusters

namespace detail {
/// Operations that make another number of rows.
template <typename Op>
inline constexpr bool cuts_rows =
    std::is_same_v<Op, ops::Windows> || std::is_same_v<Op, ops::FoldWindows> ||
    std::is_same_v<Op, ops::SplitHeads>;
template <typename Op>
inline constexpr bool pools = false;
template <bool Tempered>
inline constexpr bool pools<ops::PoolNodes<Tempered>> = true;
}  // namespace detail

/// The arithmetic of names.
class SendersRead {
 public:
  struct Tensor {
    Index rows = 0, cols = 0;
    RowKind kind = RowKind::node;
    bool of_codes = false;  ///< made of products of `points`, row by row, and nothing else
    std::vector<PointId> points;
    /// Made, row by row, of inputs whose ghosts' rows are known, and nothing else.
    bool known = false;
    bool given = false;  ///< the field that is given is one of them
  };
  struct Quantized {
    Index rows = 0, cols = 0;
    RowKind kind = RowKind::node;
    PointId point{};
  };

  /// Rows of nodes that every rank knows of its ghosts, too.
  struct Known {
    const float* rows;  ///< where those of own nodes lie
    Index cols;
    bool given;  ///< whether they are another field's in the next pass
  };

  explicit SendersRead(const ParameterLayout& layout, std::vector<Known> known = {})
      : layout_(&layout),
        inputs_(std::move(known)),
        read_(layout.points().size(), 0),
        by_clusters_(read_),
        told_(read_),
        of_unknown_(read_.size(), 0),
        of_given_(of_unknown_) {}

  /// [PointId] whether edges read its senders' rows.
  [[nodiscard]] const std::vector<char>& points() const noexcept { return read_; }
  /// Whether edges read its senders' rows, which are made of what every rank knows of its ghosts:
  /// no codes travel.
  [[nodiscard]] bool made_here(std::size_t point) const noexcept {
    return read_[point] && !of_unknown_[point];
  }
  /// Whether such a point is made of the given field.
  [[nodiscard]] bool reads_given() const noexcept {
    bool any = false;
    for (std::size_t p = 0; p < read_.size(); ++p) any = any || (made_here(p) && of_given_[p]);
    return any;
  }
  /// All ranks call it: one without nodes cannot tell inputs apart, and is told.
  void agree(Communicator& c, bool has_nodes) {
    if (!has_nodes) {
      std::fill(of_unknown_.begin(), of_unknown_.end(), 0);
      std::fill(of_given_.begin(), of_given_.end(), 0);
    }
    c.max(of_unknown_);
    c.max(of_given_);
  }

  /// [PointId] whether clusters read the codes of their nodes.
  [[nodiscard]] const std::vector<char>& read_by_clusters() const noexcept { return by_clusters_; }
  /// [PointId] whether rows that ranks share are told to all: attention among them, or whoever gets
  /// the result of shared_rows(), reads their product.
  [[nodiscard]] const std::vector<char>& told_to_all() const noexcept { return told_; }

  /// See amq::arithmetics::shared_rows().
  template <typename F>
  Tensor shared_rows(Index, const F& f) {
    shared_ = true;
    const Tensor y = f();
    shared_ = false;
    tell(y);
    return y;
  }

  Tensor input(MatrixView<const float> x, RowKind kind) {
    Tensor t{x.rows, x.cols, kind, false, {}};
    if (kind != RowKind::node) return t;
    for (const Known& k : inputs_)
      if (k.rows == x.data && k.cols == x.cols) t.known = true, t.given = t.given || k.given;
    return t;
  }
  Quantized quantize(PointId point, const Tensor& x) {
    if (!x.known) of_unknown_[to_index(point)] = 1;
    if (x.given) of_given_[to_index(point)] = 1;
    return {x.rows, x.cols, x.kind, point};
  }
  Tensor linear(WeightId id, const Quantized& x) {
    return {x.rows, layout_->weight(id).columns_out(), x.kind, true, {x.point}};
  }
  Tensor columns(const Tensor& x, Index, Index n) {
    Tensor y = x;
    y.cols = n;
    return y;
  }
  Tensor concat(std::initializer_list<Tensor> xs) {
    Tensor y = *xs.begin();
    y.cols = 0;
    for (const Tensor& x : xs) {
      y.cols += x.cols;
      join(y, x);
    }
    return y;
  }
  /// @throws Error where an edge reads floats of its sender that are not made of codes, where
  ///         nodes attend to each other, where tokens are sums of floats, and for heads of nodes
  ///         beside edges
  template <ops::operation Op, typename... In>
  Tensor apply(const Op& op, const In&... in) {
    static_assert(row_by_row<Op> || across_ranks<Op>,
                  "amq: a network with this operation does not run over ranks. If it makes each "
                  "row of the same rows of its inputs, say so: "
                  "template <> inline constexpr bool amq::parallel::row_by_row<Op> = true;");
    using Run = ops::Run<Op>;
    const typename Run::Shapes shapes{shape_of(in)...};
    const MatrixShape s = Run::shape(op, shapes);
    Tensor y{s.rows, s.cols, RowKind::node, row_by_row<Op>, {}, row_by_row<Op>};
    bool first = true;
    const auto look = [&](const auto& x) {
      if constexpr (std::is_same_v<std::decay_t<decltype(x)>, Tensor>) {
        if (std::exchange(first, false)) y.kind = Run::kind(op, x.kind);
        if (row_by_row<Op>) join(y, x);
      }
    };
    (look(in), ...);
    if constexpr (detail::cuts_rows<Op>) y.known = false;
    if constexpr (std::is_same_v<Op, ops::EdgeSum>) sender(in...);
    if constexpr (std::is_same_v<Op, ops::Gather>) y.of_codes = gathered(op, in...);
    if constexpr (std::is_same_v<Op, ops::SoftmaxAttention> ||
                  std::is_same_v<Op, ops::MaskedAttention>)
      if (y.kind != RowKind::cluster)
        throw Error("network over ranks", "attention between tokens, which every rank has",
                    "attention between nodes", "Pool nodes into tokens first.");
    if constexpr (std::is_same_v<Op, ops::MaskedAttention>)
      if (shared_) (tell(in), ...);
    if constexpr (detail::pools<Op>)
      if (!op.bits)
        throw Error("network over ranks", "pooling in codes, whose sums have no order",
                    "pooling in floats", "Set the model's attention_bits, such as {8, 8}.");
    // No network has both, so that nothing has shown them to work.
    splits_ = splits_ || std::is_same_v<Op, ops::SplitHeads>;
    if (splits_ && std::find(read_.begin(), read_.end(), 1) != read_.end())
      throw Error("network over ranks", "edges that read their senders, or heads of nodes",
                  "both in one network", "Solve on one rank.");
    return y;
  }
  [[nodiscard]] static MatrixShape result(const Tensor& x) noexcept { return {x.rows, x.cols}; }
  [[nodiscard]] static ProductBits product_bits(ProductBits wanted) noexcept { return wanted; }

 private:
  static void join(Tensor& y, const Tensor& x) {
    y.of_codes = y.of_codes && x.of_codes;
    y.known = y.known && x.known;
    y.given = y.given || x.given;
    for (const PointId p : x.points)
      if (std::find(y.points.begin(), y.points.end(), p) == y.points.end()) y.points.push_back(p);
  }
  void tell(const Tensor& x) {
    if (!x.of_codes)
      throw Error(
          "network over ranks", "clusters that are read through a product of their rows",
          "floats of clusters",
          "Quantize and multiply the rows before attention, and at the end of shared_rows().");
    for (const PointId p : x.points) told_[to_index(p)] = 1;
  }
  void sender(const Tensor&, const Tensor& x) {
    if (!x.of_codes)
      throw Error("network over ranks", "edges that read their sender's row through a product",
                  "floats of the sender", "Quantize and multiply the rows before EdgeSum.");
    for (const PointId p : x.points) read_[to_index(p)] = 1;
  }
  /// Rows of nodes for clusters, or of clusters, which every rank has, for nodes.
  bool gathered(const ops::Gather& op, const Tensor& x) {
    if (x.kind == RowKind::cluster) return true;
    if (op.of != RowKind::cluster || !x.of_codes)
      throw Error("network over ranks", "clusters that read products of their nodes' rows",
                  "others", "Quantize and multiply the rows before Gather.");
    for (const PointId p : x.points) by_clusters_[to_index(p)] = 1;
    return false;
  }
  [[nodiscard]] static MatrixShape shape_of(const Tensor& x) noexcept { return {x.rows, x.cols}; }
  [[nodiscard]] MatrixShape shape_of(ParameterId p) const {
    return {1, ParameterRow(*layout_, p).size};
  }
  [[nodiscard]] static MatrixShape shape_of(ParameterRow r) noexcept { return {1, r.size}; }

  const ParameterLayout* layout_;
  std::vector<Known> inputs_;
  std::vector<char> read_, by_clusters_, told_;
  std::vector<std::int64_t> of_unknown_, of_given_;
  bool splits_ = false;  ///< rows of nodes into rows of heads
  bool shared_ = false;  ///< inside shared_rows()
};
static_assert(arithmetic<SendersRead>);

}  // namespace amq::parallel
