// expect: amq::mesh_model: a free function forward(const Model&, A& arithmetic
#include <amq/models/mesh_model.hpp>

struct Mine {
  struct Config {
    amq::Index hidden = 4;
    [[nodiscard]] amq::MeshChannels channels() const { return {}; }
    template <typename Self, typename Visit>
    static void each(Self& c, const Visit& visit) {
      visit("hidden", c.hidden);
    }
  };
  using MeshData = amq::NoMeshData;
  static constexpr std::string_view name = "Mine";
  Mine(amq::ParameterLayout&, const Config& c) : config_(c) {}
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] MeshData mesh_data(const amq::Graph&, amq::MatrixView<const float>) const {
    return {};
  }

 private:
  Config config_;
};
#ifndef AMQ_COMPILE_FAIL
template <typename A>
typename A::Tensor forward(const Mine&, A& a, const amq::MeshInputs& s) {
  return a.input(s.u, amq::RowKind::node);
}
#endif

int main() {
  static_assert(amq::require_mesh_model<Mine>());
}
