#include <algorithm>
#include <cstdint>

#include "kernels/base/hash.h"
#include "tracking/run_seal_internal.h"

namespace assay::tracking {
namespace {

constexpr uint64_t kSealVersion = 1;
constexpr size_t kFooterBytes = 160;
constexpr size_t kHashBytes = 64;
constexpr size_t kSignedBytes = kFooterBytes - kHashBytes;  // what the second hash covers

void put_number(std::string& to, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(number >> (8 * i) & 0xff);
}

uint64_t get_number(std::string_view from, size_t at, int bytes) {
  uint64_t number = 0;
  for (int i = bytes; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(from[at + static_cast<size_t>(i)]);
  }
  return number;
}

std::string summary_hash(std::string_view summary, std::string_view footer) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(summary.data(), summary.size())));
  hash.update(std::as_bytes(std::span(footer.data(), kSignedBytes)));
  return hash.finish();
}

struct Footer {
  uint64_t image_bytes = 0;
  uint64_t summary_bytes = 0;
  std::string image_hash;
  std::string summary_hash;
};

tl::unexpected<Error> damaged(const SealKind& kind, const std::string& source,
                              std::string_view how) {
  return fail(StatusCode::kData, "{} '{}' is damaged: {}", kind.what, source, how);
}

// `tail` ends where the file of `file_bytes` ends.
Result<Footer> parse_footer(std::string_view tail, uint64_t file_bytes, const std::string& source,
                            const SealKind& kind) {
  if (tail.size() < kFooterBytes) return damaged(kind, source, "it is too short");
  tail.remove_prefix(tail.size() - kFooterBytes);
  if (tail.substr(0, kind.magic.size()) != kind.magic) {
    return damaged(kind, source, "its seal is missing (cut short, or changed by another program)");
  }
  const uint64_t version = get_number(tail, 8, 4);
  if (version > kSealVersion) {
    return fail(StatusCode::kData,
                "{} '{}' has seal version {}, written by a newer release (this one reads up to {})",
                kind.what, source, version, kSealVersion);
  }
  Footer footer{get_number(tail, 16, 8), get_number(tail, 24, 8),
                std::string(tail.substr(32, kHashBytes)),
                std::string(tail.substr(kSignedBytes, kHashBytes))};
  const bool fits = footer.summary_bytes <= kind.summary_limit &&
                    footer.image_bytes <= file_bytes &&
                    footer.image_bytes + footer.summary_bytes + kFooterBytes == file_bytes;
  if (!fits) return damaged(kind, source, "its seal does not fit its size");
  return footer;
}

Result<std::string> read_tail(File& file, int64_t offset, size_t bytes) {
  std::string text(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t count,
                           file.read_at(offset + static_cast<int64_t>(done),
                                        std::as_writable_bytes(std::span(text).subspan(done))));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  text.resize(done);
  return text;
}

}  // namespace

void append_seal(std::string& image, std::string_view summary, const SealKind& kind) {
  std::string footer(kind.magic);
  put_number(footer, kSealVersion, 4);
  put_number(footer, 0, 4);
  put_number(footer, image.size(), 8);
  put_number(footer, summary.size(), 8);
  footer += sha256_hex(image);
  footer += summary_hash(summary, footer);
  image += summary;
  image += footer;
}

Result<SealedSummary> read_summary(File& file, const std::string& source, const SealKind& kind) {
  constexpr int64_t kFirstRead = 4096;  // footer and an ordinary summary in one read
  ASSAY_ASSIGN_OR_RETURN(const int64_t size, file.size());
  int64_t begin = std::max<int64_t>(0, size - kFirstRead);
  ASSAY_ASSIGN_OR_RETURN(std::string tail,
                         read_tail(file, begin, static_cast<size_t>(size - begin)));
  ASSAY_ASSIGN_OR_RETURN(const Footer footer,
                         parse_footer(tail, static_cast<uint64_t>(size), source, kind));
  if (footer.summary_bytes + kFooterBytes > tail.size()) {
    begin = static_cast<int64_t>(footer.image_bytes);
    ASSAY_ASSIGN_OR_RETURN(tail, read_tail(file, begin, static_cast<size_t>(size - begin)));
    if (tail.size() < footer.summary_bytes + kFooterBytes) {
      return damaged(kind, source, "it is too short");
    }
  }
  const std::string_view end =
      std::string_view(tail).substr(tail.size() - footer.summary_bytes - kFooterBytes);
  const std::string_view summary = end.substr(0, footer.summary_bytes);
  if (summary_hash(summary, end.substr(footer.summary_bytes)) != footer.summary_hash) {
    return damaged(kind, source, "its summary does not match its hash");
  }
  return SealedSummary{std::string(summary), footer.image_bytes};
}

Result<std::string> read_summary(FileLayer& files, const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(auto file, files.open(path));
  ASSAY_ASSIGN_OR_RETURN(SealedSummary summary, read_summary(*file, path, kRunSeal));
  return std::move(summary.text);
}

Result<std::string_view> sealed_summary(std::string_view file, const std::string& source,
                                        const SealKind& kind) {
  ASSAY_ASSIGN_OR_RETURN(const Footer footer, parse_footer(file, file.size(), source, kind));
  return file.substr(footer.image_bytes, footer.summary_bytes);
}

Result<std::string_view> verified_image(std::string_view file, const std::string& source,
                                        const SealKind& kind) {
  ASSAY_ASSIGN_OR_RETURN(const Footer footer, parse_footer(file, file.size(), source, kind));
  const std::string_view image = file.substr(0, footer.image_bytes);
  const std::string_view summary = file.substr(footer.image_bytes, footer.summary_bytes);
  const std::string_view end = file.substr(footer.image_bytes + footer.summary_bytes);
  if (summary_hash(summary, end) != footer.summary_hash) {
    return damaged(kind, source, "its summary does not match its hash");
  }
  if (sha256_hex(image) != footer.image_hash) {
    return damaged(kind, source, "its content does not match its hash");
  }
  return image;
}

}  // namespace assay::tracking
