#pragma once
/// @file
/// What a network on regular grids must have, so that it is deployed and kept in a file like the
/// others:
///
/// | what                               | for                                                   |
/// |------------------------------------|-------------------------------------------------------|
/// | Config, with each()                | its settings by name: files keep them                 |
/// | Config::channels()                 | axes, and the columns it reads and says               |
/// | name                               | a file says whose it is                               |
/// | Model(layout, config), config()    | declares parameters, weights and quantization points  |
/// | model(arithmetic, grid, u, x)      | a pass, in any arithmetic                             |

#include <amq/arithmetic/counting.hpp>
#include <amq/ops/grid_shape.hpp>

#include <concepts>
#include <string_view>
#include <utility>

namespace amq::models {

/// Axes of a network's grids, and columns of what it reads and says.
struct GridChannels {
  int dims = 2;
  Index given = 1;  ///< of u
  Index outputs = 1;
};

namespace detail {

template <typename M>
concept has_grid_settings = requires {
  typename M::Config;
  M::Config::each(std::declval<typename M::Config&>(), [](const char*, auto&, auto...) {});
};
template <typename M>
concept has_grid_channels = requires(const typename M::Config& c) {
  { c.channels() } -> std::same_as<GridChannels>;
};
template <typename M>
concept has_grid_name = requires {
  { M::name } -> std::convertible_to<std::string_view>;
};
template <typename M>
concept is_grid_declared =
    std::constructible_from<M, ParameterLayout&, const typename M::Config&> &&
    requires(const M& m) {
  { m.config() } -> std::same_as<const typename M::Config&>;
};
template <typename M>
concept has_grid_pass = requires(const M& m, BasicCounting& a, const GridShape& g,
                                 MatrixView<const float> u) {
  { m(a, g, u, u) } -> std::same_as<BasicCounting::Tensor>;
};

}  // namespace detail

template <typename M>
concept grid_model = detail::has_grid_settings<M> && detail::has_grid_channels<M> &&
    detail::has_grid_name<M> && detail::is_grid_declared<M> && detail::has_grid_pass<M>;

/// Says in a sentence what a type lacks to be a grid_model.
template <typename M>
consteval bool require_grid_model() {
  if constexpr (!detail::has_grid_settings<M>)
    static_assert(detail::has_grid_settings<M>,
                  "amq::models::grid_model: a network has a type Config with "
                  "static each(config, visit), which names every setting for its file");
  else if constexpr (!detail::has_grid_channels<M>)
    static_assert(detail::has_grid_channels<M>,
                  "amq::models::grid_model: Config::channels() returns amq::models::GridChannels, "
                  "the axes and the "
                  "columns the network reads and says");
  else if constexpr (!detail::has_grid_name<M>)
    static_assert(
        detail::has_grid_name<M>,
        "amq::models::grid_model: a network has a static constexpr std::string_view name, by "
        "which its files know it");
  else if constexpr (!detail::is_grid_declared<M>)
    static_assert(detail::is_grid_declared<M>,
                  "amq::models::grid_model: Model(ParameterLayout&, const Config&) declares the "
                  "parameters, and config() returns the settings by reference");
  else
    static_assert(
        detail::has_grid_pass<M>,
        "amq::models::grid_model: model(arithmetic, GridShape, u, positions) const runs a pass "
        "and returns the arithmetic's Tensor");
  return true;
}

}  // namespace amq::models
