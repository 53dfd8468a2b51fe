#include "shares.hpp"

#include <amq/models/fno.hpp>

namespace grid_study {

template <>
struct Kind<Fno> {
  static constexpr const char* name = "fno";
  static FnoConfig config(const GridSet& set, const GridMapping& m, Index width,
                          const EdgeBits& bits) {
    const int dims = static_cast<int>(set.u.points.size());
    // 8 modes of 2-D grids are what a quarter of 64 x 64 still holds.
    FnoConfig c = FnoConfig::pdebench(dims, dims == 1 ? 16 : 8,
                                      width > 0   ? width
                                      : dims == 1 ? 32
                                                  : 20,
                                      m.inputs(set), set.u.n_channels);
    c.projection = 64;
    c.edge_of_net_bits = bits.last;
    c.mode_bits = bits.modes;
    c.transform_bits = bits.products;
    return c;
  }
  static Index width(const FnoConfig& c) { return c.width; }
  static std::vector<std::string> edges() { return {"fc0", "fc2"}; }
};

Model fno_model() {
  return model_of<Fno>();
}

}  // namespace grid_study
