// Writing catalog.h5. Each array is its own HDF5 data set in one piece; where HDF5 put it in the
// file goes into the directory.
#include <algorithm>
#include <bit>
#include <new>
#include <numeric>

#include "kernels/base/crc32c.h"
#include "tracking/catalog_file_internal.h"
#include "tracking/hdf5_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"
#include "tracking/run_table_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr std::array<const char*, kFieldGroups> kGroups = {
    "run", "params", "tags", "metrics_last", "metrics_min", "metrics_max", "metrics_count"};

// The values of one type in a column, in the order of the new rows.
struct Part {
  std::vector<uint32_t> rows;
  std::vector<uint64_t> bits;
};

class Writer {
 public:
  Writer(RunTable& table, hid_t file) : table_(table), file_(file) {}

  Result<CatalogDirectory> write(const ShardStamps& stamps) {
    ASSAY_ASSIGN_OR_RETURN(directory_.id, make_ulid());
    directory_.stamps = stamps;
    order_rows();
    ASSAY_RETURN_IF_ERROR(write_root());
    ASSAY_RETURN_IF_ERROR(write_files());
    for (const char* name : kGroups) {
      ASSAY_ASSIGN_OR_RETURN(Hdf5Group group, create_group(file_, name));
      groups_.push_back(std::move(group));
    }
    for (const RunField& field : table_.load_all()) ASSAY_RETURN_IF_ERROR(write_column(field));
    return std::move(directory_);
  }

 private:
  void order_rows() {
    for (size_t shard = 0; shard < kShards; ++shard) {
      const std::vector<size_t> rows = table_.shard_rows(shard);
      order_.insert(order_.end(), rows.begin(), rows.end());
      directory_.shard_ends[shard] = order_.size();
    }
    directory_.rows = order_.size();
  }

  Status write_root() {
    ASSAY_RETURN_IF_ERROR(write_value(file_, "schema", "assay.catalog"));
    ASSAY_RETURN_IF_ERROR(write_value(file_, "schema_version", int64_t{kCatalogVersion}));
    ASSAY_RETURN_IF_ERROR(write_value(file_, "id", directory_.id));
    return write_value(file_, "rows", static_cast<int64_t>(directory_.rows));
  }

  Status write_files() {
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(file_, "files"));
    std::string ids;
    std::vector<uint64_t> inodes;
    std::vector<int64_t> sizes;
    std::vector<int64_t> times;
    for (const size_t row : order_) {
      ids += table_.id(row);
      ASSAY_ASSIGN_OR_RETURN(const FileIdentity identity, table_.identity(row));
      inodes.push_back(identity.inode);
      sizes.push_back(identity.size);
      times.push_back(identity.modified_ns);
    }
    const Hdf5Type id_type = text_type(kRunIdBytes);
    ASSAY_ASSIGN_OR_RETURN(directory_.run_ids, put(group.get(), "run_id", id_type.get(),
                                                   order_.size(), ids.data(), kRunIdBytes));
    ASSAY_ASSIGN_OR_RETURN(directory_.inodes, put(group.get(), "inode", H5T_STD_U64LE, inodes));
    ASSAY_ASSIGN_OR_RETURN(directory_.sizes, put(group.get(), "size", H5T_STD_I64LE, sizes));
    ASSAY_ASSIGN_OR_RETURN(directory_.modified_ns,
                           put(group.get(), "modified_ns", H5T_STD_I64LE, times));
    return {};
  }

  Status write_column(const RunField& field) {
    const bool loaded = table_.loaded(field);
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* column, table_.column(field));
    std::array<Part, 5> parts;
    for (size_t row = 0; row < order_.size(); ++row) {
      const CellKind kind = column->kind(order_[row]);
      if (kind == CellKind::kNone) continue;
      Part& part = parts[static_cast<size_t>(kind)];
      part.rows.push_back(static_cast<uint32_t>(row));
      part.bits.push_back(column->bits(order_[row]));
    }
    Hdf5Group group;
    for (size_t kind = 1; kind < parts.size(); ++kind) {
      if (parts[kind].rows.empty()) continue;
      if (!group.valid()) {
        const hid_t parent = groups_[static_cast<size_t>(field.group)].get();
        ASSAY_ASSIGN_OR_RETURN(group, create_group(parent, escape_key(field.key)));
        ASSAY_RETURN_IF_ERROR(write_value(group.get(), "key", field.key));
      }
      ASSAY_ASSIGN_OR_RETURN(CatalogPart part, write_part(group.get(), static_cast<CellKind>(kind),
                                                          parts[kind], *column));
      directory_.columns[field].push_back(part);
    }
    if (!loaded) table_.forget(field);
    return {};
  }

  Result<CatalogPart> write_part(hid_t group, CellKind kind, Part& part, const RunColumn& column) {
    CatalogPart written;
    written.type = kind;
    const bool all = part.rows.size() == order_.size();
    const std::string name = kind == CellKind::kNumber    ? "f64"
                             : kind == CellKind::kInteger ? "i64"
                             : kind == CellKind::kFlag    ? "u8"
                                                          : "text";
    if (!all) {
      ASSAY_ASSIGN_OR_RETURN(written.rows, put(group, name + "_rows", H5T_STD_U32LE, part.rows));
    }
    if (kind == CellKind::kText) {
      ASSAY_RETURN_IF_ERROR(write_texts_of(group, part, column, written));
      const std::vector<uint32_t> codes(part.bits.begin(), part.bits.end());
      ASSAY_ASSIGN_OR_RETURN(written.values, put(group, name, H5T_STD_U32LE, codes));
    } else if (kind == CellKind::kFlag) {
      const std::vector<uint8_t> flags(part.bits.begin(), part.bits.end());
      ASSAY_ASSIGN_OR_RETURN(written.values, put(group, name, H5T_STD_U8LE, flags));
    } else {
      const hid_t type = kind == CellKind::kNumber ? H5T_IEEE_F64LE : H5T_STD_I64LE;
      ASSAY_ASSIGN_OR_RETURN(written.values, put(group, name, type, part.bits));
    }
    return written;
  }

  // Writes the texts that the rows use, each once and in order, and numbers the rows by them.
  Status write_texts_of(hid_t group, Part& part, const RunColumn& column, CatalogPart& written) {
    const std::vector<uint32_t>& ranks = column.ranks();
    constexpr uint64_t kUnused = ~uint64_t{0};
    std::vector<uint64_t> text_of_rank(column.texts().size(), kUnused);
    for (const uint64_t code : part.bits) text_of_rank[ranks[code]] = code;
    std::vector<uint32_t> number_of_rank(text_of_rank.size());
    std::string bytes;
    std::vector<uint64_t> ends;
    for (size_t rank = 0; rank < text_of_rank.size(); ++rank) {
      if (text_of_rank[rank] == kUnused) continue;
      number_of_rank[rank] = static_cast<uint32_t>(ends.size());
      bytes += column.texts().at(text_of_rank[rank]);
      ends.push_back(bytes.size());
    }
    for (uint64_t& code : part.bits) code = number_of_rank[ranks[code]];
    ASSAY_ASSIGN_OR_RETURN(written.texts,
                           put(group, "texts", H5T_STD_U8LE, bytes.size(), bytes.data(), 1));
    ASSAY_ASSIGN_OR_RETURN(written.text_ends, put(group, "text_ends", H5T_STD_U64LE, ends));
    return {};
  }

  template <class T>
  Result<CatalogArray> put(hid_t group, const std::string& name, hid_t type,
                           const std::vector<T>& values) {
    return put(group, name, type, values.size(), values.data(), sizeof(T));
  }

  Result<CatalogArray> put(hid_t group, const std::string& name, hid_t type, size_t count,
                           const void* data, size_t element_bytes) {
    const std::string doing = fmt::format("write '{}'", name);
    const hsize_t extent = count;
    const Hdf5Space space(H5Screate_simple(1, &extent, nullptr));
    const Hdf5Property plist(H5Pcreate(H5P_DATASET_CREATE));
    const bool ready = H5Pset_obj_track_times(plist.get(), false) >= 0 &&
                       H5Pset_layout(plist.get(), H5D_CONTIGUOUS) >= 0 &&
                       H5Pset_alloc_time(plist.get(), H5D_ALLOC_TIME_EARLY) >= 0 &&
                       H5Pset_fill_time(plist.get(), H5D_FILL_TIME_NEVER) >= 0;
    const Hdf5DataSet data_set(ready ? H5Dcreate2(group, name.c_str(), type, space.get(),
                                                  H5P_DEFAULT, plist.get(), H5P_DEFAULT)
                                     : H5I_INVALID_HID);
    if (!data_set.valid()) return hdf5_failure(doing);
    if (count == 0) return CatalogArray{};
    if (H5Dwrite(data_set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
      return hdf5_failure(doing);
    }
    const haddr_t offset = H5Dget_offset(data_set.get());
    if (offset == HADDR_UNDEF) return hdf5_failure(doing);
    const size_t bytes = count * element_bytes;
    return CatalogArray{offset, bytes,
                        crc32c(std::string_view(static_cast<const char*>(data), bytes))};
  }

  RunTable& table_;
  hid_t file_;
  std::vector<size_t> order_;  // the table's row of each new row
  std::vector<Hdf5Group> groups_;
  CatalogDirectory directory_;
};

}  // namespace

Result<std::string> catalog_image(RunTable& table, const ShardStamps& stamps,
                                  std::span<const MissingRun> missing) try {
  CatalogDirectory directory;
  std::string image;
  {
    const Hdf5Session session;
    ASSAY_ASSIGN_OR_RETURN(Hdf5Image file, Hdf5Image::create());
    {
      Writer writer(table, file.file());
      ASSAY_ASSIGN_OR_RETURN(directory, writer.write(stamps));
      directory.missing.assign(missing.begin(), missing.end());
    }
    ASSAY_ASSIGN_OR_RETURN(image, file.take());
  }
  append_seal(image, to_json(directory), kCatalogSeal);
  return image;
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "not enough memory to build the catalog");
}

}  // namespace assay::tracking
