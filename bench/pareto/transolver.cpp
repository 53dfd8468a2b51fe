#include "run.hpp"

#include <amq/models/transolver.hpp>

namespace study {
inline void configure(TransolverConfig& c, const Options& o, const Data& d) {
  configure<TransolverConfig>(c, o, d);
  c.heads = o.heads;
  c.tokens = o.tokens;
}
void run_transolver(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<Transolver>(plan, o, d, executor);
}
}  // namespace study
