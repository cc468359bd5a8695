// A card as a Device: memory, and a way to run kernels on it. A device address is where the
// buffer's host side is mapped in this process: what the host's part of an op may read and write,
// while kernels see what was sent to the card. Sending is put off until a kernel reads the buffer.
// The worker that owns the card is started by `bring_up` or first use, and once more after it has
// died: the batch that was under way then fails, others find that what they had left on the card is
// gone (CardLease), and buffers are sent again. Thread-safe; batches of several threads follow one
// another.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/xrt/arena.h"
#include "backends/xrt/worker_client.h"
#include "kernels/device.h"

namespace assay::backends::xrt {

struct CardLease;

// The kernels that ops use, in the order of kSignatures.
enum class CardKernel : uint32_t {
  kTreeHistogram,
  kSplitScan,
  kPredictTrees,
  kGemm,
  kGemmBf16,
  kGemmInt8,
  kKnnTopk
};

class XrtDevice final : public kernels::Device {
 public:
  // `memory_bytes`: what may be planned with.
  // Fails: resource_exhausted if the system refuses that much address space.
  static Result<std::unique_ptr<XrtDevice>> open(WorkerSpec spec, std::string name, bool emulated,
                                                 int64_t memory_bytes);
  ~XrtDevice() override;

  // A card's name and memory are known once it was brought up.
  const kernels::DeviceInfo& info() const override { return info_; }
  // Fails: device if the worker cannot be started or the xclbin lacks a kernel.
  Status bring_up() override;
  Result<void*> allocate(int64_t bytes) override;
  void release(void* address) override;
  int64_t held_bytes() const;

  // Brings the card up, for an op whose kernels find on it what others of its kernels left there.
  // Fails: device.
  Result<CardLease> lease();
  // The process that owns the card now; -1 if there is none.
  pid_t worker_process() const;
  // How often a kernel was started since the device was opened.
  int64_t run_count(CardKernel kernel) const;
  // How far into its buffer an address is; nothing if it is in none.
  std::optional<int64_t> offset_in_buffer(const void* address) const;

 protected:
  Status do_upload(void* target, std::span<const std::byte> bytes) override;
  Status do_download(std::span<std::byte> target, const void* source) override;
  bool copies_at_once() const override { return false; }

 private:
  friend class Batch;
  // A buffer on the card: there is one for each memory group that a kernel wanted it in.
  struct Copy {
    uint64_t number = 0;
    bool current = false;  // it holds what the host's side does
  };
  struct Buffer {
    int64_t bytes = 0;
    std::map<int32_t, Copy> copies;  // by memory group
  };
  XrtDevice() = default;
  Status start_locked();
  Status check_kernels();
  // The buffer that an address is in, with its offset in the arena.
  std::pair<const int64_t, Buffer>* find(const void* address);
  Result<Copy*> copy_of(std::pair<const int64_t, Buffer>& buffer, int32_t group);
  void drop_copies();

  kernels::DeviceInfo info_;
  bool named_ = false;  // by the card
  WorkerSpec spec_;
  mutable std::mutex mutex_;
  Arena arena_;
  std::map<int64_t, Buffer> buffers_;  // by offset in the arena
  std::unique_ptr<WorkerClient> client_;
  int64_t generation_ = 0;
  std::vector<uint32_t> kernels_;  // of each CardKernel: its number on the card
  std::vector<int64_t> run_counts_;
};

// What an op counts on between its batches: that the card is still the one on which its kernels
// have left something. `lost` tells, after a batch has failed, that the card was started anew
// because of somebody else: the op may begin again.
struct CardLease {
  XrtDevice* device = nullptr;
  int64_t generation = 0;
  bool lost = false;
};

// Kernel runs and copies, made in one go. Addresses of buffers are those at which they begin.
class Batch {
 public:
  // With a lease it fails where what kernels left on the card is gone. `stop` and `lease` may be
  // null.
  Batch(XrtDevice& device, const StopToken* stop, CardLease* lease = nullptr)
      : device_(device), stop_(stop), lease_(lease) {}

  // An argument of a kernel.
  struct Arg {
    const void* buffer = nullptr;  // or a scalar:
    uint32_t bytes = 0;
    uint64_t value = 0;
    bool whole = true;  // of a buffer: it is sent first if the card's copy is not current
    static Arg in(const void* address) { return {address, 0, 0, true}; }
    // A buffer that the op sends by parts, or that kernels write first.
    static Arg as_is(const void* address) { return {address, 0, 0, false}; }
    static Arg of(int32_t value) { return scalar(value); }
    static Arg of(int64_t value) { return scalar(value); }
    static Arg of(float value) { return scalar(value); }

   private:
    template <class T>
    static Arg scalar(T value) {
      Arg arg;
      arg.bytes = sizeof(T);
      __builtin_memcpy(&arg.value, &value, sizeof(T));
      return arg;
    }
  };
  // Starts a kernel as run `run`, which is waited for first if it is under way.
  void start(CardKernel kernel, uint32_t run, std::vector<Arg> args);
  void wait(uint32_t run);
  // Sends, or brings back, bytes [offset, offset + bytes) of the buffer that is argument `arg` of
  // `kernel`.
  void send(CardKernel kernel, int32_t arg, const void* buffer, int64_t offset, int64_t bytes);
  void fetch(CardKernel kernel, int32_t arg, const void* buffer, int64_t offset, int64_t bytes);
  // Sends a part of a buffer that kernels take `as_is`, if the card's copy is not current; with the
  // `last` of its parts it is. What kernels have started meanwhile goes on.
  void send_part(CardKernel kernel, int32_t arg, const void* buffer, int64_t offset, int64_t bytes,
                 bool last);
  // Makes all of it, and waits. Between runs of kernels, a few at a time, it looks at the stop
  // token. Fails: device; resource_exhausted if the card has no room for a buffer; cancelled, and
  // then nothing is running.
  Status run();

 private:
  struct Item {
    StepKind kind = StepKind::kStart;
    CardKernel kernel = CardKernel::kTreeHistogram;
    uint32_t run = 0;
    int32_t arg = 0;
    const void* buffer = nullptr;
    int64_t offset = 0;
    int64_t bytes = 0;
    std::vector<Arg> args;
    bool part = false;  // what send_part sends
    bool last = false;
  };
  Status add_start(const Item& item);
  Status add_copy(const Item& item);
  Result<XrtDevice::Copy*> placed(const void* address, CardKernel kernel, int32_t arg,
                                  int64_t& bytes);
  Step& new_step(StepKind kind);
  // The end of the steps from `begin` on that the worker gets at once.
  size_t request_end(size_t begin) const;
  // Tells of the steps that were made.
  void count_steps(std::span<const Step> steps);

  XrtDevice& device_;
  const StopToken* stop_;
  CardLease* lease_;
  std::vector<Item> items_;
  std::vector<Step> steps_;
};

}  // namespace assay::backends::xrt
