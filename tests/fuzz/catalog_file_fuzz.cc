// Any bytes as catalog.h5, and as the directory in its seal: an error or columns, never a crash.
#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "tests/fuzz/memory_files.h"
#include "tracking/catalog_file_internal.h"
#include "tracking/run_seal_internal.h"

namespace {

using namespace assay;
using namespace assay::tracking;

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
