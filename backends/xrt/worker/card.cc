#include "backends/xrt/worker/card.h"

#include <experimental/xrt_xclbin.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <utility>

#include "backends/xrt/xclbin_file.h"

namespace assay::backends::xrt {
namespace {

// Calls into XRT, whose failures are exceptions.
template <class Call>
Status guarded(const std::string& doing, Call&& call) {
  try {
    call();
    return {};
  } catch (const std::exception& error) {
    std::string words = error.what();
    std::replace(words.begin(), words.end(), '\n', ' ');  // messages are a line each
    return fail(StatusCode::kDevice, "{}: {}", doing, words);
  }
}

template <size_t Size>
void put_text(char (&target)[Size], const std::string& text) {
  std::strncpy(target, text.c_str(), Size - 1);
}

bool is_buffer(const ::xrt::xclbin::arg& arg) {
  return arg.get_host_type().find('*') != std::string::npos;
}

Status describe_kernel(const ::xrt::xclbin::kernel& kernel, KernelInfo& info) {
  const auto args = kernel.get_args();
  if (args.size() > static_cast<size_t>(kMostArgs)) {
    return fail(StatusCode::kDevice, "kernel {} has {} arguments (at most {} can be passed)",
                kernel.get_name(), args.size(), kMostArgs);
  }
  put_text(info.name, kernel.get_name());
  info.unit_count = static_cast<int32_t>(kernel.get_cus().size());
  info.arg_count = static_cast<int32_t>(args.size());
  for (size_t i = 0; i < args.size(); ++i) {
    info.arg_bytes[i] = is_buffer(args[i]) ? 0 : static_cast<uint32_t>(args[i].get_size());
  }
  return {};
}

// XRT's words for a file that it refuses are the same for each reason; these are left when the
// container is in order.
std::string loading_text(const std::string& path, const XclbinInfo& xclbin) {
  return fmt::format(
      "loading xclbin '{}' (built for {}; XRT refuses one of another shell than the card's, or "
      "with a damaged bitstream)",
      path, xclbin.platform);
}

bool asks_for_emulation() { return std::getenv("XCL_EMULATION_MODE") != nullptr; }

// An emulation unpacks the xclbin into the run folder, which is the working directory.
Status check_room(const std::string& path, const XclbinInfo& xclbin) {
  std::error_code unknown;
  const std::filesystem::space_info room = std::filesystem::space(".", unknown);
  if (!asks_for_emulation() || unknown || room.available >= xclbin.bytes) return {};
  return fail(
      StatusCode::kDevice,
      "xclbin '{}' cannot be loaded: an emulation unpacks its {} bytes into {}, where {} are "
      "free",
      path, xclbin.bytes, std::filesystem::current_path(unknown).string(), room.available);
}

// An emulation's device may have any name: what XRT was told, and what the xclbin is for, count
// too.
bool is_emulation(const XclbinInfo& xclbin, const std::string& name) {
  constexpr std::string_view kMarks[] = {"hw-em", "hw_em", "sw-em", "sw_em"};
  return asks_for_emulation() || xclbin.emulated ||
         std::any_of(std::begin(kMarks), std::end(kMarks),
                     [&](std::string_view mark) { return name.find(mark) != std::string::npos; });
}

}  // namespace

Card::~Card() {
  // What lies over the arena goes before it.
  runs_.clear();
  buffers_.clear();
  if (arena_ != nullptr) munmap(arena_, arena_bytes_);
}

Status Card::map_arena(uint64_t bytes, int file) {
  void* memory = file < 0 || bytes == 0 || arena_ != nullptr
                     ? MAP_FAILED
                     : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (memory == MAP_FAILED) {
    return fail(StatusCode::kInvalidArgument, "{} bytes of shared memory cannot be mapped", bytes);
  }
  arena_ = static_cast<std::byte*>(memory);
  arena_bytes_ = bytes;
  return {};
}

Status Card::open(const OpenRequest& request, int file) {
  ASSAY_RETURN_IF_ERROR(map_arena(request.arena_bytes, file));
  const std::string xclbin_path = request.xclbin;
  ASSAY_ASSIGN_OR_RETURN(const XclbinInfo xclbin, read_xclbin(xclbin_path));
  ASSAY_RETURN_IF_ERROR(check_room(xclbin_path, xclbin));
  ASSAY_RETURN_IF_ERROR(
      guarded("opening the card", [&] { device_ = ::xrt::device(request.card); }));
  ASSAY_RETURN_IF_ERROR(guarded(loading_text(xclbin_path, xclbin), [&] {
    uuid_ = device_.load_xclbin(::xrt::xclbin(xclbin_path));
    const auto name = device_.get_info<::xrt::info::device::name>();
    put_text(info_.name, name);
    info_.emulated = is_emulation(xclbin, name) ? 1 : 0;
  }));
  put_text(info_.uuid, xclbin.uuid);
  return list_kernels(xclbin_path);
}

Status Card::list_kernels(const std::string& xclbin_path) {
  Status status;
  ASSAY_RETURN_IF_ERROR(guarded("reading the xclbin's kernels", [&] {
    const ::xrt::xclbin xclbin(xclbin_path);
    for (const auto& bank : xclbin.get_mems()) {
      if (bank.get_used()) info_.memory_bytes += bank.get_size_kb() * 1024;
    }
    for (const auto& kernel : xclbin.get_kernels()) {
      if (info_.kernel_count == kMostKernels) break;
      KernelInfo& info = info_.kernels[info_.kernel_count++];
      if (status = describe_kernel(kernel, info); !status) return;
      kernels_.emplace_back(device_, uuid_, kernel.get_name());
      for (int32_t i = 0; i < info.arg_count; ++i) {
        if (info.arg_bytes[i] == 0) info.groups[i] = kernels_.back().group_id(i);
      }
    }
  }));
  return status;
}

Status Card::create(const CreateRequest& request) {
  const bool whole = request.bytes > 0 && (request.bytes | request.offset) % kPageBytes == 0;
  if (!whole || buffers_.contains(request.buffer) || request.offset > arena_bytes_ ||
      request.bytes > arena_bytes_ - request.offset) {
    return fail(StatusCode::kInvalidArgument,
                "buffer {} at bytes {} to {} (a new number and whole pages of the arena's {} bytes "
                "are wanted)",
                request.buffer, request.offset, request.offset + request.bytes, arena_bytes_);
  }
  Buffer buffer{request.bytes, request.group, {}};
  const Status made = guarded("making a buffer", [&] {
    buffer.bo = ::xrt::bo(device_, arena_ + request.offset, request.bytes,
                          static_cast<::xrt::memory_group>(request.group));
  });
  if (!made) {
    return fail(StatusCode::kResourceExhausted, "the card has no room for {} bytes ({})",
                request.bytes, made.error().message);
  }
  buffers_.emplace(request.buffer, std::move(buffer));
  return {};
}

Status Card::destroy(uint64_t number) {
  if (buffers_.erase(number) == 0) {
    return fail(StatusCode::kInvalidArgument, "there is no buffer {}", number);
  }
  return {};
}

// What XRT does not check: it takes a number where a buffer belongs.
Status Card::check_start(const Step& step) const {
  if (step.kernel >= static_cast<uint32_t>(info_.kernel_count) || step.run >= kMostRuns) {
    return fail(StatusCode::kInvalidArgument, "there is no kernel {} or run {}", step.kernel,
                step.run);
  }
  const KernelInfo& kernel = info_.kernels[step.kernel];
  if (step.arg_count != static_cast<uint32_t>(kernel.arg_count)) {
    return fail(StatusCode::kInvalidArgument, "kernel {} takes {} arguments, not {}", kernel.name,
                kernel.arg_count, step.arg_count);
  }
  for (int32_t i = 0; i < kernel.arg_count; ++i) {
    const KernelArg& arg = step.args[i];
    if (arg.bytes != kernel.arg_bytes[i]) {
      return fail(StatusCode::kInvalidArgument,
                  "kernel {}, argument {}: {} bytes were given, {} are wanted (0: a buffer)",
                  kernel.name, i, arg.bytes, kernel.arg_bytes[i]);
    }
    if (arg.bytes > 0) continue;
    const auto found = buffers_.find(arg.value);
    if (found == buffers_.end() || found->second.group != kernel.groups[i]) {
      return fail(StatusCode::kInvalidArgument,
                  "kernel {}, argument {}: buffer {} is not there, or not in memory group {}",
                  kernel.name, i, arg.value, kernel.groups[i]);
    }
  }
  return {};
}

Status Card::check(const Step& step) const {
  switch (step.kind) {
    case StepKind::kStart:
      return check_start(step);
    case StepKind::kWait:
      if (step.run < kMostRuns) return {};
      return fail(StatusCode::kInvalidArgument, "there is no run {}", step.run);
    case StepKind::kToDevice:
    case StepKind::kFromDevice: {
      const auto found = buffers_.find(step.buffer);
      if (found != buffers_.end() && step.offset <= found->second.bytes &&
          step.bytes <= found->second.bytes - step.offset) {
        return {};
      }
      return fail(StatusCode::kInvalidArgument, "bytes {} to {} are not in a buffer {}",
                  step.offset, step.offset + step.bytes, step.buffer);
    }
  }
  return fail(StatusCode::kInvalidArgument, "step of unknown kind {}",
              static_cast<uint32_t>(step.kind));
}

void Card::start(const Step& step) {
  ::xrt::run run(kernels_[step.kernel]);
  for (uint32_t i = 0; i < step.arg_count; ++i) {
    const KernelArg& arg = step.args[i];
    const auto index = static_cast<int>(i);
    if (arg.bytes == 0) {
      run.set_arg(index, buffers_.at(arg.value).bo);
    } else {
      run.set_arg(index, static_cast<const void*>(&arg.value), size_t{arg.bytes});
    }
  }
  run.start();
  runs_[step.run] = std::move(run);
}

Status Card::wait(uint32_t number) {
  const auto found = runs_.find(number);
  if (found == runs_.end()) return {};
  ert_cmd_state state = ERT_CMD_STATE_ERROR;
  const Status waited = guarded("waiting for a kernel", [&] { state = found->second.wait(); });
  runs_.erase(found);
  ASSAY_RETURN_IF_ERROR(waited);
  if (state == ERT_CMD_STATE_COMPLETED) return {};
  return fail(StatusCode::kDevice, "a kernel ended in state {}", static_cast<int>(state));
}

Status Card::make(const Step& step) {
  switch (step.kind) {
    case StepKind::kStart:
      ASSAY_RETURN_IF_ERROR(wait(step.run));
      return guarded("starting a kernel", [&] { start(step); });
    case StepKind::kWait:
      return wait(step.run);
    default:
      return guarded("copying a buffer", [&] {
        if (step.bytes == 0) return;
        const auto direction = step.kind == StepKind::kToDevice ? XCL_BO_SYNC_BO_TO_DEVICE
                                                                : XCL_BO_SYNC_BO_FROM_DEVICE;
        buffers_.at(step.buffer).bo.sync(direction, step.bytes, step.offset);
      });
  }
}

Status Card::run(std::span<const Step> steps) {
  for (const Step& step : steps) ASSAY_RETURN_IF_ERROR(check(step));
  Status status;
  for (const Step& step : steps) {
    status = make(step);
    if (!status) break;
  }
  while (!runs_.empty()) {
    const Status ended = wait(runs_.begin()->first);
    if (status) status = ended;
  }
  return status;
}

}  // namespace assay::backends::xrt
