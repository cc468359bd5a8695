// The module's Driver, on the CUDA run-time (linked statically). Only this file, gpu_cublas.cc and
// gpu_kernels.cu know CUDA.
#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/cuda/gpu_cublas_internal.h"
#include "backends/cuda/gpu_launch_internal.h"

namespace assay::backends::cuda {
namespace {

bool is_lost(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorDeviceUninitialized:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDevicesUnavailable:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

// The memory of a GPU, shared by its sessions. Memory that was released stays with the pool: taking
// it again costs no call to the system.
class Pool {
 public:
  Pool() = default;
  ~Pool() {
    if (pool_ != nullptr) (void)cudaMemPoolDestroy(pool_);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  cudaError_t start(int32_t gpu) {
    cudaMemPoolProps props = {};
    props.allocType = cudaMemAllocationTypePinned;
    props.location.type = cudaMemLocationTypeDevice;
    props.location.id = gpu;
    cudaError_t error = cudaMemPoolCreate(&pool_, &props);
    if (error != cudaSuccess) return error;
    uint64_t keep_all = UINT64_MAX;
    return cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all);
  }
  cudaMemPool_t get() const { return pool_; }

 private:
  cudaMemPool_t pool_ = nullptr;
};

class GpuSession final : public Session {
 public:
  GpuSession(int32_t gpu, std::shared_ptr<Pool> pool) : gpu_(gpu), pool_(std::move(pool)) {}
  ~GpuSession() override {
    (void)cudaSetDevice(gpu_);
    for (cudaStream_t stream : {stream_, loads_}) {
      if (stream != nullptr) (void)cudaStreamSynchronize(stream);
    }
    cublas_.reset();
    for (cudaEvent_t event : events_) {
      if (event != nullptr) (void)cudaEventDestroy(event);
    }
    for (cudaStream_t stream : {stream_, loads_}) {
      if (stream != nullptr) (void)cudaStreamDestroy(stream);
    }
  }

  // Makes streams and events.
  cudaError_t start() {
    cudaError_t error = cudaSetDevice(gpu_);
    for (cudaStream_t* stream : {&stream_, &loads_}) {
      if (error == cudaSuccess) error = cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
    }
    for (cudaEvent_t& event : events_) {
      const unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync;
      if (error == cudaSuccess) error = cudaEventCreateWithFlags(&event, flags);
    }
    return error;
  }

  Outcome allocate(int64_t bytes, void** address) override {
    enter();
    return outcome(
        cudaMallocFromPoolAsync(address, static_cast<size_t>(bytes), pool_->get(), stream_));
  }
  Outcome release(void* address) override {
    enter();
    return outcome(cudaFreeAsync(address, stream_));
  }
  Outcome pin(int64_t bytes, void** address) override {
    enter();
    return outcome(cudaHostAlloc(address, static_cast<size_t>(bytes), cudaHostAllocDefault));
  }
  Outcome unpin(void* address) override {
    enter();
    return outcome(cudaFreeHost(address));
  }
  Outcome fill(void* target, uint8_t value, int64_t bytes) override {
    enter();
    return outcome(cudaMemsetAsync(target, value, static_cast<size_t>(bytes), stream_));
  }
  Outcome copy_in(void* target, const void* pinned, int64_t bytes) override {
    return copy(target, pinned, bytes, cudaMemcpyHostToDevice);
  }
  Outcome copy_out(void* pinned, const void* source, int64_t bytes) override {
    return copy(pinned, source, bytes, cudaMemcpyDeviceToHost);
  }
  Outcome launch(KernelId kernel, const LaunchShape& shape, const void* params,
                 int64_t param_bytes) override {
    enter();
    return outcome(launch_kernel(kernel, shape, params, param_bytes, stream_));
  }
  Outcome gemm(const GemmCall& call) override { return multiply(call); }
  Outcome gemm_narrow(const NarrowGemmCall& call) override { return multiply(call); }
  Outcome mark(int32_t place) override { return record(place, stream_); }
  // Waits for a moment as for what is nearly done, then asleep: the cores are for other trials.
  Outcome await(int32_t place) override {
    enter();
    const auto give_up = std::chrono::steady_clock::now() + kWatch;
    while (std::chrono::steady_clock::now() < give_up) {
      const cudaError_t error = cudaEventQuery(events_[place]);
      if (error != cudaErrorNotReady) return outcome(error);
      std::this_thread::yield();
    }
    return outcome(cudaEventSynchronize(events_[place]));
  }
  Outcome finish() override {
    if (std::exchange(loading_, false)) {
      const Outcome joined = work_after_loads();
      if (joined != Outcome::kOk) return joined;
    }
    const Outcome marked = mark(kFinished);
    return marked == Outcome::kOk ? await(kFinished) : marked;
  }
  const char* message() const override { return message_.c_str(); }

  Outcome load(void* target, const void* pinned, int64_t bytes) override {
    enter();
    loading_ = true;
    return outcome(cudaMemcpyAsync(target, pinned, static_cast<size_t>(bytes),
                                   cudaMemcpyHostToDevice, loads_));
  }
  Outcome loads_after_work() override { return follow(loads_, kWorked, stream_); }
  Outcome work_after_loads() override { return follow(stream_, kLoaded, loads_); }
  Outcome mark_load(int32_t place) override { return record(kLoadMarks + place, loads_); }
  Outcome await_load(int32_t place) override { return await(kLoadMarks + place); }

 private:
  // More than a round of a large tree takes; there are many, and waking up takes a tenth of one.
  static constexpr std::chrono::microseconds kWatch{2000};

  // Events behind those of marks.
  enum : int32_t {
    kFinished = kMarks,
    kWorked,
    kLoaded,
    kLoadMarks,
    kEvents = kLoadMarks + kMarks
  };

  Outcome record(int32_t event, cudaStream_t stream) {
    enter();
    return outcome(cudaEventRecord(events_[event], stream));
  }
  // What `stream` is asked for from now on comes after what `other` was asked for.
  Outcome follow(cudaStream_t stream, int32_t event, cudaStream_t other) {
    const Outcome recorded = record(event, other);
    if (recorded != Outcome::kOk) return recorded;
    return outcome(cudaStreamWaitEvent(stream, events_[event], 0));
  }

  // Threads of the program have a current GPU each.
  void enter() const { (void)cudaSetDevice(gpu_); }

  template <class Call>
  Outcome multiply(const Call& call) {
    enter();
    if (cublas_ == nullptr) cublas_ = std::make_unique<Cublas>();
    message_ = cublas_->gemm(call, stream_);
    return message_.empty() ? Outcome::kOk : Outcome::kFailed;
  }

  Outcome copy(void* target, const void* source, int64_t bytes, cudaMemcpyKind kind) {
    enter();
    return outcome(cudaMemcpyAsync(target, source, static_cast<size_t>(bytes), kind, stream_));
  }

  Outcome outcome(cudaError_t error) {
    if (error == cudaSuccess) return Outcome::kOk;
    message_ = cudaGetErrorString(error);
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();  // it is not sticky
      return Outcome::kNoMemory;
    }
    return is_lost(error) ? Outcome::kLost : Outcome::kFailed;
  }

  int32_t gpu_;
  cudaStream_t stream_ = nullptr;
  cudaStream_t loads_ = nullptr;
  bool loading_ = false;  // since `finish`
  cudaEvent_t events_[kEvents] = {};
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Cublas> cublas_;
  std::string message_;
};

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

class GpuDriver final : public Driver {
 public:
  GpuDriver() {
    int driver_version = 0;
    (void)cudaDriverGetVersion(&driver_version);
    const cudaError_t error = cudaGetDeviceCount(&gpu_count_);
    if (error == cudaSuccess && gpu_count_ > 0) return;
    gpu_count_ = 0;
    if (driver_version == 0) {
      obstacle_ = "no NVIDIA driver is installed (libcuda.so.1 was not found)";
    } else if (error == cudaErrorInsufficientDriver) {
      obstacle_ = "the NVIDIA driver is too old: it has CUDA " + version_text(driver_version) +
                  ", and this build needs " + version_text(CUDART_VERSION);
    } else if (error == cudaErrorNoDevice || error == cudaSuccess) {
      obstacle_ = "there is an NVIDIA driver, but no NVIDIA GPU that this process may use";
    } else {
      obstacle_ = std::string("the NVIDIA driver did not start: ") + cudaGetErrorString(error);
    }
  }

  const char* obstacle() override { return obstacle_.empty() ? nullptr : obstacle_.c_str(); }
  int32_t gpu_count() override { return gpu_count_; }

  // Asking for properties makes no context.
  bool describe(int32_t gpu, GpuFacts* facts) override {
    cudaDeviceProp properties = {};
    const cudaError_t error = cudaGetDeviceProperties(&properties, gpu);
    if (error != cudaSuccess) return refuse(facts, cudaGetErrorString(error));
    std::snprintf(facts->name, sizeof(facts->name), "%s", properties.name);
    facts->memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
    facts->capability_major = properties.major;
    facts->capability_minor = properties.minor;
    facts->multiprocessors = properties.multiProcessorCount;
    constexpr int kLeastMajor = 7;
    constexpr int kLeastMinor = 5;
    if (properties.major < kLeastMajor ||
        (properties.major == kLeastMajor && properties.minor < kLeastMinor)) {
      return refuse(facts, "it is older than sm_75, which CUDA 13 cannot compile for");
    }
    return true;
  }

  Session* open(int32_t gpu, GpuFacts* facts) override {
    if (!describe(gpu, facts)) return nullptr;
    std::shared_ptr<Pool> pool;
    cudaError_t error = pool_of(gpu, pool);
    if (error != cudaSuccess) {
      refuse(facts, cudaGetErrorString(error));
      return nullptr;
    }
    auto session = std::make_unique<GpuSession>(gpu, std::move(pool));
    error = session->start();
    if (error == cudaSuccess) return session.release();
    refuse(facts, cudaGetErrorString(error));
    return nullptr;
  }

 private:
  static bool refuse(GpuFacts* facts, const char* why) {
    std::snprintf(facts->problem, sizeof(facts->problem), "%s", why);
    return false;
  }

  // Lives as long as a session of the GPU.
  cudaError_t pool_of(int32_t gpu, std::shared_ptr<Pool>& pool) {
    const std::lock_guard lock(mutex_);
    pools_.resize(static_cast<size_t>(gpu_count_));
    std::weak_ptr<Pool>& known = pools_[static_cast<size_t>(gpu)];
    pool = known.lock();
    if (pool != nullptr) return cudaSuccess;
    pool = std::make_shared<Pool>();
    const cudaError_t error = pool->start(gpu);
    if (error == cudaSuccess) known = pool;
    return error;
  }

  int gpu_count_ = 0;
  std::string obstacle_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<Pool>> pools_;  // [GPUs]
};

}  // namespace
}  // namespace assay::backends::cuda

extern "C" __attribute__((visibility("default"))) assay::backends::cuda::Driver* assay_cuda_driver(
    int32_t version) {
  if (version != assay::backends::cuda::kDriverVersion) return nullptr;
  static assay::backends::cuda::GpuDriver driver;
  return &driver;
}
