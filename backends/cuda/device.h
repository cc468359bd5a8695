// CudaDevice: one GPU, whose session is opened by `bring_up` or first use. Memory comes from the
// driver's stream-ordered pool under a byte budget; copies go through two pinned buffers of the
// host, so that filling one overlaps the transfer of the other. Ops add work to the device's one
// stream; nothing waits for the GPU but `download` and `finish`. Owns the session and what
// `allocate` gave until `release`. Thread-safe: an op holds `use()` for as long as it works, and
// others wait.
//
// Failures of the driver become a Status: resource_exhausted if memory ran out, else device. A GPU
// that was lost fails every later call with the first reason.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/cuda/driver.h"
#include "backends/cuda/kernel_list.h"
#include "backends/cuda/table_forms.h"
#include "kernels/binned_view.h"
#include "kernels/device.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

class CudaDevice final : public kernels::Device {
 public:
  // Bytes of a pinned buffer.
  static constexpr int64_t kStageBytes = int64_t{4} << 20;

  // Opens a session, or gives null and says why.
  using Opener = std::function<std::unique_ptr<Session>(std::string& why)>;
  // `info` says what may be planned with; `multiprocessors` >= 1, how many blocks keep it busy.
  static std::unique_ptr<CudaDevice> make(Opener open, kernels::DeviceInfo info,
                                          int32_t multiprocessors);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  const kernels::DeviceInfo& info() const override { return info_; }
  // Fails: device; resource_exhausted if there is no memory for the buffers of copies.
  Status bring_up() override;
  // Fails: invalid_argument for `bytes` <= 0; resource_exhausted, with the bytes asked for and
  // free; device.
  Result<void*> allocate(int64_t bytes) override;
  // `address` is null or from `allocate`. Work that was asked for before may still use it.
  void release(void* address) override;
  // Bytes allocated and not released.
  int64_t held_bytes() const;

  // Keeps others off the device until destroyed.
  [[nodiscard]] std::unique_lock<std::recursive_mutex> use() const {
    return std::unique_lock(mutex_);
  }
  // Each adds work to the stream. Fails: device, resource_exhausted.
  Status fill(void* target, uint8_t value, int64_t bytes);
  // A launch of no blocks does nothing.
  template <class Kernel>
  Status launch(LaunchShape shape, const typename Kernel::Params& params);
  Status gemm(const GemmCall& call);
  Status gemm_narrow(const NarrowGemmCall& call);
  int32_t multiprocessors() const { return multiprocessors_; }

  // The forms of a table whose bins are on this device: made when a table is first asked for, and
  // kept until its bins are released or written, or memory runs short. Null if there is no room.
  using Forms = std::shared_ptr<const TableForms>;
  Result<Forms> forms_of(const kernels::BinnedView& bins);
  // To be called by whoever launches a kernel that writes bins.
  void bins_written(const void* bins, int64_t bytes);

  // Waits for everything asked for so far.
  Status finish();

 protected:
  // Returns once `bytes` may be changed.
  Status do_upload(void* target, std::span<const std::byte> bytes) override;
  Status do_download(std::span<std::byte> target, const void* source) override;

 private:
  CudaDevice(Opener open, kernels::DeviceInfo info, int32_t multiprocessors);
  // Opens the session if need be. Fails also if the GPU was lost.
  Status ready();
  void close();
  Status check(Outcome outcome, std::string_view doing);
  Status start(KernelId kernel, const LaunchShape& shape, const void* params, int64_t bytes);
  Status prepare_stage();

  Opener open_;
  std::unique_ptr<Session> session_;
  kernels::DeviceInfo info_;
  int32_t multiprocessors_;
  mutable std::recursive_mutex mutex_;
  std::string lost_;  // why, once lost
  int64_t held_bytes_ = 0;
  std::unordered_map<void*, int64_t> sizes_;
  std::byte* stage_[Session::kMarks] = {};
  struct KeptForms {
    const uint8_t* bins;
    int64_t row_count;
    int32_t feature_count;
    Forms forms;
  };
  std::vector<KeptForms> kept_forms_;
};

template <class Kernel>
Status CudaDevice::launch(LaunchShape shape, const typename Kernel::Params& params) {
  if (shape.blocks_x == 0 || shape.blocks_y == 0) return {};
  return start(id_of<Kernel>(), shape, &params, sizeof(params));
}

// The device of an op, which runs on kind "cuda" only.
inline CudaDevice& device_of(const kernels::OpContext& context) {
  return static_cast<CudaDevice&>(*context.device);
}

}  // namespace assay::backends::cuda
