#include <algorithm>
#include <cstring>

#include "kernels/base/crc32c.h"
#include "tracking/catalog_file_internal.h"
#include "tracking/run_seal_internal.h"

namespace assay::tracking {
namespace {

template <class T>
std::vector<T> numbers_of(const std::string& bytes) {
  std::vector<T> numbers(bytes.size() / sizeof(T));
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(T));
  return numbers;
}

}  // namespace

CatalogFile::CatalogFile(std::unique_ptr<File> file, std::string path, CatalogDirectory directory)
    : file_(std::move(file)), path_(std::move(path)), directory_(std::move(directory)) {}

tl::unexpected<Error> CatalogFile::damaged(std::string_view how) const {
  return fail(StatusCode::kData, "catalog '{}' is damaged: {}", path_, how);
}

Result<std::shared_ptr<const CatalogFile>> CatalogFile::open(FileLayer& files,
                                                             const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(auto file, files.open(path));
  ASSAY_ASSIGN_OR_RETURN(const SealedSummary seal, read_summary(*file, path, kCatalogSeal));
  auto directory = parse_directory(seal.text, seal.image_bytes);
  if (!directory) {
    return fail(StatusCode::kData, "catalog '{}' is damaged: {}", path, directory.error().message);
  }
  return std::shared_ptr<const CatalogFile>(
      new CatalogFile(std::move(file), path, std::move(*directory)));
}

Result<std::string> CatalogFile::read(const CatalogArray& array) const {
  std::string bytes(array.bytes, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t count,
                           file_->read_at(static_cast<int64_t>(array.offset + done),
                                          std::as_writable_bytes(std::span(bytes).subspan(done))));
    if (count == 0) return damaged("it ends early");
    done += static_cast<size_t>(count);
  }
  if (crc32c(bytes) != array.crc) return damaged("a column does not match its checksum");
  return bytes;
}

Result<std::string> CatalogFile::run_ids() const { return read(directory_.run_ids); }

Result<std::vector<FileIdentity>> CatalogFile::identities() const {
  ASSAY_ASSIGN_OR_RETURN(const std::string inodes, read(directory_.inodes));
  ASSAY_ASSIGN_OR_RETURN(const std::string sizes, read(directory_.sizes));
  ASSAY_ASSIGN_OR_RETURN(const std::string times, read(directory_.modified_ns));
  std::vector<FileIdentity> identities(rows());
  for (size_t row = 0; row < identities.size(); ++row) {
    std::memcpy(&identities[row].inode, &inodes[row * 8], 8);
    std::memcpy(&identities[row].size, &sizes[row * 8], 8);
    std::memcpy(&identities[row].modified_ns, &times[row * 8], 8);
  }
  return identities;
}

Result<RunColumn> CatalogFile::column(const RunField& field) const {
  RunColumn column(rows());
  const auto it = directory_.columns.find(field);
  if (it == directory_.columns.end()) return column;
  for (const CatalogPart& part : it->second) ASSAY_RETURN_IF_ERROR(add_part(part, column));
  return column;
}

Status CatalogFile::add_part(const CatalogPart& part, RunColumn& column) const {
  ASSAY_ASSIGN_OR_RETURN(const std::string values, read(part.values));
  const size_t width = part.type == CellKind::kText ? 4 : part.type == CellKind::kFlag ? 1 : 8;
  const size_t count = values.size() / width;
  std::vector<uint32_t> rows;
  if (part.rows) {
    ASSAY_ASSIGN_OR_RETURN(const std::string bytes, read(*part.rows));
    rows = numbers_of<uint32_t>(bytes);
    if (rows.size() != count) return damaged("a column has more values than rows");
    if (std::any_of(rows.begin(), rows.end(), [&](uint32_t row) { return row >= column.size(); })) {
      return damaged("a column names a row that is not there");
    }
  }
  if (part.type == CellKind::kText) {
    ASSAY_ASSIGN_OR_RETURN(std::string texts, read(part.texts));
    ASSAY_ASSIGN_OR_RETURN(const std::string ends, read(part.text_ends));
    const bool fits = column.texts().size() == 0 &&
                      column.texts().assign(std::move(texts), numbers_of<uint64_t>(ends));
    if (!fits) return damaged("the texts of a column do not fit their ends");
  }
  for (size_t i = 0; i < count; ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, &values[i * width], width);
    if (part.type == CellKind::kText && bits >= column.texts().size()) {
      return damaged("a column names a text that is not there");
    }
    column.set(part.rows ? rows[i] : i, part.type, bits);
  }
  return {};
}

}  // namespace assay::tracking
