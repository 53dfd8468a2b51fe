#pragma once
/// @file
/// What a network on a mesh must have, so that it is trained, deployed and kept in a file like the
/// others:
///
/// | what                          | for                                                        |
/// |-------------------------------|------------------------------------------------------------|
/// | Config, with each()           | its settings by name: files keep them                      |
/// | Config::channels()            | the columns it reads and says                              |
/// | name                          | a file says whose it is                                    |
/// | Model(layout, config)         | declares parameters, weights and quantization points       |
/// | config()                      | the settings it was made with                              |
/// | MeshData, mesh_data(graph, x) | what it reads of a mesh alone, made once a mesh            |
/// | forward(model, arithmetic, s) | a pass over MeshInputs, in any arithmetic; a free function |

#include <amq/arithmetic/counting.hpp>
#include <amq/models/graph_sample.hpp>

#include <concepts>
#include <string_view>
#include <utility>

namespace amq::models {

/// Columns of what a network on a mesh reads and says.
struct MeshChannels {
  Index given = 1;      ///< of u, marks of the boundary and types included
  Index dim = 2;        ///< of x
  Index variables = 0;  ///< of v
  Index outputs = 1;
};

/// The MeshData of networks that read nothing of a mesh beside its graph and positions.
struct NoMeshData {};

namespace detail {

template <typename M>
concept has_settings = requires {
  typename M::Config;
  M::Config::each(std::declval<typename M::Config&>(), [](const char*, auto&, auto...) {});
};
template <typename M>
concept has_channels = requires(const typename M::Config& c) {
  { c.channels() } -> std::same_as<MeshChannels>;
};
template <typename M>
concept has_name = requires {
  { M::name } -> std::convertible_to<std::string_view>;
};
template <typename M>
concept is_declared = std::constructible_from<M, ParameterLayout&, const typename M::Config&> &&
    requires(const M& m) {
  { m.config() } -> std::same_as<const typename M::Config&>;
};
template <typename M>
concept has_mesh_data = requires(const M& m, const Graph& g, MatrixView<const float> x) {
  typename M::MeshData;
  { m.mesh_data(g, x) } -> std::same_as<typename M::MeshData>;
};
template <typename M>
concept has_mesh_pass = requires(const M& m, BasicCounting& a, const MeshInputs& s) {
  { forward(m, a, s) } -> std::same_as<BasicCounting::Tensor>;
};

}  // namespace detail

template <typename M>
concept mesh_model = detail::has_settings<M> && detail::has_channels<M> && detail::has_name<M> &&
    detail::is_declared<M> && detail::has_mesh_data<M> && detail::has_mesh_pass<M>;

/// Says in a sentence what a type lacks to be a mesh_model.
template <typename M>
consteval bool require_mesh_model() {
  // One sentence: what follows from the first lack is not complained about.
  if constexpr (!detail::has_settings<M>)
    static_assert(detail::has_settings<M>,
                  "amq::models::mesh_model: a network has a type Config with "
                  "static each(config, visit), which names every setting for its file");
  else if constexpr (!detail::has_channels<M>)
    static_assert(detail::has_channels<M>,
                  "amq::models::mesh_model: Config::channels() returns amq::models::MeshChannels, "
                  "the columns the "
                  "network reads and says");
  else if constexpr (!detail::has_name<M>)
    static_assert(
        detail::has_name<M>,
        "amq::models::mesh_model: a network has a static constexpr std::string_view name, by "
        "which its files know it");
  else if constexpr (!detail::is_declared<M>)
    static_assert(detail::is_declared<M>,
                  "amq::models::mesh_model: Model(ParameterLayout&, const Config&) declares the "
                  "parameters, and config() returns the settings by reference");
  else if constexpr (!detail::has_mesh_data<M>)
    static_assert(
        detail::has_mesh_data<M>,
        "amq::models::mesh_model: MeshData is what the network reads of a mesh alone, and "
        "mesh_data(graph, positions) const makes it; amq::models::NoMeshData where it is nothing");
  else
    static_assert(
        detail::has_mesh_pass<M>,
        "amq::models::mesh_model: a free function forward(const Model&, A& arithmetic, const "
        "MeshInputs&) runs a pass and returns A::Tensor");
  return true;
}

/// What the model reads of this sample's mesh alone.
template <typename M>
void prepare_sample(const M& model, GraphSample& s) {
  static_assert(require_mesh_model<M>());
  s.of_mesh = OfMesh::of(model.mesh_data(s.graph, view(std::as_const(s.x))));
}

}  // namespace amq::models
