// expect: amq::Weights<Bits>: Bits is 2, 4, 8 or 16
#include <amq/quant/scheme.hpp>

#ifdef AMQ_COMPILE_FAIL
constexpr int bits = 3;  // would fill no byte evenly
#else
constexpr int bits = 4;
#endif

int main() {
  return amq::Weights<bits>::bits == bits ? 0 : 1;
}
