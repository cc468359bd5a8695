#include "kernels/device.h"

namespace assay::kernels {

void Device::count_upload(int64_t bytes) {
  uploaded_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  count_use(info().id, kCopyOp, kToDevice, bytes);
}

void Device::count_download(int64_t bytes) {
  downloaded_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  count_use(info().id, kCopyOp, kToHost, bytes);
}

Status Device::upload(void* target, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  ASSAY_RETURN_IF_ERROR(do_upload(target, bytes));
  if (copies_at_once()) count_upload(static_cast<int64_t>(bytes.size()));
  return {};
}

Status Device::download(std::span<std::byte> target, const void* source, int64_t bytes) {
  if (bytes != static_cast<int64_t>(target.size())) {
    return fail(StatusCode::kInvalidArgument, "download of {} bytes into a span of {}", bytes,
                target.size());
  }
  if (target.empty()) return {};
  ASSAY_RETURN_IF_ERROR(do_download(target, source));
  if (copies_at_once()) count_download(bytes);
  return {};
}

}  // namespace assay::kernels
