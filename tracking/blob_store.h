// Files stored once by content: blobs/<2 hex>/<sha256>. Immutable; two writers that store the same
// bytes share them. Every blob that a writer stores or reuses is first linked into its pins/, so
// that a garbage collector never takes it away in between. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/byte_sink.h"
#include "kernels/base/status.h"

namespace assay::tracking {

class Workspace;

// Where a garbage collection puts blobs until it has looked a second time for who needs them.
inline constexpr std::string_view kBlobTrash = "trash/blobs";

struct BlobRef {
  std::string sha256{};  // 64 lower-case hex digits
  int64_t size = 0;
};

// Whether a name is that of a blob: 64 lower-case hex digits.
bool is_blob_name(std::string_view text);
// blobs/<2 hex>, where a blob with this name lies, and blobs/<2 hex>/<sha256>; below the workspace.
std::string blob_folder(std::string_view sha256);
std::string blob_path(std::string_view sha256);

// A view of the workspace's blobs; cheap to make. The workspace must outlive it.
class BlobStore {
 public:
  explicit BlobStore(Workspace& workspace) : workspace_(workspace) {}

  // Durable when they return. A blob that is there is read once in this process: a damaged one is
  // replaced, and a folder in its place goes to quarantine. Fails: io.
  Result<BlobRef> put(std::span<const std::byte> bytes);
  Result<BlobRef> put(std::string_view text);
  // Bytes that are written block by block. Fails: as `source`, too.
  Result<BlobRef> put(ByteSource source);
  // Copies a file in, block by block. Fails: not_found, io.
  Result<BlobRef> put_file(const std::string& path);

  // The bytes, verified against the hash. Fails: invalid_argument if `sha256` is no hash, data if
  // the blob is damaged or missing, resource_exhausted above `limit_bytes`.
  Result<std::string> read(const std::string& sha256, int64_t limit_bytes = int64_t{1} << 31);
  // Writes the verified bytes to a new or existing file, by rename. Fails: as read(), io.
  Status copy_to(const std::string& sha256, const std::string& path);
  // Reads all of it and compares the hash. Fails: as read().
  Status verify(const std::string& sha256);
  bool contains(const std::string& sha256);
  // Its file: blobs/<2 hex>/<sha256> below the workspace folder, or where a garbage collection has
  // put it that has not ended.
  Result<std::string> path_of(const std::string& sha256);

 private:
  Workspace& workspace_;
};

}  // namespace assay::tracking
