#pragma once
/// @file
/// The rooms of amq, and which each reads unqualified: those below it, and through them all below
/// those. `namespace amq` itself has no using-directive, so that the names of the front door stay
/// few: what is defined there says of which room its parts are.

namespace amq {

// clang-format off
namespace core {}
namespace simd { using namespace core; }
namespace quant { using namespace core; }
namespace kernels { using namespace quant; }
namespace mesh { using namespace quant; }
namespace ops { using namespace mesh; }
namespace arithmetics { using namespace ops; }
namespace nn { using namespace arithmetics; }
namespace models { using namespace arithmetics; }
namespace allocation { using namespace models; }
namespace io { using namespace arithmetics; }
namespace solver { using namespace allocation; using namespace io; }
namespace training { using namespace solver; }
namespace parallel { using namespace training; }
namespace lab { using namespace parallel; }
// clang-format on

}  // namespace amq
