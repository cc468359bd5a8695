#include "backends/cpu/simd_target.h"

#include <hwy/highway.h>

#include <atomic>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kFallbackTargets = HWY_SCALAR | HWY_EMU128;

// Without Highway's library there is no detection: the compiler was told the one target.
#ifdef HWY_COMPILE_ONLY_STATIC
std::vector<int64_t> known_targets() { return {HWY_STATIC_TARGET}; }
void allow_targets(int64_t) {}
#else
std::vector<int64_t> known_targets() { return hwy::SupportedAndGeneratedTargets(); }
// 0: all.
void allow_targets(int64_t bits) {
  hwy::SetSupportedTargetsForTest(bits);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}
#endif

int64_t detect_target() {
  const std::vector<int64_t> targets = known_targets();
  return targets.empty() ? HWY_STATIC_TARGET : targets.front();
}

// Detection runs cpuid, which is slow on virtual machines: once, and after a force.
std::atomic<int64_t>& best_target() {
  static std::atomic<int64_t> target = detect_target();
  return target;
}

}  // namespace

std::string simd_target_name() { return hwy::TargetName(best_target().load()); }

std::vector<SimdTarget> simd_targets() {
  std::vector<SimdTarget> targets;
  bool fallback = false;
  for (const int64_t bit : known_targets()) {
    targets.push_back({bit, hwy::TargetName(bit)});
    fallback = fallback || (bit & kFallbackTargets) != 0;
  }
  if (!fallback) targets.push_back({HWY_STATIC_TARGET, hwy::TargetName(HWY_STATIC_TARGET)});
  return targets;
}

void force_simd_target(const SimdTarget* target) {
  allow_targets(target == nullptr ? 0 : target->bit);
  best_target() = detect_target();
}

VectorIsa vector_isa() {
#if HWY_ARCH_X86
  const int64_t best = best_target();
  if (best == HWY_AVX3 || best == HWY_AVX3_DL) return VectorIsa::kAvx512;
  if (best == HWY_AVX2) return VectorIsa::kAvx2;
#endif
  return VectorIsa::kBaseline;
}

}  // namespace assay::backends::cpu
