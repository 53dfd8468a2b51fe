#include "run.hpp"

namespace study {
void run_graph_vit(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<GraphVit>(plan, o, d, executor);
}
}  // namespace study
