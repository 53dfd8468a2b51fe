#include "arms.hpp"

#include <amq/models/mp_pde.hpp>

namespace accuracy {
void run_mp_pde(const Run& r, const Problem& p, Executor& executor) {
  MpPdeConfig c;
  c.hidden = r.hidden;
  c.layers = r.layers;
  Arms<MpPde>(r, p, executor, c).run();
}
}  // namespace accuracy
