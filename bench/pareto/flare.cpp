#include "run.hpp"

#include <amq/models/flare.hpp>

namespace study {
inline void configure(FlareConfig& c, const Options& o, const Data& d) {
  configure<FlareConfig>(c, o, d);
  c.heads = o.heads;
  c.tokens = o.tokens;
}
void run_flare(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<Flare>(plan, o, d, executor);
}
}  // namespace study
