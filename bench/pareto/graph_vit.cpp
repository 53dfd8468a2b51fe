#include "run.hpp"

#include <amq/models/graph_vit.hpp>

namespace study {
inline void configure(GraphVitConfig& c, const Options& o, const Data& d) {
  c.hidden = o.hidden;
  c.width = o.width;
  c.layers = o.layers;
  c.blocks = o.blocks;
  c.cluster_size = o.cluster_size;
  c.inputs = d.encoding.inputs();
  c.dim = static_cast<Index>(d.encoding.centre.size());
  c.outputs = d.encoding.outputs();
}
void run_graph_vit(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<GraphVit>(plan, o, d, executor);
}
}  // namespace study
