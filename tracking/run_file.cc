// Writing the layout. read_run.cc reads it; docs/store-format.md describes it.
#include "tracking/run_file.h"

#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>

#include "tracking/hdf5_internal.h"
#include "tracking/records_internal.h"
#include "tracking/run_fields_internal.h"
#include "tracking/run_seal_internal.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kLogChunkBytes = size_t{64} * 1024;

Status add_member(const Hdf5Type& type, const char* name, size_t offset, hid_t member) {
  if (H5Tinsert(type.get(), name, offset, member) < 0) return hdf5_failure("make a record type");
  return {};
}

Result<Hdf5Type> point_type() {
  Hdf5Type type(H5Tcreate(H5T_COMPOUND, sizeof(MetricPoint)));
  ASSAY_RETURN_IF_ERROR(add_member(type, "step", offsetof(MetricPoint, step), H5T_STD_I64LE));
  ASSAY_RETURN_IF_ERROR(add_member(type, "time", offsetof(MetricPoint, time), H5T_IEEE_F64LE));
  ASSAY_RETURN_IF_ERROR(add_member(type, "value", offsetof(MetricPoint, value), H5T_IEEE_F64LE));
  return type;
}

Status write_root(hid_t file, const RunRecord& record) {
  const RunInfo& info = record.info;
  ASSAY_RETURN_IF_ERROR(write_value(file, "schema", "assay.run"));
  ASSAY_RETURN_IF_ERROR(write_number(file, "schema_version", H5T_STD_U32LE, &kRunSchemaVersion));
  ASSAY_RETURN_IF_ERROR(write_number(file, "wal_seq", H5T_STD_U64LE, &info.wal_seq));
  std::map<std::string, Value> values = {{"NX_class", "NXroot"}};
  visit_fields(info, [&](const char* name, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, RunStatus>) {
      values[name] = name_of(field);
    } else if constexpr (!std::is_same_v<Field, uint64_t> &&
                         !std::is_same_v<Field, std::optional<double>>) {
      values[name] = field;
    }
  });
  ASSAY_RETURN_IF_ERROR(write_values(file, values));
  if (info.score) ASSAY_RETURN_IF_ERROR(write_value(file, "score", *info.score));
  const char* shown = !record.predictions.empty() ? "predictions"
                      : !record.tables.empty()    ? "tables"
                                                  : "metrics";
  return write_value(file, "default", shown);
}

Status write_group_values(hid_t file, const char* name,
                          const std::map<std::string, Value>& values) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(file, name));
  return write_values(group.get(), values);
}

Status write_metrics(hid_t file, const RunRecord& record) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(file, "metrics"));
  ASSAY_RETURN_IF_ERROR(write_values(
      group.get(), {{"NX_class", "NXcollection"}, {"signal", "value"}, {"axes", "step"}}));
  if (!record.metrics.empty()) {
    const bool main = record.metrics.contains(record.info.metric);
    const std::string& shown = main ? record.info.metric : record.metrics.begin()->first;
    ASSAY_RETURN_IF_ERROR(write_value(group.get(), "default", escape_key(shown)));
  }
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Type type, point_type());
  for (const auto& [key, points] : record.metrics) {
    const std::string link = escape_key(key);
    const hsize_t count = points.size();
    ASSAY_RETURN_IF_ERROR(write_array(group.get(), link, type.get(), {&count, 1}, points.data(),
                                      {.shuffle = true, .deflate = true}));
    const Hdf5DataSet data_set(H5Dopen2(group.get(), link.c_str(), H5P_DEFAULT));
    if (!data_set.valid()) return hdf5_failure(fmt::format("open metric '{}'", key));
    ASSAY_RETURN_IF_ERROR(write_value(data_set.get(), "key", key));
  }
  return {};
}

Status write_bytes(hid_t where, const char* name, const std::string& text) {
  if (text.empty()) return {};
  const hsize_t size = text.size();
  return write_array(where, name, H5T_STD_U8LE, {&size, 1}, text.data(),
                     {.deflate = true, .chunk_bytes = kLogChunkBytes});
}

Status write_logs(hid_t file, const RunRecord& record) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(file, "logs"));
  ASSAY_RETURN_IF_ERROR(write_bytes(group.get(), "stdout", record.stdout_text));
  return write_bytes(group.get(), "stderr", record.stderr_text);
}

// A compound table of text columns and one i64 column `size`, row after row.
Status write_file_table(hid_t where, const char* name,
                        const std::vector<std::pair<const char*, std::vector<std::string>>>& texts,
                        const std::vector<int64_t>& sizes) {
  size_t row_bytes = sizeof(int64_t);
  std::vector<std::string> packed;
  std::vector<size_t> widths;
  for (const auto& [member, column] : texts) {
    size_t width = 1;
    packed.push_back(pack_texts(column, width));
    widths.push_back(width);
    row_bytes += width;
  }
  const Hdf5Type type(H5Tcreate(H5T_COMPOUND, row_bytes));
  ASSAY_RETURN_IF_ERROR(add_member(type, "size", 0, H5T_STD_I64LE));
  std::string rows(row_bytes * sizes.size(), '\0');
  for (size_t row = 0; row < sizes.size(); ++row) {
    std::string_view(reinterpret_cast<const char*>(&sizes[row]), sizeof(int64_t))
        .copy(&rows[row * row_bytes], sizeof(int64_t));
  }
  size_t offset = sizeof(int64_t);
  for (size_t c = 0; c < texts.size(); ++c) {
    const Hdf5Type member = text_type(widths[c]);
    ASSAY_RETURN_IF_ERROR(add_member(type, texts[c].first, offset, member.get()));
    for (size_t row = 0; row < sizes.size(); ++row) {
      packed[c].copy(&rows[row * row_bytes + offset], widths[c], row * widths[c]);
    }
    offset += widths[c];
  }
  const hsize_t count = sizes.size();
  return write_array(where, name, type.get(), {&count, 1}, rows.data(), {.deflate = true});
}

Status write_artifacts(hid_t file, const RunRecord& record) {
  if (record.artifacts.empty()) return {};
  std::vector<std::string> paths;
  std::vector<std::string> hashes;
  std::vector<std::string> types;
  std::vector<int64_t> sizes;
  for (const Artifact& artifact : record.artifacts) {
    paths.push_back(artifact.path);
    hashes.push_back(artifact.sha256);
    types.push_back(artifact.media_type);
    sizes.push_back(artifact.size);
  }
  return write_file_table(file, "artifacts",
                          {{"path", paths}, {"sha256", hashes}, {"media_type", types}}, sizes);
}

Status write_predictions(hid_t file, const RunRecord& record) {
  if (record.predictions.empty()) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group all, create_group(file, "predictions"));
  ASSAY_RETURN_IF_ERROR(
      write_value(all.get(), "default", escape_key(record.predictions.front()->name)));
  for (const auto& set : record.predictions) {
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(all.get(), escape_key(set->name)));
    ASSAY_RETURN_IF_ERROR(write_values(
        group.get(), {{"NX_class", "NXdata"}, {"signal", "values"}, {"key", set->name}}));
    const bool has_ids = !set->row_ids.empty();
    ASSAY_RETURN_IF_ERROR(write_texts(group.get(), "axes", {has_ids ? "row_ids" : ".", "."}));
    const hsize_t dims[2] = {static_cast<hsize_t>(set->rows), static_cast<hsize_t>(set->columns)};
    const auto* narrow = std::get_if<std::vector<float>>(&set->values);
    const void* data = narrow != nullptr
                           ? static_cast<const void*>(narrow->data())
                           : static_cast<const void*>(std::get<1>(set->values).data());
    const hid_t type = narrow != nullptr ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
    ASSAY_RETURN_IF_ERROR(write_array(group.get(), "values", type, dims, data, {}));
    if (has_ids) {
      ASSAY_RETURN_IF_ERROR(write_array(group.get(), "row_ids", H5T_STD_I64LE, {dims, 1},
                                        set->row_ids.data(), {.shuffle = true, .deflate = true}));
    }
    if (!set->column_names.empty()) {
      size_t width = 1;
      const std::string packed = pack_texts(set->column_names, width);
      const Hdf5Type texts = text_type(width);
      ASSAY_RETURN_IF_ERROR(write_array(group.get(), "column_names", texts.get(), {dims + 1, 1},
                                        packed.data(), {.deflate = true}));
    }
  }
  return {};
}

struct ColumnWriter {
  hid_t group;
  const std::string& link;

  Status operator()(const std::vector<double>& values) const {
    return write(H5T_IEEE_F64LE, values.size(), values.data());
  }
  Status operator()(const std::vector<int64_t>& values) const {
    return write(H5T_STD_I64LE, values.size(), values.data());
  }
  Status operator()(const std::vector<std::string>& values) const {
    size_t width = 1;
    const std::string packed = pack_texts(values, width);
    return write(text_type(width).get(), values.size(), packed.data());
  }
  Status write(hid_t type, size_t count, const void* data) const {
    const hsize_t dims = count;
    return write_array(group, link, type, {&dims, 1}, data, {.shuffle = true, .deflate = true});
  }
};

// A group with one data set a column and the columns' order; `signal` and `axes` name the first
// numeric and the first text column.
Status write_table(hid_t parent, const std::string& link, const std::string& name,
                   const std::vector<TableColumn>& columns) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(parent, link));
  std::map<std::string, Value> attributes = {{"NX_class", "NXdata"}, {"key", name}};
  std::vector<std::string> order;
  for (const TableColumn& column : columns) {
    const std::string column_link = escape_key(column.name);
    const bool texts = std::holds_alternative<std::vector<std::string>>(column.values);
    attributes.emplace(texts ? "axes" : "signal", column_link);
    order.push_back(column.name);
    ASSAY_RETURN_IF_ERROR(std::visit(ColumnWriter{group.get(), column_link}, column.values));
  }
  ASSAY_RETURN_IF_ERROR(write_values(group.get(), attributes));
  return write_texts(group.get(), "columns", order);
}

Status write_tables(hid_t file, const RunRecord& record) {
  if (record.tables.empty()) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group all, create_group(file, "tables"));
  ASSAY_RETURN_IF_ERROR(write_value(all.get(), "default", escape_key(record.tables[0]->name)));
  for (const auto& table : record.tables) {
    ASSAY_RETURN_IF_ERROR(
        write_table(all.get(), escape_key(table->name), table->name, table->columns));
  }
  return {};
}

Status write_source(hid_t file, const RunRecord& record) {
  if (!record.source) return {};
  const SourceInfo& source = *record.source;
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(file, "source"));
  ASSAY_RETURN_IF_ERROR(write_values(group.get(), {{"manifest_sha256", source.manifest_sha256},
                                                   {"config_path", source.config_path},
                                                   {"git_commit", source.git_commit},
                                                   {"git_branch", source.git_branch},
                                                   {"git_dirty", source.git_dirty},
                                                   {"git_diff_sha256", source.git_diff_sha256},
                                                   {"git_note", source.git_note}}));
  ASSAY_RETURN_IF_ERROR(write_bytes(group.get(), "config", source.config));
  if (source.files.empty()) return {};
  std::vector<std::string> paths;
  std::vector<std::string> modes;
  std::vector<std::string> hashes;
  std::vector<int64_t> sizes;
  for (const SourceFile& entry : source.files) {
    paths.push_back(entry.path);
    modes.push_back(fmt::format("{:06o}", entry.mode));
    hashes.push_back(entry.sha256);
    sizes.push_back(entry.size);
  }
  return write_file_table(group.get(), "files",
                          {{"path", paths}, {"mode", modes}, {"sha256", hashes}}, sizes);
}

Status write_datasets(hid_t file, const RunRecord& record) {
  if (record.datasets.empty()) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group all, create_group(file, "datasets"));
  for (size_t i = 0; i < record.datasets.size(); ++i) {
    const DatasetUse& use = record.datasets[i];
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(all.get(), fmt::format("{:03}", i)));
    ASSAY_RETURN_IF_ERROR(write_values(group.get(), {{"name", use.name},
                                                     {"version", use.version},
                                                     {"content_hash", use.content_hash},
                                                     {"role", use.role},
                                                     {"rows", use.rows},
                                                     {"columns", use.columns}}));
    if (!use.profile.empty()) {
      ASSAY_RETURN_IF_ERROR(write_table(group.get(), "profile", "profile", use.profile));
    }
  }
  return {};
}

Status write_models(hid_t file, const RunRecord& record) {
  if (record.models.empty()) return {};
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group all, create_group(file, "models"));
  for (size_t i = 0; i < record.models.size(); ++i) {
    const ModelUse& use = record.models[i];
    ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(all.get(), fmt::format("{:03}", i)));
    ASSAY_RETURN_IF_ERROR(write_values(group.get(), {{"name", use.name},
                                                     {"version", use.version},
                                                     {"sha256", use.sha256},
                                                     {"size", use.size},
                                                     {"format_version", use.format_version},
                                                     {"input_contract", use.input_contract}}));
  }
  return {};
}

Status write_layout(hid_t file, const RunRecord& record) {
  ASSAY_RETURN_IF_ERROR(write_root(file, record));
  ASSAY_RETURN_IF_ERROR(write_group_values(file, "params", record.params));
  ASSAY_RETURN_IF_ERROR(write_group_values(file, "tags", record.tags));
  ASSAY_RETURN_IF_ERROR(write_metrics(file, record));
  ASSAY_RETURN_IF_ERROR(write_logs(file, record));
  ASSAY_RETURN_IF_ERROR(write_artifacts(file, record));
  ASSAY_RETURN_IF_ERROR(write_predictions(file, record));
  ASSAY_RETURN_IF_ERROR(write_tables(file, record));
  ASSAY_RETURN_IF_ERROR(write_source(file, record));
  ASSAY_RETURN_IF_ERROR(write_group_values(file, "environment", record.environment));
  ASSAY_RETURN_IF_ERROR(write_datasets(file, record));
  return write_models(file, record);
}

Result<std::string> unsealed_image(const RunRecord& record) {
  const Hdf5Session session;
  ASSAY_ASSIGN_OR_RETURN(Hdf5Image file, Hdf5Image::create());
  ASSAY_RETURN_IF_ERROR(write_layout(file.file(), record));
  return file.take();
}

}  // namespace

Result<std::string> run_file_image(const RunRecord& record) try {
  ASSAY_ASSIGN_OR_RETURN(std::string image, unsealed_image(record));
  const RunLinks links = links_of(record);
  append_seal(image, to_json(summary_of(record), &links));
  return image;
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "not enough memory to build the file of run {}",
              record.info.run_id);
}

std::string run_file_path(const std::string& run_id) {
  return fmt::format("runs/{}/{}.h5", ulid_shard(run_id), run_id);
}

std::string escape_key(const std::string& key) {
  if (key == ".") return "%2E";
  std::string link;
  for (const char c : key) {
    if (c == '%') {
      link += "%25";
    } else if (c == '/') {
      link += "%2F";
    } else {
      link += c;
    }
  }
  return link;
}

}  // namespace assay::tracking
