// A network on grids for the C interface's target: its door has the name of that on meshes.
#include "grid_network.hpp"

#include <amq/models/transformer.hpp>

namespace amq::any {
extern const Network grid_network;
const Network grid_network{PatchTransformer::name, &load_one<PatchTransformer>};
}  // namespace amq::any
