#include "shares.hpp"

#include <amq/models/transformer.hpp>

namespace grid_study {

template <>
struct Kind<PatchTransformer> {
  static constexpr const char* name = "transformer";
  static PatchTransformerConfig config(const GridSet& set, const GridMapping& m, Index width,
                                       const EdgeBits& bits) {
    PatchTransformerConfig c;
    c.dims = static_cast<int>(set.u.points.size());
    c.inputs = m.inputs(set);
    c.outputs = set.u.n_channels;
    c.width = width > 0 ? width : 64;
    c.layers = 4;
    c.mlp_ratio = 2;
    c.edge_of_net_bits = bits.last;
    c.attention_bits = bits.products;
    return c;
  }
  static Index width(const PatchTransformerConfig& c) { return c.width; }
  static std::vector<std::string> edges() { return {"patch_embed.proj", "head"}; }
};

Model transformer_model() {
  return model_of<PatchTransformer>();
}

}  // namespace grid_study
