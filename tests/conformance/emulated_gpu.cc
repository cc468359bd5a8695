#include "tests/conformance/emulated_gpu.h"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/kernel_list.h"
#include "tests/conformance/emulated_block.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define ASSAY_POISON(address, bytes) ASAN_POISON_MEMORY_REGION(address, bytes)
#define ASSAY_UNPOISON(address, bytes) ASAN_UNPOISON_MEMORY_REGION(address, bytes)
#else
#define ASSAY_POISON(address, bytes) (void)0
#define ASSAY_UNPOISON(address, bytes) (void)0
#endif

namespace assay::conformance {
namespace {

using backends::cuda::GemmCall;
using backends::cuda::GpuFacts;
using backends::cuda::KernelId;
using backends::cuda::LaunchShape;
using backends::cuda::NarrowGemmCall;
using backends::cuda::Outcome;
using backends::cuda::Session;

constexpr int64_t kAlignment = 256;
constexpr uint8_t kGarbage = 0xDB;

int64_t rounded(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// The memory of a GPU: one mapping, pieces of it by address.
class Arena {
 public:
  explicit Arena(int64_t bytes) : bytes_(rounded(bytes)) {
    void* mapped = mmap(nullptr, static_cast<size_t>(bytes_), PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    begin_ = mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
    if (begin_ == nullptr) return;
    ASSAY_POISON(begin_, static_cast<size_t>(bytes_));
  }
  ~Arena() {
    if (begin_ == nullptr) return;
    ASSAY_UNPOISON(begin_, static_cast<size_t>(bytes_));
    munmap(begin_, static_cast<size_t>(bytes_));
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  bool mapped() const { return begin_ != nullptr; }
  void open(bool accessible) {
    mprotect(begin_, static_cast<size_t>(bytes_), accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
  // The first gap that is large enough, a redzone behind it; or null.
  void* take(int64_t bytes) {
    const int64_t size = rounded(bytes) + kAlignment;
    int64_t at = 0;
    for (const auto& [offset, piece] : pieces_) {
      if (offset - at >= size) break;
      at = offset + piece.size;
    }
    if (bytes_ - at < size) return nullptr;
    pieces_.emplace(at, Piece{size, bytes});
    ASSAY_UNPOISON(begin_ + at, static_cast<size_t>(bytes));
    return begin_ + at;
  }
  // Whether the address was taken.
  bool give_back(const void* address) {
    const auto found = pieces_.find(static_cast<const std::byte*>(address) - begin_);
    if (found == pieces_.end()) return false;
    ASSAY_POISON(begin_ + found->first, static_cast<size_t>(found->second.bytes));
    pieces_.erase(found);
    return true;
  }
  // Whether [address, address + bytes) lies in one piece.
  bool holds(const void* address, int64_t bytes) const {
    const int64_t offset = static_cast<const std::byte*>(address) - begin_;
    auto after = pieces_.upper_bound(offset);
    if (after == pieces_.begin()) return false;
    --after;
    return offset + bytes <= after->first + after->second.bytes;
  }

 private:
  struct Piece {
    int64_t size;   // with the redzone
    int64_t bytes;  // asked for
  };
  int64_t bytes_;
  std::byte* begin_ = nullptr;
  std::map<int64_t, Piece> pieces_;
};

// What tensor cores read of a number: 10 bits of its fraction.
float tf32_of(float number) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(number) & ~uint32_t{0x1fff});
}

// Column-major, as BLAS has it, summed in doubles.
void multiply(const GemmCall& call) {
  const auto read = [&](float number) { return double{call.tf32 ? tf32_of(number) : number}; };
  for (int64_t i = 0; i < call.m; ++i) {
    for (int64_t j = 0; j < call.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < call.k; ++l) {
        const float a =
            call.transpose_a ? call.a[l + i * call.a_stride] : call.a[i + l * call.a_stride];
        const float b =
            call.transpose_b ? call.b[j + l * call.b_stride] : call.b[l + j * call.b_stride];
        sum += read(a) * read(b);
      }
      float& c = call.c[i + j * call.c_stride];
      const double old = call.beta == 0 ? 0 : double{call.beta} * double{c};
      c = static_cast<float>(double{call.alpha} * sum + old);
    }
  }
}

// The sum of products a[i] * b[j] of columns, in doubles: exact for int8, and for bfloat16 some
// order that is not ascending.
template <class Number, class Sum>
void multiply_narrow(const NarrowGemmCall& call, Sum (*widened)(Number)) {
  const auto* a = static_cast<const Number*>(call.a);
  const auto* b = static_cast<const Number*>(call.b);
  auto* c = static_cast<Sum*>(call.c);
  for (int64_t i = 0; i < call.m; ++i) {
    for (int64_t j = 0; j < call.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < call.k; ++l) {
        const Number left = call.transpose_a ? a[l + i * call.a_stride] : a[i + l * call.a_stride];
        sum += static_cast<double>(widened(left)) *
               static_cast<double>(widened(b[l + j * call.b_stride]));
      }
      c[i + j * call.c_stride] = static_cast<Sum>(sum);
    }
  }
}

void multiply(const NarrowGemmCall& call) {
  if (call.kind == NarrowGemmCall::kInt8) {
    multiply_narrow<int8_t, int32_t>(call, [](int8_t number) { return int32_t{number}; });
  } else {
    multiply_narrow<uint16_t, float>(call, [](uint16_t bits) {
      return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
    });
  }
}

// What cuBLAS says of such a call.
bool takes(const NarrowGemmCall& call) {
  constexpr uintptr_t kMultiple = 16;
  const int64_t left_rows = call.transpose_a ? call.k : call.m;
  bool fits = call.m > 0 && call.n > 0 && call.k > 0 && call.a_stride >= left_rows &&
              call.b_stride >= call.k && call.c_stride >= call.m;
  for (const void* address : {call.a, call.b, static_cast<const void*>(call.c)}) {
    fits = fits && reinterpret_cast<uintptr_t>(address) % kMultiple == 0;
  }
  if (call.kind == NarrowGemmCall::kBf16) return fits;
  for (const int64_t size : {call.m, call.k, call.a_stride, call.b_stride, call.c_stride}) {
    fits = fits && size % 4 == 0;
  }
  return fits && call.transpose_a;
}

class EmulatedSession final : public Session {
 public:
  EmulatedSession(std::recursive_mutex& mutex, EmulationLog& log, std::shared_ptr<Arena> arena,
                  int32_t gpu)
      : mutex_(mutex),
        log_(log),
        shared_arena_(std::move(arena)),
        arena_(*shared_arena_),
        gpu_(gpu) {
    ++log_.open_sessions;
  }
  ~EmulatedSession() override {
    const std::lock_guard lock(mutex_);
    run_all();
    --log_.open_sessions;
  }
  bool works() const { return arena_.mapped(); }

  Outcome allocate(int64_t bytes, void** address) override {
    const std::lock_guard lock(mutex_);
    if (Outcome outcome = count(); outcome != Outcome::kOk) return outcome;
    *address = arena_.take(bytes);
    if (*address == nullptr) {
      // What waits to be released may make room.
      run_all();
      *address = arena_.take(bytes);
    }
    if (*address == nullptr) return say(Outcome::kNoMemory, "out of memory");
    ++log_.live_allocations;
    void* filled = *address;
    put(work_, [filled, bytes] { std::memset(filled, kGarbage, static_cast<size_t>(bytes)); });
    return Outcome::kOk;
  }
  Outcome release(void* address) override {
    const std::lock_guard lock(mutex_);
    --log_.live_allocations;
    put(work_, [this, address] { require(arena_.give_back(address)); });
    return count();
  }
  Outcome pin(int64_t bytes, void** address) override {
    const std::lock_guard lock(mutex_);
    if (Outcome outcome = count(); outcome != Outcome::kOk) return outcome;
    *address = std::malloc(static_cast<size_t>(bytes));
    ++log_.live_pins;
    return Outcome::kOk;
  }
  // Waits, as a GPU does, for what may still use the memory.
  Outcome unpin(void* address) override {
    const std::lock_guard lock(mutex_);
    run_all();
    std::free(address);
    --log_.live_pins;
    return count();
  }
  Outcome fill(void* target, uint8_t value, int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    return add([this, target, value, bytes] {
      require(arena_.holds(target, bytes));
      std::memset(target, value, static_cast<size_t>(bytes));
    });
  }
  Outcome copy_in(void* target, const void* pinned, int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    return add([this, target, pinned, bytes] {
      require(arena_.holds(target, bytes));
      std::memcpy(target, pinned, static_cast<size_t>(bytes));
    });
  }
  Outcome copy_out(void* pinned, const void* source, int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    return add([this, pinned, source, bytes] {
      require(arena_.holds(source, bytes));
      std::memcpy(pinned, source, static_cast<size_t>(bytes));
    });
  }
  Outcome launch(KernelId kernel, const LaunchShape& shape, const void* params,
                 int64_t param_bytes) override {
    const std::lock_guard lock(mutex_);
    const bool fits = shape.blocks_x >= 1 && shape.blocks_x < (int64_t{1} << 31) &&
                      shape.blocks_y >= 1 && shape.blocks_y <= 65535 && shape.shared_bytes >= 0 &&
                      shape.shared_bytes <= 64 << 10;
    if (!fits) return say(Outcome::kFailed, "invalid configuration of a launch");
    const auto order = static_cast<uint32_t>(++log_.launches);
    bool found = false;
    Outcome outcome = Outcome::kOk;
    backends::cuda::with_kernel(kernel, [&]<class Kernel>(Kernel*) {
      using Params = typename Kernel::Params;
      if (param_bytes != static_cast<int64_t>(sizeof(Params))) return;
      found = true;
      Params copy;
      std::memcpy(static_cast<void*>(&copy), params, sizeof(Params));
      outcome = add([shape, copy, order] { run_kernel<Kernel>(shape, copy, order); });
    });
    return found ? outcome : say(Outcome::kFailed, "no such kernel");
  }
  Outcome gemm(const GemmCall& call) override {
    const std::lock_guard lock(mutex_);
    return add([call] { multiply(call); });
  }
  Outcome gemm_narrow(const NarrowGemmCall& call) override {
    const std::lock_guard lock(mutex_);
    if (!takes(call)) return say(Outcome::kFailed, "CUBLAS_STATUS_NOT_SUPPORTED");
    return add([call] { multiply(call); });
  }
  Outcome mark(int32_t) override {
    const std::lock_guard lock(mutex_);
    return count();
  }
  Outcome await(int32_t) override { return wait_for(work_); }
  Outcome finish() override {
    const Outcome outcome = wait_for(work_);
    const std::lock_guard lock(mutex_);
    if (outcome == Outcome::kOk) run_all();
    return outcome;
  }
  Outcome load(void* target, const void* pinned, int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    if (Outcome outcome = count(); outcome != Outcome::kOk) return outcome;
    ++log_.loads;
    if (loads_.needed < work_.asked) ++log_.loads_beside_work;
    put(loads_, [this, target, pinned, bytes] {
      require(arena_.holds(target, bytes));
      std::memcpy(target, pinned, static_cast<size_t>(bytes));
    });
    return Outcome::kOk;
  }
  Outcome loads_after_work() override { return follow(loads_, work_); }
  Outcome work_after_loads() override { return follow(work_, loads_); }
  Outcome mark_load(int32_t place) override { return mark(place); }
  Outcome await_load(int32_t) override { return wait_for(loads_); }
  const char* message() const override { return message_.c_str(); }

 private:
  Outcome say(Outcome outcome, const char* text) {
    message_ = text;
    return outcome;
  }
  // Counts a call, which may be the one to fail.
  Outcome count() {
    const int64_t call = log_.calls++;
    if (log_.fail_at < 0 || (log_.failing_gpu >= 0 && log_.failing_gpu != gpu_)) {
      return Outcome::kOk;
    }
    const bool lost = log_.failure == Outcome::kLost;
    const bool fails = call == log_.fail_at || (lost && call > log_.fail_at);
    if (fails && lost) run_all();  // nothing waits for a lost GPU
    return fails ? say(log_.failure, "planted failure") : Outcome::kOk;
  }
  // Operations in their order. One may have to wait until so many of the other queue's are done.
  struct Entry {
    std::function<void()> run;
    int64_t needed;
  };
  struct Queue {
    std::deque<Entry> entries;
    int64_t asked = 0;
    int64_t done = 0;
    int64_t needed = 0;  // of the other queue's, by whatever comes next
  };

  template <class Operation>
  static void put(Queue& queue, Operation&& operation) {
    queue.entries.push_back({std::forward<Operation>(operation), queue.needed});
    ++queue.asked;
  }
  template <class Operation>
  Outcome add(Operation&& operation) {
    const Outcome outcome = count();
    if (outcome == Outcome::kOk) put(work_, std::forward<Operation>(operation));
    return outcome;
  }
  Outcome follow(Queue& queue, const Queue& other) {
    const std::lock_guard lock(mutex_);
    const Outcome outcome = count();
    if (outcome == Outcome::kOk) queue.needed = other.asked;
    return outcome;
  }
  Outcome wait_for(Queue& queue) {
    const std::lock_guard lock(mutex_);
    if (Outcome outcome = count(); outcome != Outcome::kOk) return outcome;
    ++log_.waits;
    run(queue);
    return Outcome::kOk;
  }
  // What a GPU would answer with an illegal address.
  static void require(bool condition) {
    if (condition) return;
    std::fputs("emulated GPU: an address outside of its allocations\n", stderr);
    std::abort();
  }
  // Does what is in the queue. A GPU may do as much or as little of the other queue meanwhile as
  // the order allows: one time it is all there is, the next time what is needed alone.
  void run(Queue& queue) {
    if (queue.entries.empty()) return;
    Queue& other = &queue == &work_ ? loads_ : work_;
    hasty_ = !hasty_;
    arena_.open(true);
    const auto goes = [](const Queue& some, const Queue& of) {
      return !some.entries.empty() && some.entries.front().needed <= of.done;
    };
    while (!queue.entries.empty()) {
      const bool others_turn = hasty_ ? goes(other, queue) : !goes(queue, other);
      step(others_turn ? other : queue);
    }
    arena_.open(false);
  }
  static void step(Queue& queue) {
    const std::function<void()> operation = std::move(queue.entries.front().run);
    queue.entries.pop_front();
    operation();
    ++queue.done;
  }
  void run_all() {
    run(work_);
    run(loads_);
  }

  std::recursive_mutex& mutex_;
  EmulationLog& log_;
  std::shared_ptr<Arena> shared_arena_;
  Arena& arena_;
  int32_t gpu_;
  Queue work_;
  Queue loads_;
  bool hasty_ = false;
  std::string message_;
};

}  // namespace

bool EmulatedDriver::describe(int32_t gpu, GpuFacts* facts) {
  std::snprintf(facts->name, sizeof(facts->name), "emulated GPU %d", gpu);
  facts->memory_bytes = memory_bytes_;
  facts->capability_major = 9;
  facts->multiprocessors = 1;
  return true;
}

backends::cuda::Session* EmulatedDriver::open(int32_t gpu, GpuFacts* facts) {
  const std::lock_guard lock(mutex_);
  if (!describe(gpu, facts)) return nullptr;
  arenas_.resize(static_cast<size_t>(gpu_count_));
  std::weak_ptr<void>& known = arenas_[static_cast<size_t>(gpu)];
  std::shared_ptr<Arena> arena = std::static_pointer_cast<Arena>(known.lock());
  if (arena == nullptr) known = arena = std::make_shared<Arena>(memory_bytes_);
  auto session = std::make_unique<EmulatedSession>(mutex_, log_, std::move(arena), gpu);
  if (!session->works()) {
    std::snprintf(facts->problem, sizeof(facts->problem), "no memory was mapped");
    return nullptr;
  }
  return session.release();
}

EmulatedGpu open_emulated_gpu(int64_t memory_bytes, int32_t lanes) {
  EmulatedGpu gpu;
  // Redzones and rounding take room too.
  gpu.driver = std::make_unique<EmulatedDriver>(1, 2 * memory_bytes + (int64_t{1} << 20));
  GpuFacts facts;
  (void)gpu.driver->describe(0, &facts);
  kernels::DeviceInfo info;
  info.id = "cuda:emu";
  info.kind = "cuda";
  info.name = facts.name;
  info.memory_bytes = memory_bytes;
  info.emulated = true;
  const auto open = [driver = gpu.driver.get()](std::string&) {
    GpuFacts opened;
    return std::unique_ptr<Session>(driver->open(0, &opened));
  };
  gpu.device =
      backends::cuda::CudaDevice::make(open, std::move(info), facts.multiprocessors, lanes);
  if (!gpu.device->bring_up()) std::abort();
  return gpu;
}

}  // namespace assay::conformance
