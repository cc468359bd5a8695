#include "kernels/device.h"

namespace assay::kernels {

Status Device::upload(void* target, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  ASSAY_RETURN_IF_ERROR(do_upload(target, bytes));
  uploaded_bytes_.fetch_add(static_cast<int64_t>(bytes.size()), std::memory_order_relaxed);
  return {};
}

Status Device::download(std::span<std::byte> target, const void* source, int64_t bytes) {
  if (bytes != static_cast<int64_t>(target.size())) {
    return fail(StatusCode::kInvalidArgument, "download of {} bytes into a span of {}", bytes,
                target.size());
  }
  if (target.empty()) return {};
  ASSAY_RETURN_IF_ERROR(do_download(target, source));
  downloaded_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return {};
}

}  // namespace assay::kernels
