// Driver: what the CUDA backend asks of a machine's GPUs. The module (gpu_driver.cc) implements it
// on the CUDA run-time; tests have an emulation in the host's memory. The backend itself, a part of
// the program, includes nothing of CUDA.
//
// Everything crosses between the program and the module as plain data and virtual calls. Failures
// are an Outcome; `message` then says more. No call throws.
#pragma once

#include <cstdint>

namespace assay::backends::cuda {

enum class KernelId : int32_t;  // see kernel_list.h

// Both sides must have been built with the same number. It counts changes of this header and of
// the kernels' parameters.
inline constexpr int32_t kDriverVersion = 13;

enum class Outcome : int32_t {
  kOk,
  kNoMemory,
  kLost,    // the GPU or its context is gone: nothing works on this session any more
  kFailed,  // anything else
};

struct GpuFacts {
  char name[256] = {};
  int64_t memory_bytes = 0;
  int32_t capability_major = 0;  // "compute capability" 9.0 is sm_90
  int32_t capability_minor = 0;
  int32_t multiprocessors = 0;
  char problem[256] = {};  // why it cannot be used
};

struct LaunchShape {
  int64_t blocks_x = 1;      // 1..2^31 - 1
  int64_t blocks_y = 1;      // 1..65535
  int32_t shared_bytes = 0;  // 0..64 KiB
};

// C = alpha * op(A) * op(B) + beta * C in f32, column-major, as BLAS has it: op(A) is [m, k].
struct GemmCall {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transpose_a = false;
  bool transpose_b = false;
  bool tf32 = false;  // products of numbers cut to tf32, where the GPU has that
  float alpha = 1;
  float beta = 0;
  const float* a = nullptr;
  int64_t a_stride = 0;  // between columns, in elements
  const float* b = nullptr;
  int64_t b_stride = 0;
  float* c = nullptr;
  int64_t c_stride = 0;
};

// C = op(A) * B of narrow numbers, column-major: op(A) is [m, k].
//   kBf16  A and B bfloat16, C f32, summed in f32 in any order
//   kInt8  A and B int8, C int32; only with transpose_a, m, k and the strides multiples of 4
// Addresses are multiples of 16.
struct NarrowGemmCall {
  enum Kind : int32_t { kBf16, kInt8 };
  Kind kind = kBf16;
  bool transpose_a = false;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  const void* a = nullptr;
  int64_t a_stride = 0;  // between columns, in elements
  const void* b = nullptr;
  int64_t b_stride = 0;
  void* c = nullptr;
  int64_t c_stride = 0;
};

// One GPU with one stream, and another for loads: operations run in the order of the calls, after
// the calls have returned, until `await` or `finish`. Memory that is released may still be used by
// what was asked for before. One caller at a time. Sessions of a GPU work side by side, and each
// may use the others' memory.
class Session {
 public:
  static constexpr int32_t kMarks = 2;

  virtual ~Session() = default;
  // Memory of the GPU, aligned to 256 bytes.
  virtual Outcome allocate(int64_t bytes, void** address) = 0;
  virtual Outcome release(void* address) = 0;
  // Memory of the host that copies go through.
  virtual Outcome pin(int64_t bytes, void** address) = 0;
  virtual Outcome unpin(void* address) = 0;

  virtual Outcome fill(void* target, uint8_t value, int64_t bytes) = 0;
  virtual Outcome copy_in(void* target, const void* pinned, int64_t bytes) = 0;
  virtual Outcome copy_out(void* pinned, const void* source, int64_t bytes) = 0;
  // `params` are those of the kernel (kernel_list.h), copied by the call.
  virtual Outcome launch(KernelId kernel, const LaunchShape& shape, const void* params,
                         int64_t param_bytes) = 0;
  virtual Outcome gemm(const GemmCall& call) = 0;

  // Marks what was asked for so far, in one of kMarks places; `await` returns once all that was
  // before the place's last mark is done.
  virtual Outcome mark(int32_t place) = 0;
  virtual Outcome await(int32_t place) = 0;
  // Returns once everything is done.
  virtual Outcome finish() = 0;

  // Of the last outcome that was not kOk.
  virtual const char* message() const = 0;

  virtual Outcome gemm_narrow(const NarrowGemmCall& call) = 0;

  // Loads are copies to the GPU that run beside all other operations, in their own order, so that
  // data arrive while the GPU works. What one side may only do after the other has to be said:
  // loads asked for from now on come after all other operations asked for so far, or the other way
  // round.
  virtual Outcome load(void* target, const void* pinned, int64_t bytes) = 0;
  virtual Outcome loads_after_work() = 0;
  virtual Outcome work_after_loads() = 0;
  // As mark and await, of loads, with places of their own. `finish` waits for loads too.
  virtual Outcome mark_load(int32_t place) = 0;
  virtual Outcome await_load(int32_t place) = 0;
};

// Thread-safe.
class Driver {
 public:
  virtual ~Driver() = default;
  // Why no GPU can be used ("no NVIDIA driver is installed"), or null.
  virtual const char* obstacle() = 0;
  virtual int32_t gpu_count() = 0;
  // What can be known of a GPU, `gpu` in [0, gpu_count), without using it. False if it cannot be
  // used, and facts->problem says why.
  virtual bool describe(int32_t gpu, GpuFacts* facts) = 0;
  // Null if it cannot be opened, and facts->problem says why. To be deleted by the caller.
  virtual Session* open(int32_t gpu, GpuFacts* facts) = 0;
};

// The module's one symbol: a function that gives its Driver, which lives as long as the process,
// or null if the module was built for another kDriverVersion.
using DriverEntry = Driver* (*)(int32_t version);
inline constexpr char kDriverEntry[] = "assay_cuda_driver";

}  // namespace assay::backends::cuda
