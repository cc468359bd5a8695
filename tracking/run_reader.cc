// Reading the layout that run_file.cc writes. The image is verified before HDF5 sees it; what is
// missing in a file is empty in the record.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>

#include "tracking/hdf5_internal.h"
#include "tracking/records_internal.h"
#include "tracking/run_fields_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"

namespace assay::tracking {
namespace {

static_assert(std::endian::native == std::endian::little, "run files are little-endian");

constexpr int64_t kFileLimitBytes = int64_t{4} << 30;

// Values of a group by key, with a default for what is not there.
class Values {
 public:
  explicit Values(std::map<std::string, Value> values) : values_(std::move(values)) {}

  std::string text(const char* key) const {
    const auto it = values_.find(key);
    return it == values_.end() ? std::string() : it->second.text();
  }
  int64_t integer(const char* key) const {
    const auto it = values_.find(key);
    if (it == values_.end()) return 0;
    const auto* number = std::get_if<int64_t>(&it->second.data());
    return number == nullptr ? 0 : *number;
  }
  bool flag(const char* key) const {
    const auto it = values_.find(key);
    if (it == values_.end()) return false;
    const auto* value = std::get_if<bool>(&it->second.data());
    return value != nullptr && *value;
  }
  std::optional<double> number(const char* key) const {
    const auto it = values_.find(key);
    if (it == values_.end()) return std::nullopt;
    const auto* value = std::get_if<double>(&it->second.data());
    return value == nullptr ? std::nullopt : std::optional<double>(*value);
  }

 private:
  std::map<std::string, Value> values_;
};

Result<RunInfo> read_root(hid_t file) {
  ASSAY_ASSIGN_OR_RETURN(auto attributes, read_values(file));
  const Values values(std::move(attributes));
  if (values.text("schema") != "assay.run") {
    return fail(StatusCode::kData, "its schema is '{}' (must be 'assay.run')",
                values.text("schema"));
  }
  if (values.integer("schema_version") > int64_t{kRunSchemaVersion}) {
    return fail(StatusCode::kData,
                "it has schema version {}, written by a newer release (this one reads up to {})",
                values.integer("schema_version"), kRunSchemaVersion);
  }
  RunInfo info;
  std::string status;
  visit_fields(info, [&](const char* name, auto& field) {
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, RunStatus>) {
      status = values.text(name);
    } else if constexpr (std::is_same_v<Field, std::optional<double>>) {
      field = values.number(name);
    } else if constexpr (std::is_same_v<Field, bool>) {
      field = values.flag(name);
    } else if constexpr (std::is_integral_v<Field>) {
      field = static_cast<Field>(values.integer(name));
    } else {
      field = values.text(name);
    }
  });
  ASSAY_ASSIGN_OR_RETURN(info.status, parse_run_status(status));
  return info;
}

Result<std::map<std::string, Value>> read_value_group(hid_t file, const char* name) {
  if (!has_link(file, name)) return std::map<std::string, Value>();
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(file, name));
  return read_values(group.get());
}

Status read_metrics(hid_t file, RunRecord& record) {
  if (!has_link(file, "metrics")) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(file, "metrics"));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> links, link_names(group.get()));
  const Hdf5Type type(H5Tcreate(H5T_COMPOUND, sizeof(MetricPoint)));
  H5Tinsert(type.get(), "step", offsetof(MetricPoint, step), H5T_NATIVE_INT64);
  H5Tinsert(type.get(), "time", offsetof(MetricPoint, time), H5T_NATIVE_DOUBLE);
  H5Tinsert(type.get(), "value", offsetof(MetricPoint, value), H5T_NATIVE_DOUBLE);
  for (const std::string& link : links) {
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Array array, open_array(group.get(), link));
    std::vector<MetricPoint> points(array.count);
    ASSAY_RETURN_IF_ERROR(read_into(array, type.get(), points.data()));
    record.metrics[original_key(array.data_set.get(), link)] = std::move(points);
  }
  return {};
}

Status read_logs(hid_t file, RunRecord& record) {
  if (!has_link(file, "logs")) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(file, "logs"));
  if (has_link(group.get(), "stdout")) {
    ASSAY_ASSIGN_OR_RETURN(record.stdout_text, read_bytes(group.get(), "stdout"));
  }
  if (has_link(group.get(), "stderr")) {
    ASSAY_ASSIGN_OR_RETURN(record.stderr_text, read_bytes(group.get(), "stderr"));
  }
  return {};
}

// One text column of a compound table.
Result<std::vector<std::string>> read_text_member(const Hdf5Array& array, const char* name) {
  const int index = H5Tget_member_index(array.type.get(), name);
  if (index < 0) return fail(StatusCode::kData, "a table has no column '{}'", name);
  const Hdf5Type member(H5Tget_member_type(array.type.get(), static_cast<unsigned>(index)));
  if (H5Tget_class(member.get()) != H5T_STRING || H5Tis_variable_str(member.get()) > 0) {
    return fail(StatusCode::kData, "a table's column '{}' is no text", name);
  }
  const size_t width = H5Tget_size(member.get());
  const Hdf5Type type(H5Tcreate(H5T_COMPOUND, width));
  H5Tinsert(type.get(), name, 0, member.get());
  std::string packed(width * array.count, '\0');
  ASSAY_RETURN_IF_ERROR(read_into(array, type.get(), packed.data()));
  std::vector<std::string> texts;
  for (size_t i = 0; i < array.count; ++i) {
    const char* begin = &packed[i * width];
    texts.emplace_back(begin, std::find(begin, begin + width, '\0'));
  }
  return texts;
}

Result<std::vector<int64_t>> read_sizes(const Hdf5Array& array) {
  const Hdf5Type type(H5Tcreate(H5T_COMPOUND, sizeof(int64_t)));
  H5Tinsert(type.get(), "size", 0, H5T_NATIVE_INT64);
  std::vector<int64_t> sizes(array.count);
  ASSAY_RETURN_IF_ERROR(read_into(array, type.get(), sizes.data()));
  return sizes;
}

Status read_artifacts(hid_t file, RunRecord& record) {
  if (!has_link(file, "artifacts")) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Array array, open_array(file, "artifacts"));
  ASSAY_ASSIGN_OR_RETURN(auto paths, read_text_member(array, "path"));
  ASSAY_ASSIGN_OR_RETURN(auto hashes, read_text_member(array, "sha256"));
  ASSAY_ASSIGN_OR_RETURN(auto types, read_text_member(array, "media_type"));
  ASSAY_ASSIGN_OR_RETURN(const auto sizes, read_sizes(array));
  for (size_t i = 0; i < sizes.size(); ++i) {
    record.artifacts.push_back(
        {std::move(paths[i]), std::move(hashes[i]), sizes[i], std::move(types[i])});
  }
  return {};
}

Status read_prediction(hid_t all, const std::string& link, RunRecord& record) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(all, link));
  auto set = std::make_shared<Predictions>();
  set->name = original_key(group.get(), link);
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Array array, open_array(group.get(), "values"));
  if (array.dims.size() != 2) {
    return fail(StatusCode::kData, "predictions '{}' have {} dimensions (must be 2)", set->name,
                array.dims.size());
  }
  set->rows = static_cast<int64_t>(array.dims[0]);
  set->columns = static_cast<int64_t>(array.dims[1]);
  if (H5Tget_size(array.type.get()) == sizeof(float)) {
    std::vector<float> values(array.count);
    ASSAY_RETURN_IF_ERROR(read_into(array, H5T_NATIVE_FLOAT, values.data()));
    set->values = std::move(values);
  } else {
    std::vector<double> values(array.count);
    ASSAY_RETURN_IF_ERROR(read_into(array, H5T_NATIVE_DOUBLE, values.data()));
    set->values = std::move(values);
  }
  if (has_link(group.get(), "row_ids")) {
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Array ids, open_array(group.get(), "row_ids"));
    set->row_ids.resize(ids.count);
    ASSAY_RETURN_IF_ERROR(read_into(ids, H5T_NATIVE_INT64, set->row_ids.data()));
  }
  if (has_link(group.get(), "column_names")) {
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Array names, open_array(group.get(), "column_names"));
    ASSAY_ASSIGN_OR_RETURN(set->column_names, read_texts(names));
  }
  record.predictions.push_back(std::move(set));
  return {};
}

Result<TableColumn> read_column(hid_t group, const std::string& name) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Array array, open_array(group, escape_key(name)));
  TableColumn column{name, {}};
  switch (H5Tget_class(array.type.get())) {
    case H5T_FLOAT: {
      std::vector<double> values(array.count);
      ASSAY_RETURN_IF_ERROR(read_into(array, H5T_NATIVE_DOUBLE, values.data()));
      column.values = std::move(values);
      return column;
    }
    case H5T_INTEGER: {
      std::vector<int64_t> values(array.count);
      ASSAY_RETURN_IF_ERROR(read_into(array, H5T_NATIVE_INT64, values.data()));
      column.values = std::move(values);
      return column;
    }
    default: {
      ASSAY_ASSIGN_OR_RETURN(column.values, read_texts(array));
      return column;
    }
  }
}

Result<NamedTable> read_table(hid_t parent, const std::string& link) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(parent, link));
  NamedTable table{original_key(group.get(), link), {}};
  ASSAY_ASSIGN_OR_RETURN(const auto names, read_text_attribute(group.get(), "columns"));
  for (const std::string& name : names) {
    ASSAY_ASSIGN_OR_RETURN(TableColumn column, read_column(group.get(), name));
    table.columns.push_back(std::move(column));
  }
  return table;
}

// Calls take(group, link) for each link of a group, if there is such a group.
template <class Take>
Status for_each_link(hid_t file, const char* name, Take take) {
  if (!has_link(file, name)) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(file, name));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> links, link_names(group.get()));
  for (const std::string& link : links) {
    Status status = take(group.get(), link);
    if (!status) return status;
  }
  return {};
}

Status read_source(hid_t file, RunRecord& record) {
  if (!has_link(file, "source")) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(file, "source"));
  ASSAY_ASSIGN_OR_RETURN(auto attributes, read_values(group.get()));
  const Values values(std::move(attributes));
  SourceInfo source;
  source.manifest_sha256 = values.text("manifest_sha256");
  source.config_path = values.text("config_path");
  source.git_commit = values.text("git_commit");
  source.git_branch = values.text("git_branch");
  source.git_dirty = values.flag("git_dirty");
  source.git_diff_sha256 = values.text("git_diff_sha256");
  source.git_note = values.text("git_note");
  if (has_link(group.get(), "config")) {
    ASSAY_ASSIGN_OR_RETURN(source.config, read_bytes(group.get(), "config"));
  }
  if (has_link(group.get(), "files")) {
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Array array, open_array(group.get(), "files"));
    ASSAY_ASSIGN_OR_RETURN(auto paths, read_text_member(array, "path"));
    ASSAY_ASSIGN_OR_RETURN(auto modes, read_text_member(array, "mode"));
    ASSAY_ASSIGN_OR_RETURN(auto hashes, read_text_member(array, "sha256"));
    ASSAY_ASSIGN_OR_RETURN(const auto sizes, read_sizes(array));
    for (size_t i = 0; i < sizes.size(); ++i) {
      const auto mode = static_cast<uint32_t>(std::strtoul(modes[i].c_str(), nullptr, 8));
      source.files.push_back({std::move(paths[i]), mode, sizes[i], std::move(hashes[i])});
    }
  }
  record.source = std::move(source);
  return {};
}

Status read_dataset_use(hid_t all, const std::string& link, RunRecord& record) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(all, link));
  ASSAY_ASSIGN_OR_RETURN(auto attributes, read_values(group.get()));
  const Values values(std::move(attributes));
  DatasetUse use{values.text("name"),
                 values.text("version"),
                 values.text("content_hash"),
                 values.text("role"),
                 values.integer("rows"),
                 values.integer("columns"),
                 {}};
  if (has_link(group.get(), "profile")) {
    ASSAY_ASSIGN_OR_RETURN(NamedTable profile, read_table(group.get(), "profile"));
    use.profile = std::move(profile.columns);
  }
  record.datasets.push_back(std::move(use));
  return {};
}

Status read_model_use(hid_t all, const std::string& link, RunRecord& record) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, open_group(all, link));
  ASSAY_ASSIGN_OR_RETURN(auto attributes, read_values(group.get()));
  const Values values(std::move(attributes));
  record.models.push_back({values.text("name"), values.integer("version"), values.text("sha256"),
                           values.integer("size"), values.integer("format_version"),
                           values.text("input_contract")});
  return {};
}

Result<RunRecord> read_layout(hid_t file) {
  RunRecord record;
  ASSAY_ASSIGN_OR_RETURN(record.info, read_root(file));
  ASSAY_ASSIGN_OR_RETURN(record.params, read_value_group(file, "params"));
  ASSAY_ASSIGN_OR_RETURN(record.tags, read_value_group(file, "tags"));
  ASSAY_ASSIGN_OR_RETURN(record.environment, read_value_group(file, "environment"));
  ASSAY_RETURN_IF_ERROR(read_metrics(file, record));
  ASSAY_RETURN_IF_ERROR(read_logs(file, record));
  ASSAY_RETURN_IF_ERROR(read_artifacts(file, record));
  ASSAY_RETURN_IF_ERROR(for_each_link(file, "predictions", [&](hid_t all, const std::string& link) {
    return read_prediction(all, link, record);
  }));
  ASSAY_RETURN_IF_ERROR(
      for_each_link(file, "tables", [&](hid_t all, const std::string& link) -> Status {
        ASSAY_ASSIGN_OR_RETURN(NamedTable table, read_table(all, link));
        record.tables.push_back(std::make_shared<const NamedTable>(std::move(table)));
        return {};
      }));
  ASSAY_RETURN_IF_ERROR(read_source(file, record));
  ASSAY_RETURN_IF_ERROR(for_each_link(file, "datasets", [&](hid_t all, const std::string& link) {
    return read_dataset_use(all, link, record);
  }));
  ASSAY_RETURN_IF_ERROR(for_each_link(file, "models", [&](hid_t all, const std::string& link) {
    return read_model_use(all, link, record);
  }));
  return record;
}

Result<RunRecord> read_verified(std::string_view image) {
  const Hdf5Session session;
  ASSAY_ASSIGN_OR_RETURN(const Hdf5File file, open_image(image));
  return read_layout(file.get());
}

}  // namespace

Result<RunRecord> read_run(FileLayer& files, const std::string& path) try {
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes, read_file(files, path, kFileLimitBytes));
  ASSAY_ASSIGN_OR_RETURN(const std::string_view image, verified_image(bytes, path));
  auto record = read_verified(image);
  if (!record) {
    return fail(StatusCode::kData, "run file '{}' cannot be read: {}", path,
                record.error().message);
  }
  return record;
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "not enough memory to read run file '{}'", path);
}

Result<RunRecord> read_run(const std::string& path) {
  PosixFileLayer files;
  return read_run(files, path);
}

Result<RunInfo> read_run_info(FileLayer& files, const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string summary, read_summary(files, path));
  return parse_run_info(summary, path);
}

}  // namespace assay::tracking
