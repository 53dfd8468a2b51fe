#pragma once
/// @file
/// Deployment on one rank of several: the rows of own nodes, and what edges read of others' nodes.

#include <amq/arithmetic/fixed.hpp>
#include <amq/mesh/cluster.hpp>
#include <amq/parallel/partitioned_mesh.hpp>
#include <amq/parallel/senders.hpp>
#include <amq/parallel/wire.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::parallel {

/// All ranks of a mesh, for what needs everyone.
class AllRanks {
 public:
  AllRanks(Communicator& c, const MeshPart& part) : communicator_(&c), part_(&part) {}
  void sum(std::span<std::int64_t> x) const { communicator_->sum(x); }
  void max(std::span<std::int64_t> x) const { communicator_->max(x); }
  [[nodiscard]] std::int64_t number(Index node) const noexcept {
    return part_->place[static_cast<std::size_t>(node)];
  }
  [[nodiscard]] std::int64_t nodes(Index) const noexcept { return part_->nodes_in_all; }
  [[nodiscard]] Communicator& communicator() const noexcept { return *communicator_; }
  [[nodiscard]] const MeshPart& part() const noexcept { return *part_; }

 private:
  Communicator* communicator_;
  const MeshPart* part_;
};
static_assert(everyone<const AllRanks>);

/// What a rank has sent so far.
struct HaloTraffic {
  std::int64_t bytes = 0;        ///< codes and grids
  std::int64_t float_bytes = 0;  ///< had the same rows been floats
  std::int64_t exchanges = 0;
};

/// Rows of an input of nodes that this rank knows of its ghosts, too.
struct KnownRows {
  const float* own;  ///< where those of own nodes lie
  MatrixView<const float> ghosts;
};

/// Fixed of own rows. Points whose rows edges read from their senders travel: the codes and grids
/// of sent nodes, at their owner's bits. But rows made of known inputs are coded here, ghosts',
/// too. A product of such a point has own rows, then ghosts'; its own rows are computed while
/// ghosts' codes are on their way. Clusters are shared: each rank gets the codes of its clusters'
/// nodes, computes these clusters' rows alone, and tells all others the codes of rows that they
/// attend to, and of the result. All else has own rows alone. After two passes nothing is
/// allocated, whatever bits rows have: there is room for all rows at the scheme's highest level. A
/// layer makes room once more when nodes first skip it.
template <typename Scheme>
class RankFixed : public Fixed<Scheme> {
  using Base = Fixed<Scheme>;
  using Rows = typename Base::Rows;

 public:
  using Tensor = typename Base::Tensor;
  /// Own rows, and ghosts' where the point travels.
  struct Quantized : Base::Quantized {
    Rows ghosts;
  };
  /// All ranks construct it together.
  /// @param read           of the network
  /// @param ghost_cluster  (ghost) its cluster, where there are clusters
  /// @param read_here      ascending numbers in the whole mesh of the nodes that this rank's share
  ///                       of the clusters reads
  RankFixed(const ParameterLayout& layout, const Quantizers& quantizers,
            const Parameters& parameters, const SendersRead& read,
            std::vector<std::int32_t> ghost_cluster, std::span<const std::int64_t> read_here,
            const AllRanks& all, Executor& executor)
      : Base(layout, quantizers, parameters, executor),
        travels_(read.points()),
        made_here_(travels_.size(), 0),
        any_read_(std::find(travels_.begin(), travels_.end(), 1) != travels_.end()),
        by_clusters_(read.read_by_clusters()),
        told_to_all_(read.told_to_all()),
        ghost_cluster_(std::move(ghost_cluster)),
        all_(all),
        halo_(&all_.part().halo),
        sent_place_(static_cast<std::size_t>(halo_->own), -1),
        of_point_(layout.points().size()) {
    for (std::size_t k = 0; k < halo_->sent.size(); ++k)
      sent_place_[static_cast<std::size_t>(halo_->sent[k])] = static_cast<std::int32_t>(k);
    for (std::size_t p = 0; p < travels_.size(); ++p)
      if (read.made_here(p)) made_here_[p] = 1, travels_[p] = 0;
    boxes_.resize(halo_->neighbours.size());
    const int highest = quantizers.info().levels.back();
    this->memory_.widest = highest;
    std::size_t widest = 0, widest_by_clusters = 0;  // bytes of a row that travels
    for (std::size_t p = 0; p < travels_.size(); ++p) {
      const PointEntry& point = layout.points()[p];
      const WireRow wire(point.channels, kind_of(this->weights_.rule()));
      const std::size_t bytes = wire.bytes(point.fixed_bits ? point.fixed_bits : highest);
      if (travels_[p]) widest = std::max(widest, bytes);
      if (by_clusters_[p]) widest_by_clusters = std::max(widest_by_clusters, bytes);
    }
    for (std::size_t k = 0; k < boxes_.size(); ++k) {
      boxes_[k].out.reserve(halo_->neighbours[k].send.size() * widest);
      boxes_[k].in.reserve(static_cast<std::size_t>(halo_->neighbours[k].n_ghosts) * widest);
    }
    if (std::find(by_clusters_.begin(), by_clusters_.end(), 1) == by_clusters_.end()) return;
    find_readers(read_here, widest_by_clusters);
  }
  /// (rank)(its node) its number in the whole mesh, where there are clusters; else empty.
  [[nodiscard]] const std::vector<std::vector<std::int64_t>>& places() const noexcept {
    return places_;
  }

  /// Inputs whose ghosts' rows are known from now on: those that SendersRead was told of, or more.
  void know(std::vector<KnownRows> inputs) { known_ = std::move(inputs); }

  /// The bits of the next passes; all ranks call it. Ghosts get the bits of their owners.
  void begin(const BitPlan& plan) {
    Base::begin(plan);
    n_shared_ = 0;
    mixed_.clear(), mixed_by_clusters_.clear();
    for (std::size_t p = 0; p < travels_.size(); ++p) {
      const PointEntry& point = this->layout_->points()[p];
      // A rank without nodes has no map, and must not be taken for one of uniform bits.
      of_point_[p].mixed = !point.fixed_bits && p < plan.by_point.size() && !uniform(plan);
      if (!of_point_[p].mixed) continue;
      if (reads_ghosts(p)) mixed_.push_back(p);
      if (by_clusters_[p]) mixed_by_clusters_.push_back(p);
      if (told_to_all_[p]) sort_shared(of_point_[p], plan.by_point[p]);
    }
    share_bits(plan);
    share_bits_with_clusters(plan);
  }

  Tensor input(MatrixView<const float> x, RowKind kind) {
    if (any_read_ && kind == RowKind::node && halo_->ghosts > 0 && x.rows == halo_->own)
      for (const KnownRows& k : known_)
        if (k.own == x.data && k.ghosts.cols == x.cols) {
          Tensor t = this->make(halo_->local(), x.cols, kind);
          const auto to = t.data.view();
          for (Index i = 0; i < x.rows; ++i) std::copy_n(x.row(i), x.cols, to.row(i));
          for (Index i = 0; i < halo_->ghosts; ++i)
            std::copy_n(k.ghosts.row(i), x.cols, to.row(x.rows + i));
          t.with_ghosts = true;
          return t;
        }
    return Base::input(x, kind);
  }
  Tensor concat(std::initializer_list<Tensor> xs) {
    bool same = true;
    for (const Tensor& x : xs) same = same && x.with_ghosts == xs.begin()->with_ghosts;
    if (same) return marked(Base::concat(xs), xs.begin()->with_ghosts);
    Index cols = 0, first = 0;
    for (const Tensor& x : xs) cols += x.cols();
    Tensor y = this->make(halo_->own, cols, xs.begin()->kind);
    const auto to = y.data.view();
    for (const Tensor& x : xs) {
      const auto from = x.view();
      for (Index i = 0; i < to.rows; ++i) std::copy_n(from.row(i), from.cols, to.row(i) + first);
      first += from.cols;
    }
    return y;
  }
  Tensor columns(const Tensor& x, Index first, Index n) {
    return marked(Base::columns(x, first, n), x.with_ghosts);
  }
  Tensor layer_norm(Tensor x, ParameterId gamma, ParameterId beta) {
    const bool ghosts = x.with_ghosts;
    return marked(Base::layer_norm(std::move(x), gamma, beta), ghosts);
  }
  Quantized quantize(PointId id, const Tensor& x) {
    const Tensor own = own_rows(x);
    if (made_here_[to_index(id)] && x.kind == RowKind::node)
      return {Base::quantize(id, own), rows_made_here(id, x)};
    if (by_clusters_[to_index(id)]) return {{rows_read_here(id, own), x.kind}, {}};
    if (told(id)) return {{rows_of_all(id, own), x.kind}, {}};
    if (!travels_[to_index(id)] || x.kind != RowKind::node) return {Base::quantize(id, own), {}};
    send(id, own);
    return {Base::quantize(id, own), in_flight_.rows};
  }
  Tensor linear(WeightId id, const Quantized& x) { return linear(id, x, Activation::none); }
  Tensor linear(WeightId id, const Quantized& x, Activation f) {
    if (x.ghosts.rows() == 0) return Base::linear(id, x, f);
    const auto& w = this->weights_.packed(id);
    const auto* low = this->weights_.low(id);
    Tensor y = this->make(halo_->local(), w.out(), x.kind);
    const auto product = [&](const Rows& rows, MatrixView<float> to) {
      kernels::linear<simd::Native, Base::stored>(rows, w, low ? Activation::none : f, to,
                                                  *this->executor_);
      if (low)
        kernels::linear_onto<simd::Native, Base::stored>(rows, *low, false, to, to,
                                                         *this->executor_);
    };
    product(x, own_part(y));
    arrive();
    product(x.ghosts, ghost_part(y));
    return marked(low ? this->activated(f, std::move(y)) : std::move(y), true);
  }
  Tensor linear_onto(Tensor x, bool minus, WeightId id, const Quantized& q) {
    if (!x.with_ghosts || q.ghosts.rows() == 0)
      return Base::linear_onto(own_rows(std::move(x)), minus, id, q);
    const auto& w = this->weights_.packed(id);
    const auto* low = this->weights_.low(id);
    arrive();
    Tensor y = this->in_place_of(x);
    const auto onto = [&](const Rows& rows, MatrixView<const float> base, MatrixView<float> to) {
      kernels::linear_onto<simd::Native, Base::stored>(rows, w, minus, base, to, *this->executor_);
      if (low)
        kernels::linear_onto<simd::Native, Base::stored>(rows, *low, minus, to, to,
                                                         *this->executor_);
    };
    const auto view = x.view();
    onto(q, first_rows(view, halo_->own), own_part(y));
    onto(q.ghosts, last_rows(view), ghost_part(y));
    return marked(std::move(y), true);
  }
  Tensor dense(PointId point, WeightId weight, const Tensor& x, Activation f = Activation::none) {
    if (reads_ghosts(to_index(point)) || told(point)) return linear(weight, quantize(point, x), f);
    return Base::dense(point, weight, own_rows(x), f);
  }
  Tensor dense_onto(Tensor x, PointId point, WeightId weight, Tensor of,
                    Activation f = Activation::none, Activation after = Activation::none) {
    if (reads_ghosts(to_index(point)) || told(point))
      return this->activate_sum(after, std::move(x), linear(weight, quantize(point, of), f));
    return Base::dense_onto(own_rows(std::move(x)), point, weight, own_rows(std::move(of)), f,
                            after);
  }
  Tensor dense_of_heads(Index heads, PointId point, WeightId weight, const Tensor& x) {
    if (reads_ghosts(to_index(point)))
      return linear(weight, quantize(point, apply(ops::SplitHeads{heads}, x)));
    return Base::dense_of_heads(heads, point, weight, own_rows(x));
  }
  Tensor activate_sum(Activation f, Tensor x, Tensor y) {
    const bool ghosts = x.with_ghosts && y.with_ghosts;
    if (!ghosts) x = own_rows(std::move(x)), y = own_rows(std::move(y));
    return marked(Base::activate_sum(f, std::move(x), std::move(y)), ghosts);
  }
  template <ops::operation Op, typename... In>
  Tensor apply(const Op& op, In... in) {
    static_assert(row_by_row<Op> || across_ranks<Op>, "amq: see SendersRead");
    if constexpr (std::is_same_v<Op, ops::EdgeSum>) {
      return edge_sum(op, std::move(in)...);
    } else if constexpr (std::is_same_v<Op, ops::InstanceNorm>) {
      return instance_norm(op, own_rows(std::move(in)...));
    } else if constexpr (std::is_same_v<Op, ops::Gather>) {
      return gather(op, std::move(in)...);
    } else if constexpr (detail::pools<Op>) {
      return pool(op, own_rows(std::move(in))...);
    } else if constexpr (std::is_same_v<Op, ops::MaskedAttention>) {
      return attention(op, std::move(in)...);
    } else {
      const bool ghosts = !detail::cuts_rows<Op> && all_with_ghosts(in...);
      if (!ghosts) ((in = own_rows(std::move(in))), ...);
      return marked(Base::apply(op, std::move(in)...), ghosts);
    }
  }
  Tensor message_mean(const Graph& g, const Tensor& at_receiver, const Tensor& at_sender,
                      PointId id, WeightId weight) {
    if (this->weights_.low(weight))
      return message_mean_in_pieces(*this, g, at_receiver, at_sender, id, weight);
    return Base::message_mean(g, own_rows(at_receiver), at_sender, id, weight);
  }
  Tensor node_update(const Tensor& features, const Tensor& own, const Tensor& means,
                     PointId at_means, WeightId from_means, PointId at_update, WeightId update) {
    if (this->weights_.low(from_means) || this->weights_.low(update))
      return node_update_in_pieces(*this, features, own_rows(own), means, at_means, from_means,
                                   at_update, update);
    return Base::node_update(features, own_rows(own), means, at_means, from_means, at_update,
                             update);
  }
  /// Fixed::message_passing(), whose receivers with own senders alone run while codes travel. Who
  /// skips the layer is still read by others: its codes travel, too.
  Tensor message_passing(const Graph& g, const Tensor& f, const GivenRows<Quantized>& given,
                         const MessagePassingIds& id) {
    const Index n = halo_->own;
    const Index hidden = this->weights_.packed(id.message).in();
    const auto skipped = this->skipped_at(id.updates, n);
    if (skipped.all) return own_rows(f);
    bool whole = given.at_receiver.in_order() && (!given.own || given.own->in_order());
    for (const WeightId w : {id.from_features, id.at_receiver, id.at_sender, id.message,
                             id.from_means, id.update, id.from_variables})
      whole = whole && !this->weights_.low(w);
    if ((!whole && n > 0) || made_here_[to_index(id.features)]) {
      const Index inner = this->weights_.packed(id.from_features).out() - 2 * hidden;
      return message_passing_in_pieces(*this, g, f, given, id, hidden, inner);
    }
    if (f.with_ghosts) return message_passing(g, own_rows(f), given, id);
    send(id.features, f);
    const Rows ghosts = in_flight_.rows;
    const auto& split = this->weights_.split(id.from_features, hidden);
    kernels::BasicLayerUpdate<typename Base::Rule, Base::in_layers> u;
    u.parts =
        this->weights_.product(this->counter(), id.features, id.from_features, n, *this->plan_);
    auto senders = u.parts;
    u.parts.weights = &split.receiver_and_own;
    senders.weights = &split.sender;
    const auto& at_sender = this->weights_.packed(id.at_sender);
    const Tensor q = this->make(halo_->local(), hidden, RowKind::node);
    const auto own = own_part(q);
    kernels::coded_linear(f.view(), senders, own, *this->executor_);
    kernels::linear_onto<simd::Native, Base::stored>(given.at_sender, at_sender, true, own, own,
                                                     *this->executor_);
    const auto ghosts_arrive = [&] {
      arrive();
      if (ghosts.rows() == 0) return;
      const auto away = ghost_part(q);
      kernels::linear<simd::Native, Base::stored>(ghosts, split.sender, Activation::none, away,
                                                  *this->executor_);
      kernels::linear_onto<simd::Native, Base::stored>(given.at_sender.ghosts, at_sender, true,
                                                       away, away, *this->executor_);
      this->add_words(u.edges, n, q.rows());
    };
    /// @param interior  so many of the `all` nodes have no ghosts
    const auto update = [&](MatrixView<float> to, Index interior, Index all) {
      kernels::layer_update(u, to, 0, interior, *this->executor_);
      ghosts_arrive();
      kernels::layer_update(u, to, interior, all, *this->executor_);
    };
    if (!skipped.bits.empty()) {
      const auto some = [&](const LiveRows::Rows& awake, MatrixView<float> to) {
        const auto from = std::lower_bound(awake.begin(), awake.end(), halo_->interior);
        update(to, static_cast<Index>(from - awake.begin()), static_cast<Index>(awake.size()));
      };
      const GivenRows<typename Base::Quantized> rows{given.at_receiver, given.at_sender, given.own};
      Tensor y = this->of_those_awake(skipped.bits, g, f, q, n, rows, id, u, some);
      arrive();  // where nobody is awake
      return y;
    }
    u.edges = this->message_layer(g, q, id.messages, id.message, n);
    u.nodes = this->update_of(f, id.means, id.from_means, id.updates, id.update);
    if (n > 0) {
      u.to_receiver = {given.at_receiver.buckets()[0], &this->weights_.packed(id.at_receiver)};
      if (given.own)
        u.to_own = {given.own->buckets()[0], &this->weights_.packed(id.from_variables)};
    }
    Tensor y = this->make(n, f.cols(), f.kind);
    update(y.data.view(), halo_->interior, n);
    return y;
  }
  /// See amq::arithmetics::shared_rows().
  template <typename F>
  Tensor shared_rows(Index n, const F& f) {
    const Communicator& c = all_.communicator();
    if (c.size() == 1) return f();
    share_ = ClusterShare::of(n, c.rank(), c.size());
    in_share_.assign(static_cast<std::size_t>(n), 0);
    std::fill_n(in_share_.begin() + share_.first, share_.count, std::uint8_t{1});
    Tensor y;
    this->live_.with(in_share_, [&](const LiveRows::Rows&) {
      n_shared_ = n;
      y = f();
      n_shared_ = 0;
    });
    return y;
  }
  /// @throws Error where codes of a pass have not arrived: never after a whole one
  void end() { arrive(); }
  [[nodiscard]] const HaloTraffic& traffic() const noexcept { return traffic_; }

 private:
  /// Some rows, in the order of their bits.
  struct Ordered {
    std::vector<std::uint8_t> bits;  ///< (row)
    SharedRowOrder order;
    std::vector<std::int32_t> at;  ///< (row) place in that order

    void sort() {
      const auto& row = order.sort(bits)->row;
      at.resize(row.size());
      for (std::size_t i = 0; i < row.size(); ++i)
        at[static_cast<std::size_t>(row[i])] = static_cast<std::int32_t>(i);
    }
  };
  /// The bits of rows that travel at a point, where they have bits of their own.
  struct PointBits {
    bool mixed = false;  ///< whether they have, in this plan
    Ordered sent, ghosts;
    std::vector<std::int32_t> sent_rows;  ///< own nodes, in the order of `sent`
    Ordered own, read;  ///< where clusters read: own nodes, and those read here; of rows that ranks
                        ///< share: own ones, and all
  };
  struct Box {
    std::vector<std::byte> out, in;
  };
  /// What is on its way.
  struct InFlight {
    bool pending = false;
    PointId point{};
    Rows rows;  ///< ghosts', filled as it arrives
  };

  [[nodiscard]] static bool uniform(const BitPlan& plan) noexcept { return plan.by_point.empty(); }
  [[nodiscard]] static MatrixView<const float> first_rows(MatrixView<const float> x,
                                                          Index n) noexcept {
    return {x.data, n, x.cols, x.stride};
  }
  [[nodiscard]] MatrixView<const float> last_rows(MatrixView<const float> x) const noexcept {
    return {x.row(halo_->own), halo_->ghosts, x.cols, x.stride};
  }
  [[nodiscard]] MatrixView<float> own_part(const Tensor& x) const noexcept {
    const auto v = x.data.view();
    return {v.data, halo_->own, v.cols, v.stride};
  }
  [[nodiscard]] MatrixView<float> ghost_part(const Tensor& x) const noexcept {
    const auto v = x.data.view();
    return {v.row(halo_->own), halo_->ghosts, v.cols, v.stride};
  }
  [[nodiscard]] Tensor own_rows(Tensor x) const {
    if (!x.with_ghosts) return x;
    return {x.data.first_rows(halo_->own), x.kind};
  }
  [[nodiscard]] static Tensor marked(Tensor x, bool with_ghosts) noexcept {
    x.with_ghosts = with_ghosts;
    return x;
  }
  static ParameterId own_rows(ParameterId p) noexcept { return p; }
  static ParameterRow own_rows(ParameterRow r) noexcept { return r; }
  template <typename... In>
  [[nodiscard]] static bool all_with_ghosts(const In&... in) noexcept {
    bool all = true;
    const auto look = [&](const auto& x) {
      if constexpr (std::is_same_v<std::decay_t<decltype(x)>, Tensor>) all = all && x.with_ghosts;
    };
    (look(in), ...);
    return all;
  }
  Tensor edge_sum(const ops::EdgeSum& op, const Tensor& at_receiver, const Tensor& at_sender) {
    arrive();
    Tensor y = this->make(op.graph.n_edges(), at_sender.cols(), RowKind::edge);
    op.forward(at_receiver.view(), at_sender.view(), y.data.view(), *this->executor_);
    return y;
  }
  Tensor instance_norm(const ops::InstanceNorm& op, const Tensor& x) {
    Tensor y = this->make(x.rows(), x.cols(), x.kind);
    deviations_.resize(static_cast<std::size_t>(x.cols()));
    ops::instance_norm(x.view(), op.eps, y.data.view(), deviations_.data(), *this->executor_,
                       std::as_const(all_));
    return y;
  }

  template <typename Op, typename... Temperature>
  Tensor pool(const Op& op, const Tensor& x, const Tensor& logits, Temperature... temperature) {
    const Index n = logits.cols() * op.heads;
    Tensor y = this->make(n, x.cols() / op.heads, RowKind::cluster);
    sums_.resize(static_cast<std::size_t>(n));
    const float* of_head = nullptr;
    ((of_head = this->value(temperature)), ...);
    op.forward_over(x.view(), logits.view(), of_head, y.data.view(), sums_.data(), *this->executor_,
                    std::as_const(all_), pooling_);
    return y;
  }

  /// Of rows that ranks share own ones attend, to all.
  Tensor attention(const ops::MaskedAttention& op, const Tensor& x) {
    if (n_shared_ == 0) return Base::apply(op, x);
    const MatrixShape s = op.shape({x.rows(), x.cols()});
    Tensor y = this->make(share_.count, s.cols, x.kind);
    shares_.resize(static_cast<std::size_t>(op.heads * share_.count * s.rows));
    ops::masked_attention(x.view(), op.heads, op.masked, y.data.view(), shares_.data(),
                          share_.first);
    return y;
  }
  /// Where edges read ghosts, these get rows of their clusters, too.
  Tensor gather(const ops::Gather& op, const Tensor& x) {
    if (x.kind != RowKind::cluster || op.of != RowKind::node || halo_->ghosts == 0)
      return Base::apply(op, x);
    Tensor y = this->make(halo_->local(), x.cols(), op.of);
    op.forward(x.view(), own_part(y), *this->executor_);
    ops::Gather{ghost_cluster_, op.of}.forward(x.view(), ghost_part(y), *this->executor_);
    return marked(std::move(y), true);
  }
  /// Who reads which nodes for their clusters. All ranks call it.
  void find_readers(std::span<const std::int64_t> read_here, std::size_t widest) {
    Communicator& c = all_.communicator();
    const auto ranks = static_cast<std::size_t>(c.size());
    places_ =
        detail::exchange_lists(c, std::vector<std::vector<std::int64_t>>(ranks, all_.part().place));
    n_read_ = static_cast<Index>(read_here.size());
    reads_.resize(ranks);
    std::vector<std::vector<std::int64_t>> wanted(ranks);
    for (std::size_t r = 0; r < ranks; ++r)
      for (std::size_t i = 0; i < places_[r].size(); ++i) {
        const auto at = std::lower_bound(read_here.begin(), read_here.end(), places_[r][i]);
        if (at == read_here.end() || *at != places_[r][i]) continue;
        wanted[r].push_back(static_cast<std::int64_t>(i));
        reads_[r].push_back(static_cast<std::int32_t>(at - read_here.begin()));
      }
    readers_ = detail::exchange_lists(c, std::move(wanted));
    to_readers_.resize(ranks);
    from_read_.resize(ranks);
    for (std::size_t r = 0; r < ranks; ++r) {
      to_readers_[r].reserve(readers_[r].size() * widest);
      from_read_[r].reserve(reads_[r].size() * widest);
    }
  }
  /// The codes of the nodes that are read here.
  Rows rows_read_here(PointId id, const Tensor& own) {
    arrive();
    const PointEntry& point = this->layout_->point(id);
    const PointBits& by = of_point_[to_index(id)];
    const int bits = point.fixed_bits ? point.fixed_bits : this->plan_->uniform_bits;
    const auto coded = Base::quantize(id, own);
    const Rows rows = by.mixed ? Rows(&this->memory_, by.read.order.get(), own.cols())
                               : Rows(&this->memory_, n_read_, own.cols(), bits);
    const WireRow wire(own.cols(), kind_of(this->weights_.rule()));
    for (std::size_t r = 0; r < readers_.size(); ++r) {
      to_readers_[r].clear();
      for (const auto node : readers_[r])
        wire.write(row_at(coded, by.mixed ? by.own.at[static_cast<std::size_t>(node)]
                                          : static_cast<Index>(node)),
                   to_readers_[r]);
      std::size_t bytes = reads_[r].size() * wire.bytes(bits);
      if (by.mixed) {
        bytes = 0;
        for (const auto row : reads_[r])
          bytes += wire.bytes(by.read.bits[static_cast<std::size_t>(row)]);
      }
      from_read_[r].resize(bytes);
      if (static_cast<int>(r) == all_.communicator().rank()) continue;
      traffic_.bytes += static_cast<std::int64_t>(to_readers_[r].size());
      traffic_.float_bytes += static_cast<std::int64_t>(readers_[r].size()) *
                              static_cast<std::int64_t>(own.cols()) * std::int64_t{sizeof(float)};
    }
    ++traffic_.exchanges;
    exchange_read();
    for (std::size_t r = 0; r < reads_.size(); ++r) {
      const std::byte* from = from_read_[r].data();
      for (const auto row : reads_[r]) {
        const PackedRow to =
            row_at(rows, by.mixed ? by.read.at[static_cast<std::size_t>(row)] : Index{row});
        from = wire.read(from, to, known_grid(id, to.bits));
      }
    }
    return rows;
  }
  /// What is to be read goes to its readers, also to this rank itself.
  void exchange_read() {
    const auto me = static_cast<std::size_t>(all_.communicator().rank());
    out_.clear(), in_.clear();
    for (std::size_t r = 0; r < readers_.size(); ++r) {
      if (r == me) continue;
      if (!to_readers_[r].empty()) out_.push_back({static_cast<int>(r), to_readers_[r]});
      if (!from_read_[r].empty()) in_.push_back({static_cast<int>(r), from_read_[r]});
    }
    all_.communicator().begin(out_, in_);
    all_.communicator().finish();
    std::copy(to_readers_[me].begin(), to_readers_[me].end(), from_read_[me].begin());
  }
  /// Whether rows of a point, shared by ranks, are read by all now.
  [[nodiscard]] bool told(PointId id) const noexcept {
    return n_shared_ > 0 && told_to_all_[to_index(id)];
  }
  void sort_shared(PointBits& by, std::span<const std::uint8_t> bits) {
    const Communicator& c = all_.communicator();
    const auto s = ClusterShare::of(static_cast<Index>(bits.size()), c.rank(), c.size());
    const auto own =
        bits.subspan(static_cast<std::size_t>(s.first), static_cast<std::size_t>(s.count));
    by.own.bits.assign(own.begin(), own.end());
    by.read.bits.assign(bits.begin(), bits.end());
    by.own.sort(), by.read.sort();
  }
  /// The codes of all rows that ranks share: own ones are told to all others.
  Rows rows_of_all(PointId id, const Tensor& own) {
    arrive();
    Communicator& c = all_.communicator();
    const PointEntry& point = this->layout_->point(id);
    const PointBits& by = of_point_[to_index(id)];
    const int bits = point.fixed_bits ? point.fixed_bits : this->plan_->uniform_bits;
    const auto coded = Base::quantize(id, own);
    const Rows rows = by.mixed ? Rows(&this->memory_, by.read.order.get(), own.cols())
                               : Rows(&this->memory_, n_shared_, own.cols(), bits);
    const WireRow wire(own.cols(), kind_of(this->weights_.rule()));
    const std::size_t widest =
        wire.bytes(point.fixed_bits ? point.fixed_bits : this->memory_.widest);
    tell_.clear();
    tell_.reserve(static_cast<std::size_t>(share_.count) * widest);
    for (Index k = 0; k < share_.count; ++k)
      wire.write(row_at(coded, by.mixed ? Index{by.own.at[static_cast<std::size_t>(k)]} : k),
                 tell_);
    const auto ranks = static_cast<std::size_t>(c.size()), me = static_cast<std::size_t>(c.rank());
    told_.resize(ranks);
    out_.clear(), in_.clear();
    for (std::size_t r = 0; r < ranks; ++r) {
      const ClusterShare s = share_of(r);
      std::size_t bytes = static_cast<std::size_t>(s.count) * wire.bytes(bits);
      if (by.mixed) {
        bytes = 0;
        for (Index k = 0; k < s.count; ++k)
          bytes += wire.bytes(by.read.bits[static_cast<std::size_t>(s.first + k)]);
      }
      told_[r].reserve(static_cast<std::size_t>(s.count) * widest);
      told_[r].resize(bytes);
      if (r == me) continue;
      if (!tell_.empty()) out_.push_back({static_cast<int>(r), tell_});
      if (bytes > 0) in_.push_back({static_cast<int>(r), told_[r]});
      traffic_.bytes += static_cast<std::int64_t>(tell_.size());
      traffic_.float_bytes += static_cast<std::int64_t>(share_.count) *
                              static_cast<std::int64_t>(own.cols()) * std::int64_t{sizeof(float)};
    }
    ++traffic_.exchanges;
    c.begin(out_, in_);
    c.finish();
    std::copy(tell_.begin(), tell_.end(), told_[me].begin());
    for (std::size_t r = 0; r < ranks; ++r) {
      const ClusterShare s = share_of(r);
      const std::byte* from = told_[r].data();
      for (Index k = s.first; k < s.first + s.count; ++k) {
        const PackedRow to =
            row_at(rows, by.mixed ? Index{by.read.at[static_cast<std::size_t>(k)]} : k);
        from = wire.read(from, to, known_grid(id, to.bits));
      }
    }
    return rows;
  }
  [[nodiscard]] ClusterShare share_of(std::size_t rank) const noexcept {
    return ClusterShare::of(n_shared_, static_cast<Index>(rank), all_.communicator().size());
  }
  /// Whether edges read senders' rows of a point.
  [[nodiscard]] bool reads_ghosts(std::size_t point) const noexcept {
    return travels_[point] || made_here_[point];
  }
  /// The codes of ghosts' rows of x, which has them, at their owners' bits. Their owners count what
  /// is cut.
  Rows rows_made_here(PointId id, const Tensor& x) {
    if (halo_->ghosts == 0) return {};
    if (!x.with_ghosts)
      throw Error("point " + this->layout_->point(id).name,
                  "rows of own nodes and ghosts, " + std::to_string(halo_->local()),
                  std::to_string(x.rows()),
                  "An operation that is row_by_row makes each row of the same rows.");
    const PointEntry& point = this->layout_->point(id);
    const PointBits& own = of_point_[to_index(id)];
    const int bits = point.fixed_bits ? point.fixed_bits : this->plan_->uniform_bits;
    const Rows rows = own.mixed ? Rows(&this->memory_, own.ghosts.order.get(), x.cols())
                                : Rows(&this->memory_, halo_->ghosts, x.cols(), bits);
    for (std::size_t k = 0; k < rows.buckets().size(); ++k)
      kernels::quantize_rows<simd::Native, Base::stored>(
          last_rows(x.view()), this->weights_.coder(nullptr, id, rows.bits(k)), rows.span(k),
          *this->executor_);
    return rows;
  }
  /// Sends the codes of sent rows of x, and asks for the ghosts'. What is cut is counted where own
  /// rows are coded for the product.
  void send(PointId id, const Tensor& x) {
    arrive();
    const PointEntry& point = this->layout_->point(id);
    const PointBits& own = of_point_[to_index(id)];
    const int bits = point.fixed_bits ? point.fixed_bits : this->plan_->uniform_bits;
    const auto many = static_cast<Index>(halo_->sent.size());
    const Rows rows = own.mixed ? Rows(&this->memory_, own.sent.order.get(), x.cols())
                                : Rows(&this->memory_, many, x.cols(), bits);
    Index first = 0;
    for (std::size_t k = 0; k < rows.buckets().size(); ++k) {
      RowsSpan span = rows.span(k);
      span.order = (own.mixed ? own.sent_rows.data() : halo_->sent.data()) + first;
      first += span.rows;
      kernels::quantize_rows<simd::Native, Base::stored>(
          x.view(), this->weights_.coder(nullptr, id, rows.bits(k)), span, *this->executor_);
    }
    in_flight_.point = id;
    in_flight_.rows = own.mixed ? Rows(&this->memory_, own.ghosts.order.get(), x.cols())
                                : Rows(&this->memory_, halo_->ghosts, x.cols(), bits);
    const WireRow wire(x.cols(), kind_of(this->weights_.rule()));
    out_.clear(), in_.clear();
    for (std::size_t k = 0; k < boxes_.size(); ++k) {
      const Halo::Neighbour& n = halo_->neighbours[k];
      Box& box = boxes_[k];
      box.out.clear();
      for (const auto node : n.send) {
        const auto at = static_cast<std::size_t>(sent_place_[static_cast<std::size_t>(node)]);
        wire.write(row_at(rows, own.mixed ? own.sent.at[at] : static_cast<std::int32_t>(at)),
                   box.out);
      }
      std::size_t bytes = 0;
      for (Index i = 0; i < n.n_ghosts; ++i)
        bytes += wire.bytes(row_at(in_flight_.rows, ghost_at(own, n.first_ghost + i)).bits);
      box.in.resize(bytes);
      if (!box.out.empty()) out_.push_back({n.rank, box.out});
      if (!box.in.empty()) in_.push_back({n.rank, box.in});
      traffic_.bytes += static_cast<std::int64_t>(box.out.size());
      traffic_.float_bytes += static_cast<std::int64_t>(n.send.size()) *
                              static_cast<std::int64_t>(x.cols()) * std::int64_t{sizeof(float)};
    }
    ++traffic_.exchanges;
    in_flight_.pending = true;
    all_.communicator().begin(out_, in_);
  }
  /// Waits for what is on its way.
  void arrive() {
    if (!in_flight_.pending) return;
    in_flight_.pending = false;
    all_.communicator().finish();
    const Rows& rows = in_flight_.rows;
    const WireRow wire(rows.cols(), kind_of(this->weights_.rule()));
    const PointBits& own = of_point_[to_index(in_flight_.point)];
    for (std::size_t k = 0; k < boxes_.size(); ++k) {
      const Halo::Neighbour& n = halo_->neighbours[k];
      const std::byte* from = boxes_[k].in.data();
      for (Index i = 0; i < n.n_ghosts; ++i) {
        const PackedRow row = row_at(rows, ghost_at(own, n.first_ghost + i));
        from = wire.read(from, row, known_grid(in_flight_.point, row.bits));
      }
    }
    in_flight_.rows = {};
  }
  [[nodiscard]] static std::int32_t ghost_at(const PointBits& own, Index ghost) noexcept {
    return own.mixed ? own.ghosts.at[static_cast<std::size_t>(ghost)]
                     : static_cast<std::int32_t>(ghost);
  }
  /// The row at a place in the order of bits.
  [[nodiscard]] static PackedRow row_at(const Rows& rows, Index place) noexcept {
    std::size_t k = 0;
    while (place >= rows.buckets()[k].rows) place -= rows.buckets()[k++].rows;
    const RowsSpan s = rows.span(k);
    return {s.row(place), &s.grid_of(place), rows.bits(k), s.container};
  }
  /// Of all rows of a point and bits, where the rule is static.
  [[nodiscard]] RowGrid known_grid(PointId id, int bits) const {
    if (kind_of(this->weights_.rule()) != RowRule::fixed) return {1, 0};
    const auto c = this->weights_.coder(this->counter(), id, bits);
    return Static::grid({}, c.bits, c.a, c.offset);
  }
  /// Neighbours tell each other the bits of sent rows.
  void share_bits(const BitPlan& plan) {
    if (mixed_.empty()) return;
    arrive();
    out_.clear(), in_.clear();
    for (std::size_t k = 0; k < boxes_.size(); ++k) {
      const Halo::Neighbour& n = halo_->neighbours[k];
      boxes_[k].out.clear();
      for (const std::size_t p : mixed_)
        for (const auto node : n.send)
          boxes_[k].out.push_back(
              static_cast<std::byte>(plan.by_point[p][static_cast<std::size_t>(node)]));
      boxes_[k].in.resize(mixed_.size() * static_cast<std::size_t>(n.n_ghosts));
      if (!boxes_[k].out.empty()) out_.push_back({n.rank, boxes_[k].out});
      if (!boxes_[k].in.empty()) in_.push_back({n.rank, boxes_[k].in});
    }
    all_.communicator().begin(out_, in_);
    all_.communicator().finish();
    for (std::size_t j = 0; j < mixed_.size(); ++j) {
      const std::size_t p = mixed_[j];
      PointBits& own = of_point_[p];
      own.sent.bits.clear(), own.sent_rows.clear();
      for (const auto node : halo_->sent)
        own.sent.bits.push_back(plan.by_point[p][static_cast<std::size_t>(node)]);
      own.ghosts.bits.assign(static_cast<std::size_t>(halo_->ghosts), 0);
      for (std::size_t k = 0; k < boxes_.size(); ++k) {
        const Halo::Neighbour& n = halo_->neighbours[k];
        const auto many = static_cast<std::size_t>(n.n_ghosts);
        for (std::size_t i = 0; i < many; ++i)
          own.ghosts.bits[static_cast<std::size_t>(n.first_ghost) + i] =
              static_cast<std::uint8_t>(boxes_[k].in[j * many + i]);
      }
      own.sent.sort(), own.ghosts.sort();
      for (const auto place : own.sent.order.get()->row)
        own.sent_rows.push_back(halo_->sent[static_cast<std::size_t>(place)]);
    }
  }
  /// Readers are told the bits of the nodes that they read for their clusters.
  void share_bits_with_clusters(const BitPlan& plan) {
    if (mixed_by_clusters_.empty()) return;
    arrive();
    for (std::size_t r = 0; r < readers_.size(); ++r) {
      to_readers_[r].clear();
      for (const std::size_t p : mixed_by_clusters_)
        for (const auto node : readers_[r])
          to_readers_[r].push_back(
              static_cast<std::byte>(plan.by_point[p][static_cast<std::size_t>(node)]));
      from_read_[r].resize(mixed_by_clusters_.size() * reads_[r].size());
    }
    exchange_read();
    for (std::size_t j = 0; j < mixed_by_clusters_.size(); ++j) {
      const std::size_t p = mixed_by_clusters_[j];
      PointBits& by = of_point_[p];
      by.own.bits.assign(plan.by_point[p].begin(), plan.by_point[p].end());
      by.read.bits.resize(static_cast<std::size_t>(n_read_));
      for (std::size_t r = 0; r < reads_.size(); ++r)
        for (std::size_t i = 0; i < reads_[r].size(); ++i)
          by.read.bits[static_cast<std::size_t>(reads_[r][i])] =
              static_cast<std::uint8_t>(from_read_[r][j * reads_[r].size() + i]);
      by.own.sort(), by.read.sort();
    }
  }

  std::vector<char> travels_, made_here_;  // points whose senders are read: one or the other
  bool any_read_;
  std::vector<KnownRows> known_;
  std::vector<char> by_clusters_, told_to_all_;
  std::vector<std::int32_t> ghost_cluster_;
  // Where clusters read nodes:
  std::vector<std::vector<std::int64_t>> places_;   // (rank)(its node) number in the whole mesh
  std::vector<std::vector<std::int64_t>> readers_;  // (rank) own nodes that it reads
  std::vector<std::vector<std::int32_t>> reads_;    // (rank) rows among those read here
  std::vector<std::vector<std::byte>> to_readers_, from_read_;  // (rank) codes
  Index n_read_ = 0;
  // Of rows that ranks share:
  ClusterShare share_;
  Index n_shared_ = 0;                        // inside shared_rows() their number, else 0
  std::vector<std::uint8_t> in_share_;        // (row)
  std::vector<std::byte> tell_;               // codes of own ones
  std::vector<std::vector<std::byte>> told_;  // (rank) of its own ones
  std::vector<float> shares_;                 // of attention
  AllRanks all_;
  const Halo* halo_;
  std::vector<std::int32_t> sent_place_;  // (own node) in Halo::sent, or -1
  std::vector<PointBits> of_point_;
  std::vector<std::size_t> mixed_, mixed_by_clusters_;  // points whose bits are told
  std::vector<Box> boxes_;                              // (neighbour)
  std::vector<Communicator::Message> out_, in_;
  std::vector<float> deviations_, sums_;
  ops::detail::SharedPooling pooling_;
  InFlight in_flight_;
  HaloTraffic traffic_;
};

}  // namespace amq::parallel
