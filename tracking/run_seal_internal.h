// The seal after the HDF5 part of a run file or of the catalog. HDF5 readers stop at the
// end-of-file address in the superblock and never see it.
//
//   [HDF5 image][summary, JSON][footer, 160 bytes, little-endian]
//   footer: "ASSAYRUN" or "ASSAYCAT", u32 seal version, u32 0, u64 image bytes, u64 summary bytes,
//           SHA-256 of the image (64 hex digits), SHA-256 of summary and the 96 bytes before
//           (ditto)
//
// A cut file has no footer, a changed one a wrong hash: nothing unverified reaches HDF5.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"

namespace assay::tracking {

struct SealKind {
  std::string_view magic;  // 8 bytes
  std::string_view what;   // in messages
  uint64_t summary_limit;  // bytes
};
inline constexpr SealKind kRunSeal = {"ASSAYRUN", "run file", uint64_t{1} << 20};
inline constexpr SealKind kCatalogSeal = {"ASSAYCAT", "catalog", uint64_t{256} << 20};

// Appends summary and footer to an image.
void append_seal(std::string& image, std::string_view summary, const SealKind& kind = kRunSeal);

// The summary of a sealed file; reads only its end. Fails: not_found, io, data.
Result<std::string> read_summary(FileLayer& files, const std::string& path);
// Likewise of an open file, with the bytes of the image before it.
struct SealedSummary {
  std::string text;
  uint64_t image_bytes = 0;
};
Result<SealedSummary> read_summary(File& file, const std::string& source, const SealKind& kind);

// The summary in a whole sealed file, of which only the place is looked at, not the hashes.
// Fails: data; `source` is what the message calls it.
Result<std::string_view> sealed_summary(std::string_view file, const std::string& source,
                                        const SealKind& kind = kRunSeal);

// The verified image of a sealed file. Fails: data; `source` is what the message calls it.
Result<std::string_view> verified_image(std::string_view file, const std::string& source,
                                        const SealKind& kind = kRunSeal);

}  // namespace assay::tracking
