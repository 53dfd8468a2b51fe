#include "arms.hpp"

#include <amq/models/graph_vit.hpp>

namespace accuracy {
void run_graph_vit(const Run& r, const Problem& p, Executor& executor) {
  GraphVitConfig c;
  c.hidden = r.hidden;
  c.layers = r.layers;
  c.width = 2 * r.hidden;
  Arms<GraphVit>(r, p, executor, c).run();
}
}  // namespace accuracy
