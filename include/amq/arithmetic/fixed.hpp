#pragma once
/// @file
/// Deployment: rows are quantized to packed integers at their own bits, and every product runs in
/// integers. What lies between products is float in one fixed order, so that the result is the
/// same, bit for bit, on every instruction set and for any number of threads.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/fixed_weights.hpp>
#include <amq/arithmetic/float_rows.hpp>
#include <amq/arithmetic/live_rows.hpp>
#include <amq/arithmetic/message_passing.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/kernels/layer_update.hpp>
#include <amq/ops/rows.hpp>
#include <amq/quant/mixed_qtensor.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace amq::arithmetics {

/// Weights are packed once; bits come from the plan given to begin(). Buffers are kept between
/// passes: after the first pass over a graph nothing of size is allocated.
/// @tparam Scheme  of the network: its rule, what rows of its levels are kept in and its weights'
///                 bits are all that is compiled. AnyScheme: what a file says at run time.
template <typename Scheme>
class Fixed : public FloatRows {
 public:
  using scheme = Scheme;
  /// Rows sorted by bits, one bucket per number of bits that occurs.
  using Rows = MixedQTensor<typename Scheme::levels, typename Scheme::rule>;
  /// What the rows are, too.
  struct Quantized : Rows {
    RowKind kind = RowKind::node;
  };

  /// Packs the weights at their stored steps. @throws amq::Error naming the layer if a weight is
  /// not finite or an accumulator could overflow, and for a network of another scheme
  Fixed(const ParameterLayout& layout, const Quantizers& quantizers, const Parameters& parameters,
        Executor& executor = serial_executor())
      : FloatRows(layout, parameters, executor),
        shared_(std::make_shared<FixedWeights<Scheme>>(layout, quantizers, parameters)) {
    for (const PointEntry& p : layout.points())
      if (!holds(stored, container_bits(p.fixed_bits)) && p.fixed_bits)
        throw Error("point " + p.name, "8 or 16 bits, or bits that rows of the scheme have",
                    std::to_string(p.fixed_bits) + " bits",
                    "Add this level to the scheme, or use AnyScheme.");
  }
  /// Reads the packed weights of another, with buffers and a plan of its own: one a thread.
  [[nodiscard]] Fixed beside() const { return Fixed(*this, shared_); }

  /// The bits of the next passes; rows are sorted here. `plan` is read until the next begin().
  void begin(const BitPlan& plan) {
    plan_ = &plan;
    saturated_->store(0, std::memory_order_relaxed);
    cut_->clear();
    live_.begin(plan);
    n_orders_ = n_awake_ = 0;
    make_room();
  }

  Quantized quantize(PointId id, const Tensor& x) {
    const PointEntry& point = layout_->point(id);
    const auto bits =
        point.fixed_bits ? std::span<const std::uint8_t>{} : live_.bits(id, point.kind, x.rows());
    const int all = point.fixed_bits ? point.fixed_bits : plan_->uniform_bits;
    Quantized q{bits.empty() ? Rows(&memory_, x.rows(), x.cols(), all)
                             : Rows(&memory_, order_of(bits), x.cols()),
                x.kind};
    for (std::size_t k = 0; k < q.buckets().size(); ++k)
      kernels::quantize_rows<simd::Native, stored>(
          x.view(), weights_.coder(counter(), id, q.bits(k)), q.span(k), *executor_);
    return q;
  }
  Tensor linear(WeightId id, const Quantized& x) { return linear(id, x, Activation::none); }
  /// Activate of linear(), to the bit, while a tile of it is near.
  Tensor linear(WeightId id, const Quantized& x, Activation f) {
    const auto& w = weights_.packed(id);
    const auto* low = weights_.low(id);
    Tensor y = make(x.rows(), w.out(), x.kind);
    if (const Index groups = layout_->weight(id).groups; groups > 1) {
      const Index n = x.rows() / groups;
      executor_->parallel_for(
          static_cast<std::size_t>(groups), 4, [&](std::size_t begin, std::size_t end) {
            for (std::size_t g = begin; g < end; ++g)
              for (const auto& bucket : x.buckets()) {
                const auto rows = part_of(bucket, static_cast<Index>(g) * n, n);
                kernels::linear<simd::Native, stored>(rows, (&w)[g], Activation::none,
                                                      y.data.view());
                if (low)
                  kernels::linear_onto<simd::Native, stored>(std::span(&rows, 1), low[g], false,
                                                             y.view(), y.data.view());
              }
          });
      return activated(f, std::move(y));
    }
    kernels::linear<simd::Native, stored>(x, w, low ? Activation::none : f, y.data.view(),
                                          *executor_);
    if (!low) return y;
    kernels::linear_onto<simd::Native, stored>(x, *low, false, y.view(), y.data.view(), *executor_);
    return activated(f, std::move(y));
  }
  /// Add or Subtract of x and linear(), to the bit, without its result in memory.
  Tensor linear_onto(Tensor x, bool minus, WeightId id, const Quantized& q) {
    const auto& w = weights_.packed(id);
    Tensor y = in_place_of(x);
    kernels::linear_onto<simd::Native, stored>(q, w, minus, x.view(), y.data.view(), *executor_);
    if (const auto* low = weights_.low(id))
      kernels::linear_onto<simd::Native, stored>(q, *low, minus, y.view(), y.data.view(),
                                                 *executor_);
    return y;
  }
  /// quantize(), linear() and Activate in one where rows have bits of at most 8 in common, or of
  /// their own: codes never meet memory.
  Tensor dense(PointId point, WeightId weight, const Tensor& x, Activation f = Activation::none) {
    const int bits = bits_of_all(point, x.rows());
    const auto& w = weights_.packed(weight);
    if (tiles_of_own_bits(point, weight, x)) {
      Tensor y = make(x.rows(), w.out(), x.kind);
      kernels::coded_linear(x.view(), product_of(point, weight, x), y.data.view(), *executor_, f);
      return y;
    }
    if (!encodes_where_read(bits, weight)) return linear(weight, quantize(point, x), f);
    Tensor y = make(x.rows(), w.out(), x.kind);
    kernels::linear(x.view(), weights_.coder(counter(), point, bits), w, f, y.data.view(),
                    *executor_);
    return y;
  }
  /// Add of x and dense(), then Activate, in the memory of x where nobody else holds it. `of` may
  /// be x.
  Tensor dense_onto(Tensor x, PointId point, WeightId weight, Tensor of,
                    Activation f = Activation::none, Activation after = Activation::none) {
    const bool own_bits = tiles_of_own_bits(point, weight, of);
    const int bits = bits_of_all(point, of.rows());
    if (!own_bits && !encodes_where_read(bits, weight)) {
      const Quantized q = quantize(point, of);
      if (f != Activation::none) return activate_sum(after, std::move(x), linear(weight, q, f));
      of = {};
      return activated(after, linear_onto(std::move(x), false, weight, q));
    }
    const auto in = of.view();
    if (in.data == x.view().data) of = {};  // x holds it
    Tensor y = in_place_of(x);
    const kernels::Onto onto{x.view(), after};
    if (own_bits)
      kernels::coded_linear(in, product_of(point, weight, x), y.data.view(), *executor_, f, onto);
    else
      kernels::linear_onto(in, weights_.coder(counter(), point, bits), weights_.packed(weight), f,
                           onto, y.data.view(), *executor_);
    return y;
  }
  /// linear() of quantize() of SplitHeads, where all rows have the same bits: rows of heads are
  /// read where they lie.
  Tensor dense_of_heads(Index heads, PointId point, WeightId weight, const Tensor& x) {
    const Index n = x.rows(), own = x.cols() / heads, groups = layout_->weight(weight).groups;
    const int bits = bits_of_all(point, n * heads);
    const bool whole = x.cols() == own * heads && (groups == 1 || groups == heads);
    if (!whole || bits < 1 || bits > 8 || weights_.low(weight))
      return linear(weight, quantize(point, apply(ops::SplitHeads{heads}, x)));
    const auto* w = &weights_.packed(weight);
    const auto coder = weights_.coder(counter(), point, bits);
    Tensor y = make(n * heads, w->out(), x.kind);
    const auto in = x.view();
    const auto out = y.data.view();
    constexpr Index tall = 96;  // rows that stay near while all heads pass by
    executor_->parallel_for(
        static_cast<std::size_t>(n), 2 * tall, [&](std::size_t begin, std::size_t end) {
          const auto last = static_cast<Index>(end);
          for (auto i = static_cast<Index>(begin); i < last; i += tall) {
            const Index rows = std::min(tall, last - i);
            for (Index h = 0; h < heads; ++h)
              kernels::linear(MatrixView<const float>(in.row(i) + h * own, rows, own, in.stride),
                              coder, w[groups == 1 ? 0 : h], Activation::none,
                              {out.row(h * n + i), rows, out.cols});
          }
        });
    return y;
  }
  /// x + branch(x), the branch computed for those rows alone that have bits at the point.
  template <typename Branch>
  Tensor residual(PointId id, const Tensor& x, const Branch& branch) {
    const PointEntry& point = layout_->point(id);
    const auto bits =
        point.fixed_bits ? std::span<const std::uint8_t>{} : live_.bits(id, point.kind, x.rows());
    const bool none = bits.empty() && !point.fixed_bits && plan_->uniform_bits == 0;
    if (none) return x;
    if (!LiveRows::any_of_zero(bits)) return apply(ops::Add{}, x, branch(x));
    Tensor y = input(x.view(), x.kind);
    with_alive(bits, [&](const LiveRows::Rows& rows) {
      const Tensor z = branch(apply(ops::Gather{rows, x.kind}, x));
      const auto from = z.view();
      const auto to = y.data.view();
      for (std::size_t k = 0; k < rows.size(); ++k)
        ops::detail::add_row(to.row(rows[k]), from.row(static_cast<Index>(k)), to.cols);
    });
    return y;
  }
  /// dense() of patches, some rows at a time: the tensor of patches is never stored. Where every
  /// row has the same grid, points become codes first, and each is encoded once; where its range
  /// decides, points become codes where the product reads them.
  /// @param p  ops::Patches; a template so that solvers on meshes do not compile it
  template <typename Patches>
  Tensor convolve(const Patches& p, PointId point, WeightId weight, const Tensor& x,
                  Activation f = Activation::none) {
    const Index rows = p.to.rows(), cols = x.cols() * p.taps();
    const int bits = bits_of_all(point, rows);
    if (bits < 1 || bits > 8 || weights_.low(weight))
      return linear(weight, quantize(point, apply(p, x)), f);
    const auto& w = weights_.packed(weight);
    const auto c = weights_.coder(counter(), point, bits);
    Tensor y = make(rows, w.out(), x.kind);
    if constexpr (may_be<Static>)
      if (kind_of(c.rule) == RowRule::fixed) {
        convolve_codes(p, c, w, x, f, y.data.view());
        return y;
      }
    if constexpr (may_be<ByRange>)
      if (kind_of(c.rule) == RowRule::min_max) {
        p.multiply(x.view(), c, w, f, y.data.view(), *executor_);
        return y;
      }
    // So many that they stay in L2 beside the weights, which pass by once for all of them.
    const Index tall = std::clamp<Index>(32'768 / cols / 16 * 16, 64, 512);
    executor_->parallel_for(
        static_cast<std::size_t>(rows), static_cast<std::size_t>(tall),
        [&](std::size_t begin, std::size_t end) {
          thread_local AlignedVector<float> tile;
          at_least(tile, tall * cols);
          for (auto i = static_cast<Index>(begin); i < static_cast<Index>(end); i += tall) {
            const Index n = std::min(tall, static_cast<Index>(end) - i);
            p.gather(x.view(), i, i + n, tile.data(), cols);
            kernels::linear({tile.data(), n, cols}, c, w, f, {y.data.view().row(i), n, w.out()});
          }
        });
    return y;
  }
  /// Whole, tile by tile: the tensor of edges is never stored. To the bit the composition of
  /// EdgeSum, Activate, quantize, linear, Activate and SegmentMean.
  Tensor message_mean(const Graph& g, const Tensor& at_receiver, const Tensor& at_sender,
                      PointId id, WeightId weight) {
    if (weights_.low(weight))
      return message_mean_in_pieces(*this, g, at_receiver, at_sender, id, weight);
    MessageLayer layer = message_layer(g, at_sender, id, weight);
    layer.at_receiver = at_receiver.view();
    Tensor y = make(g.n_nodes(), layer.weights->out(), RowKind::node);
    kernels::message_mean(layer, y.data.view(), *executor_);
    return y;
  }
  /// Whole, tile by tile: nothing but the result is stored. To the bit the composition of quantize,
  /// linear, Add, Activate, quantize, linear, Activate and Add.
  Tensor node_update(const Tensor& features, const Tensor& own, const Tensor& means,
                     PointId at_means, WeightId from_means, PointId at_update, WeightId update) {
    if (weights_.low(from_means) || weights_.low(update))
      return node_update_in_pieces(*this, features, own, means, at_means, from_means, at_update,
                                   update);
    NodeUpdate u = update_of(features, at_means, from_means, at_update, update);
    u.means = means.view();
    u.own = own.view();
    Tensor y = make(features.rows(), features.cols(), features.kind);
    kernels::node_update(u, y.data.view(), *executor_);
    return y;
  }
  /// A layer of message passing, receivers tile by tile: the senders' rows and the result are all
  /// that is stored. To the bit the composition of linear and linear_onto for its three parts,
  /// message_mean and node_update; which it is where given rows are of mixed bits.
  Tensor message_passing(const Graph& g, const Tensor& f, const GivenRows<Quantized>& given,
                         const MessagePassingIds& id) {
    const Index n = f.rows(), hidden = weights_.packed(id.message).in();
    const auto skipped = skipped_at(id.updates, n);
    if (skipped.all) return f;
    bool whole = given.at_receiver.in_order() && (!given.own || given.own->in_order());
    for (const WeightId w : {id.from_features, id.at_receiver, id.at_sender, id.message,
                             id.from_means, id.update, id.from_variables})
      whole = whole && !weights_.low(w);
    if (!whole) {
      const Index inner = weights_.packed(id.from_features).out() - 2 * hidden;
      return message_passing_in_pieces(*this, g, f, given, id, hidden, inner);
    }
    const auto& split = weights_.split(id.from_features, hidden);
    kernels::BasicLayerUpdate<Rule, in_layers> u;
    u.parts = weights_.product(counter(), id.features, id.from_features, n, *plan_);
    auto senders = u.parts;
    u.parts.weights = &split.receiver_and_own;
    senders.weights = &split.sender;
    const Tensor q = make(n, hidden, RowKind::node);
    kernels::coded_linear(f.view(), senders, q.data.view(), *executor_);
    kernels::linear_onto<simd::Native, stored>(given.at_sender, weights_.packed(id.at_sender), true,
                                               q.view(), q.data.view(), *executor_);
    if (!skipped.bits.empty())
      return of_those_awake(skipped.bits, g, f, q, q.rows(), given, id, u,
                            [&](const LiveRows::Rows&, MatrixView<float> to) {
                              kernels::layer_update(u, to, *executor_);
                            });
    u.edges = message_layer(g, q, id.messages, id.message);
    u.nodes = update_of(f, id.means, id.from_means, id.updates, id.update);
    u.to_receiver = {given.at_receiver.buckets()[0], &weights_.packed(id.at_receiver)};
    if (given.own) u.to_own = {given.own->buckets()[0], &weights_.packed(id.from_variables)};
    Tensor y = make(n, f.cols(), f.kind);
    kernels::layer_update(u, y.data.view(), *executor_);
    return y;
  }
  /// y, and x where a row skips the layer that ends with the point: see BitPlan::zero_skips.
  Tensor skipping(PointId id, const Tensor& x, Tensor y) {
    const auto skipped = skipped_at(id, x.rows());
    if (skipped.all) return x;
    return skipped.bits.empty() ? y : apply(ops::ChooseRows{skipped.bits}, y, x);
  }
  [[nodiscard]] static ProductBits product_bits(ProductBits wanted) noexcept { return wanted; }
  [[nodiscard]] const kernels::PackedWeights& packed(WeightId id) const {
    return weights_.packed(id);
  }
  /// Since begin(): rows of words that reached the largest word (kernels::MessageWords::saturated).
  /// 0 where rows between products are floats.
  [[nodiscard]] std::int64_t saturated() const noexcept {
    return saturated_->load(std::memory_order_relaxed);
  }
  /// Since begin(): of rows of static ranges, by a sample. Nothing where rows have ranges of their
  /// own.
  [[nodiscard]] const RowsCut& cut() const noexcept { return *cut_; }
  /// Whether rows of static ranges are looked at; they are at first.
  void look_for_cut(bool look) noexcept { looks_ = look; }
  /// What follows is counted from nothing; begin() does the same.
  void forget_cut() noexcept { cut_->clear(); }
  /// Of all buffers that passes have needed so far.
  [[nodiscard]] std::size_t buffer_bytes() const noexcept {
    return pool_.bytes() + memory_.bytes() + sender_words_.size() * sizeof(std::int16_t);
  }

 protected:
  [[nodiscard]] RowsCut* counter() const noexcept { return looks_ ? cut_.get() : nullptr; }
  using Rule = typename Scheme::rule;
  /// What rows of products may be kept in: those of the levels, and bytes or words where a point
  /// has bits of its own.
  static constexpr Containers in_layers = FixedWeights<Scheme>::containers,
                              stored = in_layers | 1u << 8 | 1u << 16;
  using MessageLayer = kernels::BasicMessageLayer<Rule, in_layers>;
  using NodeUpdate = kernels::BasicNodeUpdate<Rule, in_layers>;
  template <typename R>
  static constexpr bool may_be = any_scheme<Scheme> || std::same_as<Rule, R>;

  /// f(rows) with those rows alone alive that have bits, if there are any, and room for all.
  template <typename F>
  void with_alive(std::span<const std::uint8_t> bits, const F& f) {
    live_.with(bits, [&](const LiveRows::Rows& rows) {
      make_room();
      if (!rows.empty()) f(rows);
    });
    make_room();
  }
  void make_room() noexcept {
    const auto [part, whole] = live_.share();
    pool_.make_room(part, whole);
    memory_.codes.make_room(part, whole);
    memory_.grids.make_room(part, whole);
  }
  /// Who skips a layer: all, those of 0 bits, or nobody, who has no bits here.
  struct Skipped {
    std::span<const std::uint8_t> bits;
    bool all = false;
  };
  [[nodiscard]] Skipped skipped_at(PointId id, Index n) {
    const PointEntry& point = layout_->point(id);
    if (!plan_->zero_skips || point.fixed_bits) return {};
    const auto bits = live_.bits(id, point.kind, n);
    if (bits.empty()) return {{}, plan_->uniform_bits == 0};
    return {LiveRows::any_of_zero(bits) ? bits : std::span<const std::uint8_t>{}};
  }
  /// The graph of the nodes that do not skip: they alone receive, and may be sent to by all. Made
  /// once a map and plan, in memory that is kept.
  struct Awake {
    const std::uint8_t* by = nullptr;
    Graph graph;                     ///< without `receiver`
    std::vector<std::int32_t> edge;  ///< (edge) its number in the whole graph
    std::vector<std::uint8_t> bits;  ///< (edge) by the last map that was asked for
    const std::uint8_t* map = nullptr;
  };
  Awake& awake(std::span<const std::uint8_t> by, const Graph& g) {
    for (std::size_t k = 0; k < n_awake_; ++k)
      if (awake_[k].by == by.data()) return awake_[k];
    if (n_awake_ == awake_.size()) awake_.emplace_back();
    Awake& a = awake_[n_awake_++];
    a.by = by.data();
    a.map = nullptr;
    a.graph.first.reserve(by.size() + 1);  // more may be awake in the next plan
    a.graph.sender.reserve(g.sender.size());
    a.edge.reserve(g.sender.size());
    a.bits.reserve(g.sender.size());
    a.graph.first.assign(1, 0);
    a.graph.sender.clear();
    a.edge.clear();
    for (std::size_t i = 0; i < by.size(); ++i) {
      if (by[i] == 0) continue;
      const std::int32_t first = g.first[i], last = g.first[i + 1];
      a.graph.sender.insert(a.graph.sender.end(), g.sender.begin() + first,
                            g.sender.begin() + last);
      for (std::int32_t e = first; e < last; ++e) a.edge.push_back(e);
      a.graph.first.push_back(static_cast<std::int32_t>(a.edge.size()));
    }
    return a;
  }
  /// The rest of message_passing() where some nodes skip: the others' rows are gathered, updated as
  /// if they were all, and put back.
  /// @param q      (node, hidden) the senders' parts
  /// @param known  rows of q that are there; add_words() does the others
  /// @param u      its parts' weights are there
  /// @param run    run(nodes, result) updates these nodes by u, where there are any
  template <typename Run>
  Tensor of_those_awake(std::span<const std::uint8_t> by, const Graph& g, const Tensor& f,
                        const Tensor& q, Index known, const GivenRows<Quantized>& given,
                        const MessagePassingIds& id, kernels::BasicLayerUpdate<Rule, in_layers>& u,
                        const Run& run) {
    Awake& a = awake(by, g);
    Tensor y = input(f.view(), f.kind);
    with_alive(by, [&](const LiveRows::Rows& rows) {
      const auto n = static_cast<Index>(rows.size());
      const Tensor some = apply(ops::Gather{rows, f.kind}, f);
      const auto node_bits = [&](PointId p) { return live_.bits(p, layout_->point(p).kind, n); };
      u.parts.row_bits = node_bits(id.features);
      u.edges =
          message_layer(a.graph, q, id.messages, id.message, known, edge_bits(a, id.messages, g));
      u.nodes.features = some.view();
      u.nodes.first = weights_.product(counter(), id.means, id.from_means, node_bits(id.means),
                                       plan_->uniform_bits);
      u.nodes.second = weights_.product(counter(), id.updates, id.update, node_bits(id.updates),
                                        plan_->uniform_bits);
      u.nodes.activation = Activation::swish;
      const MixedRows to_receiver =
          rows_of(given.at_receiver.buckets()[0], rows, given.at_receiver.bits(0));
      u.to_receiver = {to_receiver.buckets()[0], &weights_.packed(id.at_receiver)};
      MixedRows to_own;
      if (given.own) {
        to_own = rows_of(given.own->buckets()[0], rows, given.own->bits(0));
        u.to_own = {to_own.buckets()[0], &weights_.packed(id.from_variables)};
      }
      const Tensor updated = make(n, f.cols(), f.kind);
      run(rows, updated.data.view());
      const auto to = y.data.view();
      for (std::size_t k = 0; k < rows.size(); ++k)
        std::copy_n(updated.view().row(static_cast<Index>(k)), to.cols, to.row(rows[k]));
    });
    return y;
  }
  /// Bits of the edges of those awake; empty: all have the plan's uniform bits.
  std::span<const std::uint8_t> edge_bits(Awake& a, PointId id, const Graph& g) {
    const PointEntry& point = layout_->point(id);
    if (point.fixed_bits) return {};
    const auto all = plan_->bits(id, point.kind, g.n_edges());
    if (all.empty()) return {};
    if (a.map == all.data()) return a.bits;
    a.map = all.data();
    a.bits.clear();
    for (const std::int32_t e : a.edge) a.bits.push_back(all[static_cast<std::size_t>(e)]);
    return a.bits;
  }
  /// Some coded rows, in this order. @pre x is in order
  MixedRows rows_of(const RowsView& x, const LiveRows::Rows& rows, int bits) {
    MixedRows some(&memory_, static_cast<Index>(rows.size()), x.cols, bits, x.container);
    const RowsSpan to = some.span(0);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const auto at = static_cast<Index>(k);
      std::copy_n(x.row(rows[k]), packed_bytes(x.cols, x.container), to.row(at));
      to.grid_of(at) = x.grid_of(rows[k]);
    }
    return some;
  }
  /// The rows first .. first + n - 1 of the whole that lie in a bucket: rows ascend in it.
  static RowsView part_of(RowsView b, Index first, Index n) noexcept {
    Index begin = first, end = first + n;
    if (b.order) {
      begin = std::lower_bound(b.order, b.order + b.rows, first) - b.order;
      end = std::lower_bound(b.order + begin, b.order + b.rows, first + n) - b.order;
    }
    static thread_local std::vector<std::int32_t> places;
    if (!b.order) {
      places.resize(static_cast<std::size_t>(n));
      for (Index i = 0; i < n; ++i)
        places[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(first + i);
      b.order = places.data();
    } else {
      b.order += begin;
    }
    b.codes = b.row(begin);
    b.grid = &b.grid_of(begin);
    b.rows = end - begin;
    return b;
  }
  /// Whether the product of rows that all have these bits may encode them itself.
  [[nodiscard]] bool encodes_where_read(int bits, WeightId weight) const {
    return bits >= 1 && bits <= 8 && layout_->weight(weight).groups == 1 && !weights_.low(weight);
  }
  /// Whether rows of x have bits of their own, and are few enough channels for coded_linear().
  [[nodiscard]] bool tiles_of_own_bits(PointId id, WeightId weight, const Tensor& x) {
    const PointEntry& point = layout_->point(id);
    return !point.fixed_bits && x.cols() <= kernels::detail::longest_tile_row &&
           layout_->weight(weight).groups == 1 && !weights_.low(weight) &&
           !live_.bits(id, point.kind, x.rows()).empty();
  }
  [[nodiscard]] auto product_of(PointId id, WeightId weight, const Tensor& x) {
    return weights_.product(counter(), id, weight,
                            live_.bits(id, layout_->point(id).kind, x.rows()), plan_->uniform_bits);
  }
  /// 0 if the plan gives each row its own.
  [[nodiscard]] int bits_of_all(PointId id, Index n) {
    const PointEntry& point = layout_->point(id);
    if (point.fixed_bits) return point.fixed_bits;
    return live_.bits(id, point.kind, n).empty() ? plan_->uniform_bits : 0;
  }
  template <typename Patches>
  void convolve_codes(const Patches& p, const BasicRowCoder<Rule>& c,
                      const kernels::PackedWeights& w, const Tensor& x, Activation f,
                      MatrixView<float> out) {
    const RowGrid grid = Static::grid({}, c.bits, c.a, c.offset);
    // At 8 bits a code, whatever its own: it is read once for every patch.
    const MixedRows points(&memory_, x.rows(), x.cols(), c.bits, 8);
    kernels::quantize_rows(x.view(), c, points.span(0), *executor_);
    const RowsView& coded = points.buckets()[0];
    const MatrixView<const std::uint8_t> read(coded.row(0), coded.rows, coded.cols, coded.stride);
    const auto outside = static_cast<std::uint8_t>(
        static_cast<std::int8_t>(grid.encode(0.0f, c.lowest(), c.highest())));
    const Index cols = x.cols() * p.taps(), rows = p.to.rows();
    const Index tall = std::clamp<Index>(131'072 / cols / 16 * 16, 64, 512);
    executor_->parallel_for(static_cast<std::size_t>(rows), static_cast<std::size_t>(tall),
                            [&](std::size_t begin, std::size_t end) {
                              thread_local AlignedVector<std::uint8_t> tile;
                              at_least(tile, tall * cols);
                              for (auto i = static_cast<Index>(begin); i < static_cast<Index>(end);
                                   i += tall) {
                                const Index n = std::min(tall, static_cast<Index>(end) - i);
                                p.gather(read, i, i + n, tile.data(), cols, outside);
                                kernels::linear(RowsView{tile.data(), n, cols, cols, 8, &grid, 0},
                                                w, f, {out.row(i), n, w.out()});
                              }
                            });
  }
  [[nodiscard]] MessageLayer message_layer(const Graph& g, const Tensor& at_sender, PointId id,
                                           WeightId weight) {
    return message_layer(g, at_sender, id, weight, at_sender.rows());
  }
  /// @param known  rows of at_sender that are there; add_words() does the others
  [[nodiscard]] MessageLayer message_layer(const Graph& g, const Tensor& at_sender, PointId id,
                                           WeightId weight, Index known) {
    const PointEntry& point = layout_->point(id);
    return message_layer(g, at_sender, id, weight, known,
                         point.fixed_bits ? std::span<const std::uint8_t>{}
                                          : plan_->bits(id, point.kind, g.n_edges()));
  }
  /// @param bits  of edges; empty: all have the same
  [[nodiscard]] MessageLayer message_layer(const Graph& g, const Tensor& at_sender, PointId id,
                                           WeightId weight, Index known,
                                           std::span<const std::uint8_t> bits) {
    MessageLayer layer;
    static_cast<typename FixedWeights<Scheme>::Product&>(layer) =
        weights_.product(counter(), id, weight, bits, plan_->uniform_bits);
    layer.first = g.first;
    layer.sender = g.sender;
    layer.at_sender = at_sender.view();
    layer.activation = Activation::swish;
    if (const WordFractions f = weights_.fractions(id); f.parts > 0) {
      const Index n = at_sender.rows(), stride = kernels::word_stride(at_sender.cols());
      at_least(sender_words_, n * stride);
      layer.words = {f.parts,
                     f.messages,
                     {sender_words_.data(), n, at_sender.cols(), stride},
                     saturated_.get()};
      add_words(layer, 0, known);
    }
    return layer;
  }
  /// Senders first .. last as words, where the layer has words.
  void add_words(const MessageLayer& layer, Index first, Index last) {
    if (!layer.words || first == last) return;
    const auto to = layer.words.at_sender;
    kernels::to_words(kernels::detail::rows_of(layer.at_sender, first, last), layer.words.parts,
                      {sender_words_.data() + first * to.stride, last - first, to.cols, to.stride},
                      saturated_.get(), *executor_);
  }
  [[nodiscard]] NodeUpdate update_of(const Tensor& features, PointId at_means, WeightId from_means,
                                     PointId at_update, WeightId update) const {
    NodeUpdate u;
    u.features = features.view();
    u.first = weights_.product(counter(), at_means, from_means, features.rows(), *plan_);
    u.second = weights_.product(counter(), at_update, update, features.rows(), *plan_);
    u.activation = Activation::swish;
    return u;
  }
  Fixed(const Fixed& other, std::shared_ptr<FixedWeights<Scheme>> weights)
      : FloatRows(*other.layout_, *other.parameters_, *other.executor_),
        shared_(std::move(weights)) {}
  struct OrderOf {
    const std::uint8_t* map = nullptr;
    SharedRowOrder order;
  };
  /// Sorted once per map and plan.
  const std::shared_ptr<const RowOrder>& order_of(std::span<const std::uint8_t> bits) {
    for (std::size_t k = 0; k < n_orders_; ++k)
      if (orders_[k].map == bits.data()) return orders_[k].order.get();
    if (n_orders_ == orders_.size()) orders_.emplace_back();
    OrderOf& o = orders_[n_orders_++];
    o.map = bits.data();
    return o.order.sort(
        bits, static_cast<std::size_t>(memory_.grids.room_for(static_cast<Index>(bits.size()))));
  }

  std::shared_ptr<FixedWeights<Scheme>> shared_;  // with those beside
  FixedWeights<Scheme>& weights_ = *shared_;
  const BitPlan* plan_ = nullptr;
  LiveRows live_;
  std::deque<OrderOf> orders_;
  std::deque<Awake> awake_;
  std::size_t n_orders_ = 0, n_awake_ = 0;  // of this plan
  RowMemory memory_;
  AlignedVector<std::int16_t> sender_words_;  // of the layer that runs
  std::unique_ptr<std::atomic<std::int64_t>> saturated_ =
      std::make_unique<std::atomic<std::int64_t>>(0);
  std::unique_ptr<RowsCut> cut_ = std::make_unique<RowsCut>();
  bool looks_ = true;
};

/// Schemes that are read at run time.
using BasicFixed = Fixed<AnyScheme>;

static_assert(arithmetic<BasicFixed>);

}  // namespace amq::arithmetics
