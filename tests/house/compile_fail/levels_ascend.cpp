// expect: list the bit-widths in ascending order, each once
#include <amq/quant/levels.hpp>

#ifdef AMQ_COMPILE_FAIL
using Ladder = amq::quant::Levels<2, 8, 4>;
#else
using Ladder = amq::quant::Levels<2, 4, 8>;
#endif

int main() {
  return Ladder::count == 3 ? 0 : 1;
}
