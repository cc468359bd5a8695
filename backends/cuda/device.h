// CudaDevice: one GPU. Memory comes from the driver's stream-ordered pool under a byte budget;
// copies go through two pinned buffers of the host, so that filling one overlaps the transfer of
// the other. Loads are copies that also overlap the GPU's other work. Owns its sessions and what
// `allocate` gave until `release`.
//
// Thread-safe. Threads are dealt out over lanes, each with a session of its own (a stream and two
// buffers) that is opened by `bring_up` or first use; so trials of several threads share the GPU.
// An op holds `use()` for as long as it works, and others of its lane wait. Ops add work to their
// lane's stream; nothing waits for the GPU but `download`, `finish`, an upload from outside of an
// op, the making of forms, and the release of another lane's memory. Every op that reads memory
// which threads share must have waited when it returns. So what was uploaded may be used by any
// thread, and so may what an op wrote once the thread that ran it has downloaded or finished; until
// then it is that thread's alone.
//
// Failures of the driver become a Status: resource_exhausted if memory ran out, else device. A GPU
// that was lost fails every later call with the first reason.
#pragma once

#include <atomic>
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
#include "kernels/base/function_ref.h"
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
  // Several lanes keep a GPU busy while some of their threads work on the host.
  static constexpr int32_t kLanes = 4;

  // `info` says what may be planned with; `multiprocessors` >= 1, how many blocks keep it busy;
  // `lanes` >= 1, the memory of whose sessions must be one.
  static std::unique_ptr<CudaDevice> make(Opener open, kernels::DeviceInfo info,
                                          int32_t multiprocessors, int32_t lanes = 1);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  const kernels::DeviceInfo& info() const override { return info_; }
  // Fails: device; resource_exhausted if there is no memory for the buffers of copies.
  Status bring_up() override;
  int32_t lanes() const override { return static_cast<int32_t>(lanes_.size()); }
  // Fails: invalid_argument for `bytes` <= 0; resource_exhausted, with the bytes asked for and
  // free; device.
  Result<void*> allocate(int64_t bytes) override;
  // `address` is null or from `allocate`. Work that the calling thread asked for before may still
  // use it.
  void release(void* address) override;
  // Bytes allocated and not released.
  int64_t held_bytes() const;
  // What of the planned budget nobody holds.
  int64_t free_bytes() const { return info().memory_bytes - held_bytes(); }

  // Keeps others off the calling thread's lane until destroyed.
  class Use;
  [[nodiscard]] Use use() const;
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

  // Copies `bytes` > 0 to the GPU beside the lane's other work (Session::load): fill(piece, offset)
  // writes them piece by piece, at most kStageBytes from `offset` on. Returns when all were
  // written, not when they have arrived.
  // Fails: as fill does; device; resource_exhausted if there is no memory for the buffers of loads.
  using Filler = FunctionRef<Status(std::span<std::byte> piece, int64_t offset)>;
  Status load(void* target, int64_t bytes, Filler fill);
  Status loads_after_work();
  Status work_after_loads();

  // Waits for everything asked for so far.
  Status finish();

 protected:
  // Returns once `bytes` may be changed.
  Status do_upload(void* target, std::span<const std::byte> bytes) override;
  Status do_download(std::span<std::byte> target, const void* source) override;

 private:
  // Released by a thread of another lane, who may not use the session.
  struct Orphan {
    void* address;
    int64_t bytes;  // of the budget
  };
  struct Lane {
    std::recursive_mutex mutex;  // guards all but `orphans`
    int32_t depth = 0;           // how many `Use` there are
    std::unique_ptr<Session> session;
    std::byte* stage[Session::kMarks] = {};
    std::byte* load_stage[Session::kMarks] = {};  // from the first load on
    std::vector<Orphan> orphans;                  // of its memory
  };
  struct Piece {
    int64_t bytes;
    Lane* lane;  // that it is of
  };
  struct KeptForms {
    const uint8_t* bins;
    int64_t row_count;
    int32_t feature_count;
    Forms forms;
  };

  CudaDevice(Opener open, kernels::DeviceInfo info, int32_t multiprocessors, int32_t lanes);
  // The calling thread's.
  Lane& lane() const;
  // Opens the lane's session if need be. Fails also if the GPU was lost.
  Status ready(Lane& lane);
  void close();
  static void unpin_stage(Lane& lane);
  Status check(const Lane& lane, Outcome outcome, std::string_view doing);
  Status start(KernelId kernel, const LaunchShape& shape, const void* params, int64_t bytes);
  Status prepare_stage(Lane& lane, std::byte* (&stages)[Session::kMarks]);
  // The caller has the lane.
  void release_orphans(Lane& lane);
  void release_idle_orphans();
  Forms known_forms(const kernels::BinnedView& bins) const;
  Result<Forms> make_forms(const kernels::BinnedView& bins);
  // Forms that the caller destroys while it holds no lock but its lane's.
  std::vector<KeptForms> drop_forms();

  Opener open_;
  kernels::DeviceInfo info_;
  int32_t multiprocessors_;
  uint64_t number_;                           // no other device of the process has or had it
  mutable std::atomic<uint32_t> threads_{0};  // that have used it
  std::vector<std::unique_ptr<Lane>> lanes_;
  // Locks are taken in this order: a lane's, the one of whoever makes forms, and for a moment that
  // of what follows.
  std::mutex making_forms_;
  mutable std::mutex mutex_;
  std::string lost_;  // why, once lost
  int64_t held_bytes_ = 0;
  std::unordered_map<void*, Piece> pieces_;
  std::vector<KeptForms> kept_forms_;
};

class CudaDevice::Use {
 public:
  explicit Use(Lane& lane) : lock_(lane.mutex), lane_(&lane) { ++lane.depth; }
  ~Use() { --lane_->depth; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  Lane& lane() const { return *lane_; }
  // Whether whoever has it is not within an op.
  bool outermost() const { return lane_->depth == 1; }

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  Lane* lane_;
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
