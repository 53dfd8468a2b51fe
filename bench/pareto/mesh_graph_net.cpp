#include "run.hpp"

#include <amq/models/mesh_graph_net.hpp>

namespace study {
inline void configure(MeshGraphNetConfig& c, const Options& o, const Data& d) {
  c.hidden = o.hidden;
  c.layers = o.layers;
  c.inputs = d.encoding.inputs();
  c.dim = static_cast<Index>(d.encoding.centre.size());
  c.outputs = d.encoding.outputs();
}
void run_mesh_graph_net(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<MeshGraphNet>(plan, o, d, executor);
}
}  // namespace study
