#include "run.hpp"

#include <amq/models/mesh_graph_net.hpp>

namespace study {
void run_mesh_graph_net(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<MeshGraphNet>(plan, o, d, executor);
}
}  // namespace study
