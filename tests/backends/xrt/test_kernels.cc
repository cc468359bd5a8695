// Kernels for the tests of the worker and the emulation: a good one, and some that misbehave.
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "backends/xrt/emulation/kernel_table.h"

extern "C" {

// sum[i] = scale * a[i] + b[i] + shift + small, for every kind of argument there is.
void add_arrays(const float* a, const float* b, float* sum, int64_t count, float scale,
                double shift, int32_t small) {
  for (int64_t i = 0; i < count; ++i) {
    sum[i] = scale * a[i] + b[i] + static_cast<float>(shift) + static_cast<float>(small);
  }
}

// Writes at a byte that may be anywhere.
void write_at(uint8_t* target, int64_t byte) { target[byte] = 1; }

// Writes at an address that an earlier run has left there.
void write_kept(uint64_t* place, int32_t keep) {
  static uint64_t* kept = nullptr;
  if (keep != 0) {
    kept = place;
  } else {
    *kept = 1;
  }
}

// Ends when both of its units run, and says so; or after a minute, which no machine needs to start
// a second kernel.
void meet(int32_t* met, int32_t reserved) {
  static std::atomic<int> here{0};
  (void)reserved;
  ++here;
  for (int tries = 0; here < 2 && tries < 60'000; ++tries) usleep(1000);
  *met = here;
}

// Never ends.
void never_end(const uint8_t* unused, int32_t also_unused) {
  (void)unused;
  (void)also_unused;
  while (true) pause();
}

}  // extern "C"

namespace emulation = assay::backends::xrt::emulation;

extern "C" const emulation::EmulatedKernel* assay_emulated_kernels(int32_t* count) {
  static const emulation::EmulatedKernel kernels[] = {
      emulation::describe<add_arrays>("add_arrays", "a b sum count scale shift small", 2),
      emulation::describe<write_at>("write_at", "target byte", 1),
      emulation::describe<write_kept>("write_kept", "place keep", 1),
      emulation::describe<meet>("meet", "met reserved", 2),
      emulation::describe<never_end>("never_end", "unused also_unused", 1),
  };
  *count = 5;
  return kernels;
}
