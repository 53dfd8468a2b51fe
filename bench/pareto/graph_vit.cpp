#include "run.hpp"

#include <amq/models/graph_vit.hpp>

namespace study {
inline void configure(GraphVitConfig& c, const Options& o, const Data& d) {
  configure<GraphVitConfig>(c, o, d);
  c.width = o.width;
  c.blocks = o.blocks;
  c.cluster_size = o.cluster_size;
}
void run_graph_vit(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<GraphVit>(plan, o, d, executor);
}
}  // namespace study
