#include "shares.hpp"

#include <amq/models/unet.hpp>

namespace grid_study {

template <>
struct Kind<Unet> {
  static constexpr const char* name = "unet";
  static UnetConfig config(const GridSet& set, const GridMapping& m, Index width,
                           const EdgeBits& bits) {
    UnetConfig c;
    c.dims = static_cast<int>(set.u.points.size());
    c.inputs = m.inputs(set);
    c.outputs = set.u.n_channels;
    c.features = width > 0 ? width : 8;
    c.beyond = set.layout == GridPoints::periodic ? Padding::circular : Padding::zero;
    c.edge_of_net_bits = bits.last;
    return c;
  }
  static Index width(const UnetConfig& c) { return c.features; }
  static std::vector<std::string> edges() { return {"encoder1.enc1conv1", "conv"}; }
};

Model unet_model() {
  return model_of<Unet>();
}

}  // namespace grid_study
