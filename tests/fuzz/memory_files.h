// One file in memory, under every path and unchangeable, for fuzz targets of readers. The bytes
// must outlive it. Thread-safe.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/file_layer.h"

namespace assay {

// The bytes as a file; it cannot be changed.
class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::string_view bytes) : bytes_(bytes) {}
  Status append(std::span<const std::byte>) override { return refuse(); }
  Status sync() override { return refuse(); }
  Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
    if (offset < 0) std::abort();
    const auto at = std::min(static_cast<size_t>(offset), bytes_.size());
    const size_t count = std::min(bytes.size(), bytes_.size() - at);
    bytes_.copy(reinterpret_cast<char*>(bytes.data()), count, at);
    return static_cast<int64_t>(count);
  }
  Result<int64_t> size() override { return static_cast<int64_t>(bytes_.size()); }

 private:
  static Status refuse() { return fail(StatusCode::kIo, "read only"); }
  std::string_view bytes_;
};

class MemoryFiles : public FileLayer {
 public:
  explicit MemoryFiles(std::string_view bytes) : bytes_(bytes) {}
  Result<std::unique_ptr<File>> create(const std::string&) override { return refuse(); }
  Result<std::unique_ptr<File>> open(const std::string&) override {
    return std::make_unique<MemoryFile>(bytes_);
  }
  Result<std::unique_ptr<File>> open_append(const std::string&) override { return refuse(); }
  Status rename(const std::string&, const std::string&) override { return refuse(); }
  Status link(const std::string&, const std::string&) override { return refuse(); }
  Status unlink(const std::string&) override { return refuse(); }
  Status make_folder(const std::string&) override { return refuse(); }
  Status remove_folder(const std::string&) override { return refuse(); }
  Status sync_folder(const std::string&) override { return refuse(); }
  Result<std::vector<std::string>> list(const std::string&) override { return refuse(); }
  bool exists(const std::string&) override { return true; }
  Result<FileInfo> stat(const std::string&) override { return refuse(); }
  Result<std::vector<FolderEntry>> scan(const std::string&) override { return refuse(); }

 private:
  static tl::unexpected<Error> refuse() { return fail(StatusCode::kIo, "memory only"); }
  std::string_view bytes_;
};

}  // namespace assay
