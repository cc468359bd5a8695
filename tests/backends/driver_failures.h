// Every call of the driver failing once, for tests of the CUDA backend.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "backends/cuda/device.h"
#include "kernels/base/function_ref.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::backends::cuda {

// Whatever call of the driver fails, `run` says so, and nothing stays behind. The GPU has
// `memory_bytes`.
inline void check_driver_failures(int64_t memory_bytes,
                                  FunctionRef<Status(kernels::Device& device)> run) {
  for (const Outcome failure : {Outcome::kFailed, Outcome::kNoMemory, Outcome::kLost}) {
    int64_t failed = 0;
    for (int64_t call = 0;; ++call) {
      conformance::EmulatedGpu gpu = conformance::open_emulated_gpu(memory_bytes);
      conformance::EmulationLog& log = gpu.driver->log();
      log.failure = failure;
      log.fail_at = log.calls + call;
      const Status status = run(*gpu.device);
      EXPECT_EQ(static_cast<CudaDevice&>(*gpu.device).held_bytes(), 0);
      const bool reached = log.calls > log.fail_at;
      if (!status) {
        ++failed;
        EXPECT_EQ(status.error().code, failure == Outcome::kNoMemory
                                           ? StatusCode::kResourceExhausted
                                           : StatusCode::kDevice);
        EXPECT_NE(status.error().message.find("planted failure"), std::string::npos);
      }
      gpu.device.reset();
      EXPECT_EQ(log.live_allocations, 0);
      EXPECT_EQ(log.live_pins, 0);
      if (!reached) break;
    }
    EXPECT_GT(failed, 30);
  }
}

}  // namespace assay::backends::cuda
