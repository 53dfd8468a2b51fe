// expect: amq::Scheme: a row rule is a struct of static members
#include <amq/quant/scheme.hpp>

#ifdef AMQ_COMPILE_FAIL
struct Rule {};  // says nothing of steps
#else
using Rule = amq::ByRange;
#endif

int main() {
  return amq::Scheme<amq::Weights<8>, amq::Activations<4>, Rule>::weight_bits - 8;
}
