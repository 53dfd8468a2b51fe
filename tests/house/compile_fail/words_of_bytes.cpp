// expect: words between products become codes by range, of at most 8 bits
#include <amq/quant/scheme.hpp>

#ifdef AMQ_COMPILE_FAIL
using Rows = amq::Activations<8, 16>;
#else
using Rows = amq::Activations<4, 8>;
#endif

int main() {
  return amq::Scheme<amq::Weights<8>, amq::InWords<Rows>>::weight_bits - 8;
}
