#include "backends/cuda/device.h"

#include <algorithm>
#include <cstring>

namespace assay::backends::cuda {

CudaDevice::CudaDevice(Opener open, kernels::DeviceInfo info)
    : open_(std::move(open)), info_(std::move(info)) {}

std::unique_ptr<CudaDevice> CudaDevice::make(Opener open, kernels::DeviceInfo info) {
  return std::unique_ptr<CudaDevice>(new CudaDevice(std::move(open), std::move(info)));
}

CudaDevice::~CudaDevice() { close(); }

Status CudaDevice::bring_up() {
  const auto lock = use();
  return ready();
}

Status CudaDevice::ready() {
  if (!lost_.empty()) return fail(StatusCode::kDevice, "{} was lost: {}", info_.id, lost_);
  if (session_ != nullptr) return {};
  std::string why;
  session_ = open_(why);
  if (session_ == nullptr) return fail(StatusCode::kDevice, "{}: {}", info_.id, why);
  Status prepared = prepare_stage();
  if (!prepared) close();
  return prepared;
}

Status CudaDevice::prepare_stage() {
  for (std::byte*& stage : stage_) {
    void* address = nullptr;
    ASSAY_RETURN_IF_ERROR(check(session_->pin(kStageBytes, &address), "pinning host memory"));
    stage = static_cast<std::byte*>(address);
  }
  return {};
}

// Outcomes are not looked at: what cannot be released now goes with the session.
void CudaDevice::close() {
  if (session_ == nullptr) return;
  for (const auto& [address, bytes] : sizes_) (void)session_->release(address);
  (void)session_->finish();
  for (std::byte*& stage : stage_) {
    if (stage != nullptr) (void)session_->unpin(stage);
    stage = nullptr;
  }
  session_.reset();
}

Status CudaDevice::check(Outcome outcome, std::string_view doing) {
  if (outcome == Outcome::kOk) return {};
  const std::string reason = fmt::format("{}: {}: {}", info_.id, doing, session_->message());
  if (outcome == Outcome::kLost && lost_.empty()) lost_ = reason;
  const StatusCode code =
      outcome == Outcome::kNoMemory ? StatusCode::kResourceExhausted : StatusCode::kDevice;
  return fail(code, "{}{}", reason,
              outcome == Outcome::kLost ? " (the device is lost to this process)" : "");
}

Result<void*> CudaDevice::allocate(int64_t bytes) {
  if (bytes <= 0) {
    return fail(StatusCode::kInvalidArgument, "{}: allocation of {} bytes (must be positive)",
                info_.id, bytes);
  }
  const auto lock = use();
  const int64_t free_bytes = info_.memory_bytes - held_bytes_;
  if (bytes > free_bytes) {
    return fail(StatusCode::kResourceExhausted, "{}: allocation of {} bytes, {} of {} are free",
                info_.id, bytes, free_bytes, info_.memory_bytes);
  }
  ASSAY_RETURN_IF_ERROR(ready());
  void* address = nullptr;
  ASSAY_RETURN_IF_ERROR(check(session_->allocate(bytes, &address),
                              fmt::format("allocation of {} bytes, {} of the budget's {} are free",
                                          bytes, free_bytes, info_.memory_bytes)));
  sizes_.emplace(address, bytes);
  held_bytes_ += bytes;
  return address;
}

void CudaDevice::release(void* address) {
  if (address == nullptr) return;
  const auto lock = use();
  const auto found = sizes_.find(address);
  if (found == sizes_.end()) return;
  held_bytes_ -= found->second;
  sizes_.erase(found);
  (void)check(session_->release(address), "release");
}

int64_t CudaDevice::held_bytes() const {
  const auto lock = use();
  return held_bytes_;
}

Status CudaDevice::fill(void* target, uint8_t value, int64_t bytes) {
  if (bytes == 0) return {};
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  return check(session_->fill(target, value, bytes), "fill");
}

Status CudaDevice::start(KernelId kernel, const LaunchShape& shape, const void* params,
                         int64_t bytes) {
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  kernels::count_use(info_.id, {}, kKernelNames[static_cast<size_t>(kernel)]);
  return check(session_->launch(kernel, shape, params, bytes), "launch");
}

Status CudaDevice::gemm(const GemmCall& call) {
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  kernels::count_use(info_.id, {}, "cublas_sgemm");
  return check(session_->gemm(call), "gemm");
}

Status CudaDevice::finish() {
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  return check(session_->finish(), "waiting for the GPU");
}

Status CudaDevice::do_upload(void* target, std::span<const std::byte> bytes) {
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  auto* to = static_cast<std::byte*>(target);
  const auto size = static_cast<int64_t>(bytes.size());
  int32_t place = 0;
  for (int64_t done = 0; done < size; place = (place + 1) % Session::kMarks) {
    const int64_t part = std::min(kStageBytes, size - done);
    // What the buffer held last has been read.
    ASSAY_RETURN_IF_ERROR(check(session_->await(place), "upload"));
    std::memcpy(stage_[place], bytes.data() + done, static_cast<size_t>(part));
    ASSAY_RETURN_IF_ERROR(check(session_->copy_in(to + done, stage_[place], part), "upload"));
    ASSAY_RETURN_IF_ERROR(check(session_->mark(place), "upload"));
    done += part;
  }
  return {};
}

Status CudaDevice::do_download(std::span<std::byte> target, const void* source) {
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  const auto* from = static_cast<const std::byte*>(source);
  const auto size = static_cast<int64_t>(target.size());
  const int64_t parts = (size + kStageBytes - 1) / kStageBytes;
  const auto size_of = [&](int64_t part) {
    return std::min(kStageBytes, size - part * kStageBytes);
  };
  const auto request = [&](int64_t part) -> Status {
    const auto place = static_cast<int32_t>(part % Session::kMarks);
    ASSAY_RETURN_IF_ERROR(check(
        session_->copy_out(stage_[place], from + part * kStageBytes, size_of(part)), "download"));
    return check(session_->mark(place), "download");
  };
  for (int64_t part = 0; part < std::min<int64_t>(parts, Session::kMarks); ++part) {
    ASSAY_RETURN_IF_ERROR(request(part));
  }
  for (int64_t part = 0; part < parts; ++part) {
    const auto place = static_cast<int32_t>(part % Session::kMarks);
    ASSAY_RETURN_IF_ERROR(check(session_->await(place), "download"));
    std::memcpy(target.data() + part * kStageBytes, stage_[place],
                static_cast<size_t>(size_of(part)));
    if (part + Session::kMarks < parts) ASSAY_RETURN_IF_ERROR(request(part + Session::kMarks));
  }
  return {};
}

}  // namespace assay::backends::cuda
