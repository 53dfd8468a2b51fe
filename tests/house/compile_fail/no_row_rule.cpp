// expect: row_rule
#include <amq/quant/scheme.hpp>

#ifdef AMQ_COMPILE_FAIL
struct Rule {};  // says nothing of steps
#else
using Rule = amq::RowMinMax;
#endif

int main() {
  return amq::Scheme<amq::Weights<8>, amq::Activations<4>, Rule>::weight_bits - 8;
}
