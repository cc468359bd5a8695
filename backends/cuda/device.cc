#include "backends/cuda/device.h"

#include <algorithm>
#include <cstring>

namespace assay::backends::cuda {

CudaDevice::CudaDevice(Opener open, kernels::DeviceInfo info, int32_t multiprocessors)
    : open_(std::move(open)), info_(std::move(info)), multiprocessors_(multiprocessors) {}

std::unique_ptr<CudaDevice> CudaDevice::make(Opener open, kernels::DeviceInfo info,
                                             int32_t multiprocessors) {
  return std::unique_ptr<CudaDevice>(
      new CudaDevice(std::move(open), std::move(info), std::max(1, multiprocessors)));
}

CudaDevice::~CudaDevice() {
  kept_forms_.clear();
  close();
}

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
  if (bytes > info_.memory_bytes - held_bytes_) kept_forms_.clear();
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
  const int64_t bytes = found->second;
  held_bytes_ -= bytes;
  sizes_.erase(found);
  (void)check(session_->release(address), "release");
  bins_written(address, bytes);
}

void CudaDevice::bins_written(const void* bins, int64_t bytes) {
  const auto lock = use();
  const auto* begin = static_cast<const uint8_t*>(bins);
  std::vector<KeptForms> stale;  // destroyed when the list is whole again
  for (size_t i = 0; i < kept_forms_.size();) {
    KeptForms& kept = kept_forms_[i];
    const bool touched = kept.bins < begin + bytes &&
                         begin < kept.bins + kept.row_count * int64_t{kept.feature_count};
    if (touched) {
      stale.push_back(std::move(kept));
      kept_forms_.erase(kept_forms_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

Result<CudaDevice::Forms> CudaDevice::forms_of(const kernels::BinnedView& bins) {
  const auto lock = use();
  for (const KeptForms& kept : kept_forms_) {
    const bool same = kept.bins == bins.bins && kept.row_count == bins.row_count &&
                      kept.feature_count == bins.feature_count;
    if (same) return kept.forms;
  }
  const int32_t width = tile_width_of(bins.feature_count);
  const int64_t column_bytes = bins.row_count * int64_t{bins.feature_count};
  const int64_t tile_bytes = bins.row_count * width * tile_count_of(bins.feature_count);
  // Trees need the other half.
  const int64_t room = (info_.memory_bytes - held_bytes_) / 2;
  if (column_bytes == 0 || column_bytes + tile_bytes > room) return Forms();
  TableForms made;
  ASSAY_ASSIGN_OR_RETURN(made.columns, kernels::DeviceArray<uint8_t>::make(*this, column_bytes));
  ASSAY_ASSIGN_OR_RETURN(made.tiles, kernels::DeviceArray<uint8_t>::make(*this, tile_bytes));
  ASSAY_RETURN_IF_ERROR(launch<TableFormsKernel>(
      {(bins.row_count + TableFormsKernel::kRows - 1) / TableFormsKernel::kRows, bins.block_count(),
       TableFormsKernel::kSharedBytes},
      {bins, made.columns.on_device(), made.tiles.on_device(), width}));
  auto forms = std::make_shared<const TableForms>(std::move(made));
  kept_forms_.push_back({bins.bins, bins.row_count, bins.feature_count, forms});
  return forms;
}

int64_t CudaDevice::held_bytes() const {
  const auto lock = use();
  return held_bytes_;
}

Status CudaDevice::fill(void* target, uint8_t value, int64_t bytes) {
  if (bytes == 0) return {};
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  bins_written(target, bytes);
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

Status CudaDevice::gemm_narrow(const NarrowGemmCall& call) {
  const auto lock = use();
  ASSAY_RETURN_IF_ERROR(ready());
  kernels::count_use(info_.id, {}, "cublas_gemm_ex");
  return check(session_->gemm_narrow(call), "gemm_narrow");
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
  bins_written(target, size);
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
