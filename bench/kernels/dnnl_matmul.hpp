#pragma once
// oneDNN's matmul, its weights packed as it likes them, for use as a rival.

#include <dnnl.hpp>

#include <string>
#include <unordered_map>

namespace rival {

inline dnnl::engine& engine() {
  static dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}
inline dnnl::stream& stream() {
  static dnnl::stream s(engine());
  return s;
}
/// What it really runs on: ONEDNN_MAX_CPU_ISA limits it.
inline std::string isa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_amx:
      return "amx";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_bf16";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    default:
      return "other";
  }
}

/// y (m, n) = x (m, k) w (n, k)^T; with `finish`: a scale per channel, a bias, relu, to float.
class Matmul {
 public:
  using Type = dnnl::memory::data_type;
  Matmul(long m, long n, long k, Type in, Type weights, Type out, void* x, const void* w, void* y,
         bool finish = false, const std::vector<float>& scales = {}, float* bias = nullptr) {
    using dnnl::memory;
    const memory::desc xd({m, k}, in, memory::format_tag::ab),
        any({k, n}, weights, memory::format_tag::any),
        plain({k, n}, weights, memory::format_tag::ba), yd({m, n}, out, memory::format_tag::ab),
        bd({1, n}, Type::f32, memory::format_tag::ab);
    dnnl::primitive_attr attr;
    if (finish) {
      if (!scales.empty()) attr.set_output_scales(2, scales);
      dnnl::post_ops ops;
      ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
      attr.set_post_ops(ops);
    }
    const auto desc =
        finish ? dnnl::matmul::desc(xd, any, bd, yd) : dnnl::matmul::desc(xd, any, yd);
    const dnnl::matmul::primitive_desc pd(desc, attr, engine());
    memory packed(pd.weights_desc(), engine());
    memory from(plain, engine(), const_cast<void*>(w));
    dnnl::reorder(from, packed).execute(stream(), from, packed);
    stream().wait();
    args_ = {{DNNL_ARG_SRC, memory(xd, engine(), x)},
             {DNNL_ARG_WEIGHTS, packed},
             {DNNL_ARG_DST, memory(yd, engine(), y)}};
    if (finish) args_.insert({DNNL_ARG_BIAS, memory(bd, engine(), bias)});
    run_ = dnnl::matmul(pd);
  }
  void operator()() {
    run_.execute(stream(), args_);
    stream().wait();
  }

 private:
  dnnl::matmul run_;
  std::unordered_map<int, dnnl::memory> args_;
};

}  // namespace rival
