#include "arms.hpp"

#include <amq/models/transolver.hpp>

namespace accuracy {
void run_transolver(const Run& r, const Problem& p, Executor& executor) {
  TransolverConfig c;
  c.hidden = r.hidden;
  c.layers = r.layers;
  Arms<Transolver>(r, p, executor, c).run();
}
}  // namespace accuracy
