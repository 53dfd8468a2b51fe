#pragma once
/// @file
/// Unsteady incompressible flow in a channel with obstacles, as in the cylinder_flow set of
/// MeshGraphNets: velocity and pressure at the nodes of a triangle mesh, frame by frame.
///
///     du/dt + (u . grad) u = nu laplace u - grad p + f,   div u = 0   (density one)
///
/// A parabola flows in at x = 0, obstacles and side walls hold the fluid, p = nu du_n/dn at the
/// outflow.

#include <amq/core/eigen_sparse.hpp>
#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq_lab/problems/channel_mesh.hpp>
#include <amq_lab/problems/generate.hpp>
#include <amq_lab/problems/krylov.hpp>
#include <amq_lab/problems/taylor_hood.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

struct FlowOptions {
  double viscosity = 1e-3;  ///< nu, length^2 / s
  double dt = 0.005;        ///< the longest time step, s
  double max_courant = 3;   ///< step times crossing rate; the step is shortened to keep it
  double tolerance = 1e-8;  ///< of the momentum equation's residual
};

/// Incremental pressure correction in time (Guermond, Minev and Shen 2006) with second-order
/// backward differences. The flow is carried by its extrapolated self, implicitly: no step is too
/// long to be stable, `max_courant` only bounds its error. Two symmetric matrices are factorised
/// once, the momentum's is solved by BiCGSTAB. Started from rest; the first step, having no past,
/// advances the flow by 2 dt / 3.
class ChannelFlow {
 public:
  using Inflow = std::function<double(double y, double t)>;  ///< velocity along x
  using Force = std::function<std::array<double, 2>(double x, double y, double t)>;

  /// @throws Error for bad meshes, viscosity or steps
  ChannelFlow(ChannelMesh mesh, const FlowOptions& options, Inflow inflow, Force force = {})
      : mesh_(std::move(mesh)),
        space_(mesh_.mesh),
        options_(options),
        inflow_(std::move(inflow)),
        force_(std::move(force)) {
    if (!(options.viscosity > 0 && options.dt > 0 && options.max_courant > 0)) {
      throw Error("ChannelFlow", "viscosity, dt and max_courant > 0",
                  std::to_string(options.viscosity) + ", " + std::to_string(options.dt) + ", " +
                      std::to_string(options.max_courant),
                  "Check FlowOptions.");
    }
    const auto n = static_cast<std::size_t>(space_.n_velocity());
    if (mesh_.mesh.node_type.size() != static_cast<std::size_t>(space_.n_nodes()) ||
        mesh_.obstacle.size() != mesh_.mesh.node_type.size()) {
      throw Error("ChannelFlow", "a type and an obstacle number for each node",
                  std::to_string(mesh_.mesh.node_type.size()) + " and " +
                      std::to_string(mesh_.obstacle.size()),
                  "Fill mesh.node_type and obstacle; -1 is no obstacle.");
    }
    kind_ = mesh_.mesh.node_type;
    owner_ = mesh_.obstacle;
    at_ = mesh_.mesh.points;
    std::vector<char> open(static_cast<std::size_t>(space_.n_nodes()), 0);
    for (Index s = 0; s < space_.n_sides(); ++s) side_kind(s, open);
    for (std::size_t i = 0; i < n; ++i) n_obstacles_ = std::max(n_obstacles_, owner_[i] + 1);
    std::tie(mass_, stiff_) = space_.mass_and_stiffness();
    std::tie(div_x_, div_y_) = space_.divergence();
    std::vector<char> free(n);
    for (std::size_t i = 0; i < n; ++i)
      free[i] = kind_[i] != NodeType::wall && kind_[i] != NodeType::inflow;
    number(
        free_u_, n_free_u_, [&](std::size_t i) { return free[i] != 0; }, n);
    momentum_ = mass_;
    ilu_.prepare(momentum_, free);
    stiff_and_mass_.resize(static_cast<std::size_t>(momentum_.nonZeros()));
    // Without an outflow the pressure is known up to a constant: one node holds it.
    const bool closed = std::find(open.begin(), open.end(), 1) == open.end();
    number(
        free_p_, n_free_p_, [&](std::size_t i) { return closed ? i > 0 : open[i] == 0; },
        open.size());
    solve_mass_.compute(restrict(mass_, free_u_, n_free_u_));
    solve_pressure_.compute(restrict(space_.pressure_stiffness(), free_p_, n_free_p_));
    u_ = before_ = older_ = body_ = Velocity::Zero(space_.n_velocity(), 2);
    p_ = Eigen::VectorXd::Zero(space_.n_nodes());
  }

  [[nodiscard]] const ChannelMesh& mesh() const noexcept { return mesh_; }
  [[nodiscard]] double time() const noexcept { return time_; }
  [[nodiscard]] double step() const noexcept { return dt_; }
  [[nodiscard]] int n_obstacles() const noexcept { return n_obstacles_; }
  /// (velocity node, 2): the first n_nodes() rows are the mesh's nodes.
  [[nodiscard]] const Velocity& velocity() const noexcept { return u_; }
  [[nodiscard]] const Eigen::VectorXd& pressure() const noexcept { return p_; }

  /// Starts anew, at the present time, from u(x, y) where no wall holds the fluid.
  void set_velocity(const std::function<std::array<double, 2>(double x, double y)>& start) {
    for (Index i = 0; i < space_.n_velocity(); ++i) {
      const bool wall = kind_[static_cast<std::size_t>(i)] == NodeType::wall;
      const auto v = wall ? std::array<double, 2>{} : start(x(i), y(i));
      u_(i, 0) = v[0];
      u_(i, 1) = v[1];
    }
    before_ = older_ = u_;
    p_.setZero();
  }
  /// @throws Error where the flow blows up
  void advance(double duration, const std::function<void()>& after_step = {}) {
    const double end = time_ + duration;
    while (time_ < end - 1e-9 * duration) {
      const double rate = space_.crossing_rate(u_);
      if (!(rate * options_.dt * 1e-3 < options_.max_courant)) {
        throw Error(
            "ChannelFlow::advance", "a flow that stays bounded",
            "a crossing rate of " + std::to_string(rate) + " 1/s at t = " + std::to_string(time_),
            "Refine the mesh or lower the speed.");
      }
      double want = dt_ > 0 ? dt_ : options_.dt;
      while (want * rate > options_.max_courant) want *= 0.7;
      const double left = end - time_;
      const double n = std::ceil(left / want - 1e-6);
      // A step that fits to rounding is kept.
      if (!(dt_ > 0 && std::abs(left / n - dt_) < 1e-7 * dt_)) set_step(left / n);
      one_step();
      if (after_step) after_step();
    }
    time_ = end;
  }

  /// Force of the fluid on an obstacle over density and span, (drag, lift), after the last step:
  /// the momentum that the equations of its nodes lack.
  [[nodiscard]] std::array<double, 2> force(int obstacle) const {
    std::array<double, 2> f{};
    if (!(dt_ > 0)) return f;
    const double c = 1 / (2 * dt_);
    for (int i = 0; i < space_.n_velocity(); ++i) {
      if (owner_[static_cast<std::size_t>(i)] != obstacle) continue;
      for (Index d = 0; d < 2; ++d) {
        double& sum = f[static_cast<std::size_t>(d)];
        for (RowMatrix::InnerIterator it(momentum_, i); it; ++it)
          sum -= it.value() * u_(it.col(), d);
        for (RowMatrix::InnerIterator it(mass_, i); it; ++it)
          sum += it.value() *
                 (c * (4 * before_(it.col(), d) - older_(it.col(), d)) + body_(it.col(), d));
        sum += (d == 0 ? div_x_ : div_y_).col(i).dot(p_);
      }
    }
    return f;
  }

 private:
  void side_kind(Index s, std::vector<char>& open) {
    const auto [a, b] = space_.side(s);
    const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
    for (std::size_t d = 0; d < 2; ++d) at_.push_back((at_[2 * i + d] + at_[2 * j + d]) / 2);
    NodeType k = NodeType::normal;
    if (space_.on_border(s)) {
      const auto either = [&](NodeType t) { return kind_[i] == t || kind_[j] == t; };
      k = either(NodeType::inflow)    ? NodeType::inflow
          : either(NodeType::outflow) ? NodeType::outflow
                                      : NodeType::wall;
    }
    if (k == NodeType::outflow) open[i] = open[j] = 1;
    owner_.push_back(k == NodeType::wall && owner_[i] == owner_[j] ? owner_[i] : -1);
    kind_.push_back(k);
  }
  template <typename Keep>
  static void number(std::vector<int>& id, int& count, Keep keep, std::size_t n) {
    id.assign(n, -1);
    for (std::size_t i = 0; i < n; ++i)
      if (keep(i)) id[i] = count++;
  }
  template <typename M>
  static SparseMatrix restrict(const M& full, const std::vector<int>& id, int n) {
    std::vector<Eigen::Triplet<double, int>> t;
    for (int c = 0; c < full.outerSize(); ++c) {
      for (typename M::InnerIterator it(full, c); it; ++it) {
        const int r = id[static_cast<std::size_t>(it.row())];
        const int k = id[static_cast<std::size_t>(it.col())];
        if (r >= 0 && k >= 0) t.emplace_back(r, k, it.value());
      }
    }
    SparseMatrix out(n, n);
    out.setFromTriplets(t.begin(), t.end());
    return out;
  }
  void set_step(double dt) {
    if (dt_ > 0) before_ = u_ - (u_ - before_) * (dt / dt_);  // the same slope in time
    dt_ = dt;
    const auto n = momentum_.nonZeros();
    for (Index k = 0; k < n; ++k) {
      const double still = options_.viscosity * stiff_.valuePtr()[k];
      stiff_and_mass_[static_cast<std::size_t>(k)] = 1.5 / dt * mass_.valuePtr()[k] + still;
    }
  }
  void one_step() {
    const double t = time_ + dt_, c = 1 / (2 * dt_);
    Velocity next = 2 * u_ - before_;
    std::copy(stiff_and_mass_.begin(), stiff_and_mass_.end(), momentum_.valuePtr());
    space_.add_convection(next, momentum_);
    ilu_.factorise(momentum_);
    body_.setZero(space_.n_velocity(), 2);
    if (force_) {
      for (Index i = 0; i < space_.n_velocity(); ++i) {
        const auto f = force_(x(i), y(i), t);
        body_(i, 0) = f[0];
        body_(i, 1) = f[1];
      }
    }
    Velocity rhs = mass_ * (c * (4 * u_ - before_) + body_);
    rhs.col(0) += div_x_.transpose() * p_;
    rhs.col(1) += div_y_.transpose() * p_;
    for (Index i = 0; i < space_.n_velocity(); ++i)
      if (kind_[static_cast<std::size_t>(i)] == NodeType::inflow) next(i, 0) = inflow_(y(i), t);
    for (Index d = 0; d < 2; ++d) {
      Eigen::VectorXd column = next.col(d);
      if (bicgstab(momentum_, ilu_, rhs.col(d), column, options_.tolerance) < 0) {
        throw Error("ChannelFlow::advance", "a momentum equation that can be solved",
                    "no convergence at t = " + std::to_string(t), "Shorten dt or max_courant.");
      }
      next.col(d) = column;
    }

    Eigen::VectorXd q(n_free_p_);
    const Eigen::VectorXd div = -3 * c * (div_x_ * next.col(0) + div_y_ * next.col(1));
    for (std::size_t i = 0; i < free_p_.size(); ++i)
      if (free_p_[i] >= 0) q(free_p_[i]) = div(static_cast<Index>(i));
    q = solve_pressure_.solve(q).eval();
    Eigen::VectorXd phi = Eigen::VectorXd::Zero(space_.n_nodes());
    for (std::size_t i = 0; i < free_p_.size(); ++i)
      if (free_p_[i] >= 0) phi(static_cast<Index>(i)) = q(free_p_[i]);
    p_ += phi;
    rhs.col(0) = div_x_.transpose() * phi / (3 * c);
    rhs.col(1) = div_y_.transpose() * phi / (3 * c);
    Velocity push = Velocity::Zero(space_.n_velocity(), 2);
    spread(solve_mass_.solve(gather(rhs)), push);
    next += push;

    older_ = before_;
    before_ = u_;
    u_ = next;
    time_ = t;
  }
  using Columns = Eigen::Matrix<double, Eigen::Dynamic, 2>;
  [[nodiscard]] Columns gather(const Velocity& all) const {
    Columns out(n_free_u_, 2);
    for (std::size_t i = 0; i < free_u_.size(); ++i)
      if (free_u_[i] >= 0) out.row(free_u_[i]) = all.row(static_cast<Index>(i));
    return out;
  }
  void spread(const Columns& some, Velocity& all) const {
    for (std::size_t i = 0; i < free_u_.size(); ++i)
      if (free_u_[i] >= 0) all.row(static_cast<Index>(i)) = some.row(free_u_[i]);
  }
  [[nodiscard]] double x(Index i) const noexcept { return at_[static_cast<std::size_t>(2 * i)]; }
  [[nodiscard]] double y(Index i) const noexcept {
    return at_[static_cast<std::size_t>(2 * i + 1)];
  }

  ChannelMesh mesh_;
  TaylorHood space_;
  FlowOptions options_;
  Inflow inflow_;
  Force force_;
  std::vector<NodeType> kind_;       // (velocity node)
  std::vector<std::int32_t> owner_;  // (velocity node)
  std::vector<double> at_;           // (velocity node, 2)
  int n_obstacles_ = 0, n_free_u_ = 0, n_free_p_ = 0;
  std::vector<int> free_u_, free_p_;
  RowMatrix mass_, stiff_, momentum_;
  std::vector<double> stiff_and_mass_;  // values of the momentum matrix of a fluid at rest
  SparseMatrix div_x_, div_y_;
  IncompleteLu ilu_;
  SparseLdlt solve_mass_, solve_pressure_;
  Velocity u_, before_, older_, body_;
  Eigen::VectorXd p_;
  double time_ = 0, dt_ = 0;
};

/// 4 u_max y (H - y) / H^2, grown over `ramp` seconds.
[[nodiscard]] inline ChannelFlow::Inflow parabola(double u_max, double height, double ramp = 0) {
  return [=](double y, double t) {
    const double s = ramp > 0 && t < ramp ? 0.5 - 0.5 * std::cos(std::numbers::pi * t / ramp) : 1;
    return 4 * u_max * s * y * (height - y) / (height * height);
  };
}

struct FlowSamplerOptions {
  FlowOptions flow;
  ChannelResolution resolution;
  double length = 1.6, height = 0.41;
  int min_obstacles = 1, max_obstacles = 1;
  double min_radius = 0.03, max_radius = 0.055;
  double min_flatness = 1;                  ///< smallest b / a; 1 makes circles
  double polygons = 0;                      ///< share of obstacles that are squares
  double min_u_max = 1.2, max_u_max = 1.6;  ///< top of the parabola
  double start = 1;                         ///< s of flow before the first frame
  double frame_dt = 0.04;
  int n_frames = 100;
};

/// One trajectory.
struct FlowSample {
  Channel channel;
  Mesh mesh;
  double u_max = 0, viscosity = 0, reynolds = 0;  ///< Re = (2/3 u_max) 2 a / nu, first obstacle
  double start = 0, frame_dt = 0;
  Index n_frames = 0;
  std::vector<float> velocity;  ///< (frame, node, 2)
  std::vector<float> pressure;  ///< (frame, node)
  std::vector<float> force;     ///< (frame, obstacle, 2) drag and lift over density and span
  double seconds = 0;           ///< of this thread
};

/// Random obstacles in a channel.
struct FlowSampler {
  FlowSamplerOptions options;

  [[nodiscard]] Channel channel(Random& random) const {
    Channel c{options.length, options.height, {}};
    const auto many = static_cast<std::uint64_t>(options.max_obstacles - options.min_obstacles + 1);
    const auto n = static_cast<std::size_t>(options.min_obstacles) + random.index(many);
    for (int tries = 0; c.obstacles.size() < n; ++tries) {
      if (tries > 1000) {
        throw Error("FlowSampler", "room for " + std::to_string(n) + " obstacles",
                    "none after 1000 tries", "Make them fewer or smaller.");
      }
      Obstacle o;
      o.a = random.uniform(options.min_radius, options.max_radius);
      o.b = o.a * random.uniform(options.min_flatness, 1);
      o.turn = random.uniform(0, std::numbers::pi);
      const bool square = random.uniform() < options.polygons;
      o.x = random.uniform(0.15, n == 1 ? 0.5 : 0.45 * options.length);
      o.y = random.uniform(0, options.height);
      if (square) {
        o.sides = 4;
        o.b = o.a;
      }
      // As much room as a radius, so that gaps hold a few cells.
      bool fits = o.y - o.a > 0.8 * o.a && o.y + o.a < options.height - 0.8 * o.a;
      for (const auto& q : c.obstacles)
        fits = fits && std::hypot(o.x - q.x, o.y - q.y) > o.a + q.a + std::max(o.a, q.a);
      if (fits) c.obstacles.push_back(o);
    }
    return c;
  }

  /// @throws Error where no mesh is found or the flow blows up
  [[nodiscard]] FlowSample sample(std::uint64_t seed, std::uint64_t i) const {
    const auto begin = std::chrono::steady_clock::now();
    Random random = Random::stream(seed, i);
    FlowSample s;
    s.channel = channel(random);
    s.u_max = random.uniform(options.min_u_max, options.max_u_max);
    s.viscosity = options.flow.viscosity;
    s.reynolds = s.u_max * 2 / 3 * 2 * s.channel.obstacles.at(0).a / s.viscosity;
    s.start = options.start;
    s.frame_dt = options.frame_dt;
    s.n_frames = options.n_frames;
    ChannelFlow flow(channel_mesh(s.channel, options.resolution, random.bits()), options.flow,
                     parabola(s.u_max, options.height));
    s.mesh = flow.mesh().mesh;
    const auto inflow = parabola(s.u_max, options.height);
    flow.set_velocity([&](double, double y) { return std::array{inflow(y, 0), 0.0}; });
    if (options.start > 0) flow.advance(options.start);
    for (int frame = 0; frame < options.n_frames; ++frame) {
      if (frame > 0) flow.advance(options.frame_dt);
      for (Index k = 0; k < s.mesh.n_nodes(); ++k) {
        s.velocity.push_back(static_cast<float>(flow.velocity()(k, 0)));
        s.velocity.push_back(static_cast<float>(flow.velocity()(k, 1)));
        s.pressure.push_back(static_cast<float>(flow.pressure()(k)));
      }
      for (int o = 0; o < flow.n_obstacles(); ++o)
        for (const double f : flow.force(o)) s.force.push_back(static_cast<float>(f));
    }
    s.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return s;
  }
};

}  // namespace amq::lab
