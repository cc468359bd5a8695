#include "backends/xrt/xrt_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace assay::backends::xrt {
namespace {

// A kernel's arguments: b a buffer, else the bytes of a scalar.
struct KernelSignature {
  std::string_view name;
  std::string_view args;
};
// Kernels that are started before the stop token is looked at again: enough to keep the compute
// units busy.
constexpr size_t kStartsAtATime = 8;
// Of each CardKernel; backends/xrt/hls/kernels.h has them in C++.
constexpr KernelSignature kSignatures[] = {
    {"tree_histogram", "bbbbb88844488"},
    {"split_scan", "bbbbb4444"},
    {"predict_trees", "bbbbbbbbb848848844"},
    {"gemm_f32", "bbb8884444"},
    {"gemm_bf16", "bbb888"},
    {"gemm_int8", "bbb888"},
    {"knn_topk", "bbbb8844"},
};
constexpr size_t kKernelCount = std::size(kSignatures);

}  // namespace

Result<std::unique_ptr<XrtDevice>> XrtDevice::open(WorkerSpec spec, std::string name, bool emulated,
                                                   int64_t memory_bytes) {
  std::unique_ptr<XrtDevice> device(new XrtDevice);
  device->info_.id = spec.device;
  device->info_.kind = "fpga";
  device->info_.name = std::move(name);
  device->info_.memory_bytes = memory_bytes;
  device->info_.emulated = emulated;
  device->info_.untried = !emulated;  // no card has run the kernels yet
  device->spec_ = std::move(spec);
  device->run_counts_.assign(kKernelCount, 0);
  ASSAY_ASSIGN_OR_RETURN(device->arena_, Arena::make(memory_bytes));
  return device;
}

XrtDevice::~XrtDevice() = default;

Status XrtDevice::bring_up() {
  const std::lock_guard lock(mutex_);
  return start_locked();
}

Status XrtDevice::start_locked() {
  if (client_ != nullptr && !client_->dead()) return {};
  drop_copies();
  client_.reset();
  ASSAY_ASSIGN_OR_RETURN(
      client_, WorkerClient::start(spec_, arena_.file(), static_cast<uint64_t>(arena_.bytes())));
  const Status checked = check_kernels();
  if (!checked) client_.reset();
  ++generation_;
  return checked;
}

// Finds the kernels that ops use. An xclbin of something else must fail here, not in a kernel.
Status XrtDevice::check_kernels() {
  kernels_.clear();
  const CardInfo& card = client_->card();
  for (const KernelSignature& wanted : kSignatures) {
    const auto* end = card.kernels + card.kernel_count;
    const auto* found = std::find_if(
        card.kernels, end, [&](const KernelInfo& kernel) { return wanted.name == kernel.name; });
    if (found == end) {
      return fail(StatusCode::kDevice, "{}: xclbin '{}' has no kernel {}", info_.id, spec_.xclbin,
                  wanted.name);
    }
    std::string args;
    for (int32_t i = 0; i < found->arg_count; ++i) {
      args += found->arg_bytes[i] == 0 ? "b" : fmt::format("{}", found->arg_bytes[i]);
    }
    if (args != wanted.args) {
      return fail(
          StatusCode::kDevice,
          "{}: kernel {} of xclbin '{}' takes {} ({} is wanted; b is a buffer, a number the "
          "bytes of a scalar)",
          info_.id, wanted.name, spec_.xclbin, args, wanted.args);
    }
    kernels_.push_back(static_cast<uint32_t>(found - card.kernels));
  }
  if (card.emulated != 0 && !info_.emulated) {
    return fail(StatusCode::kDevice,
                "{}: what opens with xclbin '{}' is an emulation ({}), no card", info_.id,
                spec_.xclbin, card.name);
  }
  // Once: others may read it later.
  if (std::exchange(named_, true)) return {};
  info_.image = fmt::format("{} (uuid {})", spec_.xclbin, card.uuid);
  if (info_.emulated) return {};
  info_.name = card.name;
  info_.memory_bytes = std::min(info_.memory_bytes, static_cast<int64_t>(card.memory_bytes));
  return {};
}

// Those of a worker that is gone went with it.
void XrtDevice::drop_copies() {
  for (auto& [offset, buffer] : buffers_) buffer.copies.clear();
}

Result<void*> XrtDevice::allocate(int64_t bytes) {
  if (bytes <= 0) {
    return fail(StatusCode::kInvalidArgument, "{}: allocation of {} bytes (must be positive)",
                info_.id, bytes);
  }
  const std::lock_guard lock(mutex_);
  const std::optional<int64_t> offset = bytes > arena_.bytes() ? std::nullopt : arena_.take(bytes);
  if (!offset) {
    int64_t held = 0;
    for (const auto& [at, buffer] : buffers_) held += buffer.bytes;
    return fail(StatusCode::kResourceExhausted, "{}: allocation of {} bytes, {} of {} are free",
                info_.id, bytes, info_.memory_bytes - held, info_.memory_bytes);
  }
  buffers_[*offset].bytes = bytes;
  return arena_.data() + *offset;
}

std::pair<const int64_t, XrtDevice::Buffer>* XrtDevice::find(const void* address) {
  const int64_t offset = static_cast<const std::byte*>(address) - arena_.data();
  auto after = buffers_.upper_bound(offset);
  if (after == buffers_.begin()) return nullptr;
  --after;
  return offset <= after->first + after->second.bytes ? &*after : nullptr;
}

void XrtDevice::release(void* address) {
  if (address == nullptr) return;
  const std::lock_guard lock(mutex_);
  const auto found = buffers_.find(static_cast<std::byte*>(address) - arena_.data());
  if (found == buffers_.end()) return;
  for (const auto& [group, copy] : found->second.copies) client_->destroy(copy.number);
  arena_.give(found->first, found->second.bytes);
  buffers_.erase(found);
}

int64_t XrtDevice::held_bytes() const {
  const std::lock_guard lock(mutex_);
  int64_t held = 0;
  for (const auto& [offset, buffer] : buffers_) held += buffer.bytes;
  return held;
}

Result<CardLease> XrtDevice::lease() {
  const std::lock_guard lock(mutex_);
  ASSAY_RETURN_IF_ERROR(start_locked());
  return CardLease{this, generation_, false};
}

pid_t XrtDevice::worker_process() const {
  const std::lock_guard lock(mutex_);
  return client_ == nullptr ? -1 : client_->process();
}

int64_t XrtDevice::run_count(CardKernel kernel) const {
  const std::lock_guard lock(mutex_);
  return run_counts_[static_cast<size_t>(kernel)];
}

std::optional<int64_t> XrtDevice::offset_in_buffer(const void* address) const {
  const std::lock_guard lock(mutex_);
  const auto* found = const_cast<XrtDevice*>(this)->find(address);
  if (found == nullptr) return std::nullopt;
  return static_cast<const std::byte*>(address) - arena_.data() - found->first;
}

Status XrtDevice::do_upload(void* target, std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  auto* found = find(target);
  const int64_t end =
      static_cast<std::byte*>(target) - arena_.data() + static_cast<int64_t>(bytes.size());
  if (found == nullptr || end > found->first + found->second.bytes) {
    return fail(StatusCode::kDevice, "{}: upload of {} bytes to an address outside any allocation",
                info_.id, bytes.size());
  }
  std::memcpy(target, bytes.data(), bytes.size());
  for (auto& [group, copy] : found->second.copies) copy.current = false;
  return {};
}

Status XrtDevice::do_download(std::span<std::byte> target, const void* source) {
  const std::lock_guard lock(mutex_);
  const auto* found = find(source);
  const int64_t end =
      static_cast<const std::byte*>(source) - arena_.data() + static_cast<int64_t>(target.size());
  if (found == nullptr || end > found->first + found->second.bytes) {
    return fail(StatusCode::kDevice,
                "{}: download of {} bytes from an address outside any allocation", info_.id,
                target.size());
  }
  std::memcpy(target.data(), source, target.size());
  return {};
}

Result<XrtDevice::Copy*> XrtDevice::copy_of(std::pair<const int64_t, Buffer>& buffer,
                                            int32_t group) {
  const auto found = buffer.second.copies.find(group);
  if (found != buffer.second.copies.end()) return &found->second;
  ASSAY_ASSIGN_OR_RETURN(
      const uint64_t number,
      client_->create(static_cast<uint64_t>(buffer.first),
                      static_cast<uint64_t>(whole_pages(buffer.second.bytes)), group));
  return &buffer.second.copies.emplace(group, Copy{number, false}).first->second;
}

void Batch::start(CardKernel kernel, uint32_t run, std::vector<Arg> args) {
  Item item;
  item.kernel = kernel;
  item.run = run;
  item.args = std::move(args);
  items_.push_back(std::move(item));
}

void Batch::wait(uint32_t run) {
  Item item;
  item.kind = StepKind::kWait;
  item.run = run;
  items_.push_back(std::move(item));
}

void Batch::send(CardKernel kernel, int32_t arg, const void* buffer, int64_t offset,
                 int64_t bytes) {
  items_.push_back({StepKind::kToDevice, kernel, 0, arg, buffer, offset, bytes, {}});
}

void Batch::send_part(CardKernel kernel, int32_t arg, const void* buffer, int64_t offset,
                      int64_t bytes, bool last) {
  items_.push_back({StepKind::kToDevice, kernel, 0, arg, buffer, offset, bytes, {}, true, last});
}

void Batch::fetch(CardKernel kernel, int32_t arg, const void* buffer, int64_t offset,
                  int64_t bytes) {
  items_.push_back({StepKind::kFromDevice, kernel, 0, arg, buffer, offset, bytes, {}});
}

Step& Batch::new_step(StepKind kind) {
  steps_.emplace_back();
  steps_.back().kind = kind;
  return steps_.back();
}

// The card's copy of a buffer, as an argument of a kernel.
Result<XrtDevice::Copy*> Batch::placed(const void* address, CardKernel kernel, int32_t arg,
                                       int64_t& bytes) {
  auto* buffer = device_.find(address);
  if (buffer == nullptr || device_.arena_.data() + buffer->first != address) {
    return fail(StatusCode::kInternal, "{}: argument {} of {} is not where a buffer begins",
                device_.info_.id, arg, kSignatures[static_cast<size_t>(kernel)].name);
  }
  bytes = buffer->second.bytes;
  const uint32_t number = device_.kernels_[static_cast<size_t>(kernel)];
  return device_.copy_of(*buffer, device_.client_->card().kernels[number].groups[arg]);
}

Status Batch::add_start(const Item& item) {
  std::vector<KernelArg> args;
  for (size_t i = 0; i < item.args.size(); ++i) {
    const Arg& arg = item.args[i];
    if (arg.buffer == nullptr) {
      args.push_back({arg.bytes, 0, arg.value});
      continue;
    }
    int64_t bytes = 0;
    ASSAY_ASSIGN_OR_RETURN(XrtDevice::Copy * copy,
                           placed(arg.buffer, item.kernel, static_cast<int32_t>(i), bytes));
    if (arg.whole && !copy->current) {
      Step& step = new_step(StepKind::kToDevice);
      step.buffer = copy->number;
      step.bytes = static_cast<uint64_t>(bytes);
      copy->current = true;
    }
    args.push_back({0, 0, copy->number});
  }
  Step& step = new_step(StepKind::kStart);
  step.kernel = device_.kernels_[static_cast<size_t>(item.kernel)];
  step.run = item.run;
  step.arg_count = static_cast<uint32_t>(args.size());
  std::copy(args.begin(), args.end(), step.args);
  return {};
}

void Batch::count_steps(std::span<const Step> steps) {
  for (const Step& step : steps) {
    if (step.kind == StepKind::kToDevice) device_.count_upload(static_cast<int64_t>(step.bytes));
    if (step.kind == StepKind::kFromDevice) {
      device_.count_download(static_cast<int64_t>(step.bytes));
    }
    if (step.kind != StepKind::kStart) continue;
    const auto place = std::find(device_.kernels_.begin(), device_.kernels_.end(), step.kernel);
    const auto kernel = static_cast<size_t>(place - device_.kernels_.begin());
    ++device_.run_counts_[kernel];
    kernels::count_use(device_.info_.id, {}, kSignatures[kernel].name);
  }
}

Status Batch::add_copy(const Item& item) {
  int64_t bytes = 0;
  ASSAY_ASSIGN_OR_RETURN(XrtDevice::Copy * copy, placed(item.buffer, item.kernel, item.arg, bytes));
  if (item.part) {
    if (copy->current) return {};
    copy->current = item.last;
  }
  if (item.kind == StepKind::kFromDevice) {
    // What a kernel wrote: copies in other memory groups do not have it.
    for (auto& [group, other] : device_.find(item.buffer)->second.copies) other.current = false;
  }
  Step& step = new_step(item.kind);
  step.buffer = copy->number;
  step.offset = static_cast<uint64_t>(item.offset);
  step.bytes = static_cast<uint64_t>(item.bytes);
  return {};
}

size_t Batch::request_end(size_t begin) const {
  const size_t most = std::min(steps_.size(), begin + kMostSteps);
  size_t starts = 0;
  for (size_t i = begin; i < most; ++i) {
    if (steps_[i].kind == StepKind::kStart && starts++ == kStartsAtATime) return i;
  }
  return most;
}

Status Batch::run() {
  const std::lock_guard lock(device_.mutex_);
  ASSAY_RETURN_IF_ERROR(device_.start_locked());
  if (lease_ != nullptr && lease_->generation != device_.generation_) {
    lease_->lost = true;
    return fail(StatusCode::kDevice,
                "{}: its worker was started anew, and what was on the card is gone",
                device_.info_.id);
  }
  Status status;
  for (const Item& item : items_) {
    if (item.kind == StepKind::kWait) {
      new_step(StepKind::kWait).run = item.run;
    } else {
      status = item.kind == StepKind::kStart ? add_start(item) : add_copy(item);
    }
    if (!status) break;
  }
  // The worker waits for its runs at the end of each request.
  for (size_t begin = 0; begin < steps_.size() && status;) {
    if (stop_ != nullptr && stop_->requested()) {
      status = fail(StatusCode::kCancelled, "{}: stopped by request", device_.info_.id);
      break;
    }
    const size_t end = request_end(begin);
    const auto steps = std::span<const Step>(steps_).subspan(begin, end - begin);
    status = device_.client_->run(steps);
    if (status) count_steps(steps);
    begin = end;
  }
  // What was to be sent may not have been.
  if (!status) {
    for (auto& [offset, buffer] : device_.buffers_) {
      for (auto& [group, copy] : buffer.copies) copy.current = false;
    }
  }
  items_.clear();
  steps_.clear();
  return status;
}

}  // namespace assay::backends::xrt
