// The SIMD target that the CPU ops run with: the best one that this processor supports, chosen at
// run time, or one that a test forces. Process-wide.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay::backends::cpu {

// "AVX3", "AVX2", "SSE4", "SSSE3", "EMU128" or "SCALAR": what ops use now.
std::string simd_target_name();

// One target that ops were compiled for and this processor supports.
struct SimdTarget {
  int64_t bit = 0;  // Highway's number
  std::string name;
};

// Best first; the last is plain C++ without SIMD instructions.
std::vector<SimdTarget> simd_targets();

// Makes every op use `target` until the next call, or the best again if null. For tests; no op may
// be running.
void force_simd_target(const SimdTarget* target);

// Whether ops may use AVX2 and FMA, or AVX-512: as cpuid says and `force_simd_target` allows.
enum class VectorIsa { kBaseline, kAvx2, kAvx512 };
VectorIsa vector_isa();

}  // namespace assay::backends::cpu
