// expect: amq::models::grid_model: Config::channels() returns amq::models::GridChannels
#include <amq/models/grid_model.hpp>

struct Mine {
  struct Config {
    amq::Index width = 4;
#ifndef AMQ_COMPILE_FAIL
    [[nodiscard]] amq::models::GridChannels channels() const {
      return {};
    }
#endif
    template <typename Self, typename Visit>
    static void each(Self& c, const Visit& visit) {
      visit("width", c.width);
    }
  };
  static constexpr std::string_view name = "Mine";
  Mine(amq::arithmetics::ParameterLayout&, const Config& c) : config_(c) {}
  [[nodiscard]] const Config& config() const {
    return config_;
  }
  template <typename A>
  typename A::Tensor operator()(A& a, const amq::ops::GridShape&, amq::MatrixView<const float> u,
                                amq::MatrixView<const float>) const {
    return a.input(u, amq::ops::RowKind::grid);
  }

 private:
  Config config_;
};

int main() {
  static_assert(amq::models::require_grid_model<Mine>());
}
