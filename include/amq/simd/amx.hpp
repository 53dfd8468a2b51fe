#pragma once
/// @file
/// AMX tiles must be granted by the kernel to the whole process, so the host asks for them, not the
/// library. Until then, and on machines without, the same results come from AVX-512 VNNI.

#include <amq/simd/arch.hpp>

#include <atomic>

#if AMQ_HAS_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace amq::simd {

namespace machine {
inline std::atomic<bool>& amx_flag() noexcept {
  static std::atomic<bool> flag{false};
  return flag;
}
}  // namespace machine

/// May kernels use tiles?
[[nodiscard]] inline bool amx_granted() noexcept {
  return machine::amx_flag().load(std::memory_order_relaxed);
}

/// Asks the kernel for tiles, for this process from now on. @returns whether kernels use them;
/// false too where this build has none.
inline bool request_amx() noexcept {
#if AMQ_HAS_AMX
  if (amx_granted()) return true;
  const machine::Cpuid seven(7, 0);
  constexpr unsigned tile = 1u << 24, int8 = 1u << 25;
  constexpr long request_permission = 0x1023, tile_data = 18;
  if ((seven.d & tile) && (seven.d & int8) &&
      syscall(SYS_arch_prctl, request_permission, tile_data) == 0)
    machine::amx_flag().store(true, std::memory_order_relaxed);
#endif
  return amx_granted();
}

/// Back to AVX-512 VNNI, say for a comparison.
inline void renounce_amx() noexcept {
  machine::amx_flag().store(false, std::memory_order_relaxed);
}

}  // namespace amq::simd
