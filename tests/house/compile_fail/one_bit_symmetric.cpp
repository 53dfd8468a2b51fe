// expect: a symmetric row has nothing but zero at 1 bit
#include <amq/quant/scheme.hpp>

#ifdef AMQ_COMPILE_FAIL
using Rows = amq::Activations<1, 4>;
#else
using Rows = amq::Activations<2, 4>;
#endif

int main() {
  return amq::Scheme<amq::Weights<8>, Rows, amq::quant::RowSymmetric>::weight_bits - 8;
}
