#include "run.hpp"

namespace study {
void run_mp_pde(const Plan& plan, const Options& o, Data& d, Executor& executor) {
  run_arms<MpPde>(plan, o, d, executor);
}
}  // namespace study
