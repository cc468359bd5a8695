// Any bytes as catalog.h5, and as the directory in its seal: an error or columns, never a crash.
#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "tracking/catalog_file_internal.h"
#include "tracking/run_seal_internal.h"

namespace {

using namespace assay;
using namespace assay::tracking;

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

class MemoryFiles final : public FileLayer {
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

void read_all(std::string_view bytes) {
  MemoryFiles files(bytes);
  const auto file = CatalogFile::open(files, "fuzz");
  if (!file) return;
  // Columns are as long as the directory says; memory is not what is tested here.
  if ((*file)->rows() > 100'000) return;
  (void)(*file)->run_ids();
  (void)(*file)->identities();
  for (const auto& [field, parts] : (*file)->directory().columns) {
    const auto column = (*file)->column(field);
    if (!column) continue;
    for (size_t row = 0; row < column->size(); ++row) (void)column->cell(row);
    (void)column->ranks();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_all(text);
  // The input as an image of zeros with a directory: "<bytes of the image>\n<JSON>", rightly
  // sealed.
  const size_t line = std::min(text.find('\n'), text.size());
  const unsigned long long asked =
      std::strtoull(std::string(text.substr(0, line)).c_str(), nullptr, 10);
  std::string file(static_cast<size_t>(std::min<unsigned long long>(asked, 1 << 16)), '\0');
  append_seal(file, line < text.size() ? text.substr(line + 1) : std::string_view(), kCatalogSeal);
  read_all(file);
  return 0;
}
