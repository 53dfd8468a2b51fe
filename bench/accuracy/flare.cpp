#include "arms.hpp"

#include <amq/models/flare.hpp>

namespace accuracy {
void run_flare(const Run& r, const Problem& p, Executor& executor) {
  FlareConfig c;
  c.hidden = r.hidden;
  c.layers = r.layers;
  c.tokens = 32;
  c.inner = 1;
  Arms<Flare>(r, p, executor, c).run();
}
}  // namespace accuracy
