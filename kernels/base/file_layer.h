// The file operations that durability depends on, as an interface, so that tests can make the n-th
// write fail (ENOSPC, EIO) for every n. PosixFileLayer is the real one. Every failure is an `io`
// error that names the path and the system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/status.h"

namespace assay {

// An open file. Closed when destroyed. Not thread-safe.
class File {
 public:
  virtual ~File() = default;
  // Writes all bytes at the end of what was written before.
  virtual Status append(std::span<const std::byte> bytes) = 0;
  // fdatasync. After a failure the file's state is unknown: do not retry, give the file up.
  virtual Status sync() = 0;
  // Reads up to bytes.size() from `offset`; 0 at the end of the file.
  virtual Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) = 0;
  virtual Result<int64_t> size() = 0;
};

// What the file system knows about a file or folder. Times are nanoseconds since 1970 UTC.
struct FileInfo {
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;  // when the content changed (a folder: when a name in it changed)
  int64_t changed_ns = 0;   // when content, name, links or rights changed; cannot be set
  uint64_t links = 0;       // hard links
  bool folder = false;
  bool special = false;  // a pipe, a socket or a device
  bool operator==(const FileInfo&) const = default;
};

struct FolderEntry {
  std::string name;
  FileInfo info;
};

// Thread-safe.
class FileLayer {
 public:
  virtual ~FileLayer() = default;
  // O_CREAT | O_EXCL. Fails: already_exists.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  // Read only. A folder, a pipe, a socket or a device is no file: it is not waited for.
  // Fails: not_found, also for those and for a link that leads back to itself.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  // An existing file to append to (O_APPEND): what one append() writes stays together although
  // other processes append too, as long as the disk takes all of it. It cannot be read.
  // Fails: as open().
  virtual Result<std::unique_ptr<File>> open_append(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  // Hard link. Fails: already_exists.
  virtual Status link(const std::string& from, const std::string& to) = 0;
  // Fails: not_found.
  virtual Status unlink(const std::string& path) = 0;
  // Creates the folder; fine if it is there. Fails: not_found if its parent is missing.
  virtual Status make_folder(const std::string& path) = 0;
  // Makes creations, renames and unlinks in the folder durable.
  virtual Status sync_folder(const std::string& path) = 0;
  // Names in the folder, sorted, without . and ..
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  // Follows a symbolic link. Fails: not_found, also if that leads back to itself.
  virtual Result<FileInfo> stat(const std::string& path) = 0;
  // The names in the folder, sorted, each with what stat() says, links not followed. A name that
  // vanishes meanwhile is left out. Fails: not_found.
  virtual Result<std::vector<FolderEntry>> scan(const std::string& path) = 0;
  // Removes an empty folder. Fails: not_found; io if it holds anything.
  virtual Status remove_folder(const std::string& path) = 0;
};

class PosixFileLayer final : public FileLayer {
 public:
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<std::unique_ptr<File>> open_append(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status link(const std::string& from, const std::string& to) override;
  Status unlink(const std::string& path) override;
  Status make_folder(const std::string& path) override;
  Status sync_folder(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::vector<FolderEntry>> scan(const std::string& path) override;
  Status remove_folder(const std::string& path) override;
};

// Creates the folder and its parents; fine if it is there. Fails: io.
Status make_folders(FileLayer& files, const std::string& path);

// The whole file. Fails: not_found, io, resource_exhausted if it is larger than `limit_bytes`.
Result<std::string> read_file(FileLayer& files, const std::string& path, int64_t limit_bytes);

// Publishes bytes under a name: temporary file in `temporary_folder` (same file system), fsync,
// rename, fsync of the target's folder. Readers see the old file or the whole new one.
Status publish_file(FileLayer& files, const std::string& temporary_folder, const std::string& path,
                    std::span<const std::byte> bytes);

}  // namespace assay
