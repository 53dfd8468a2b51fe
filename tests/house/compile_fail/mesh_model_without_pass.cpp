// expect: amq::models::mesh_model: a free function forward(const Model&, A& arithmetic
#include <amq/models/mesh_model.hpp>

struct Mine {
  struct Config {
    amq::Index hidden = 4;
    [[nodiscard]] amq::models::MeshChannels channels() const { return {}; }
    template <typename Self, typename Visit>
    static void each(Self& c, const Visit& visit) {
      visit("hidden", c.hidden);
    }
  };
  using MeshData = amq::models::NoMeshData;
  static constexpr std::string_view name = "Mine";
  Mine(amq::arithmetics::ParameterLayout&, const Config& c) : config_(c) {}
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] MeshData mesh_data(const amq::Graph&, amq::MatrixView<const float>) const {
    return {};
  }

 private:
  Config config_;
};
#ifndef AMQ_COMPILE_FAIL
template <typename A>
typename A::Tensor forward(const Mine&, A& a, const amq::models::MeshInputs& s) {
  return a.input(s.u, amq::ops::RowKind::node);
}
#endif

int main() {
  static_assert(amq::models::require_mesh_model<Mine>());
}
