#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tracking/records_internal.h"
#include "tracking/workspace.h"

namespace assay::tracking {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json, int indent) {
  // Bytes that are no UTF-8 are replaced: the default would throw.
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Numbers that JSON has no words for are written as text.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

// Takes fields out of an object; remembers the first one that is missing or of another type.
class Fields {
 public:
  Fields(std::string_view text, std::string source)
      : json_(Json::parse(text, nullptr, false)), source_(std::move(source)) {
    if (!json_.is_object()) problem_ = "is not a JSON object";
  }

  std::string text(const char* key, bool required = true) {
    const Json* field = find(key, required);
    if (field == nullptr) return {};
    if (!field->is_string()) return note(key, "text"), std::string();
    return field->get<std::string>();
  }

  int64_t integer(const char* key, bool required = true) {
    const Json* field = find(key, required);
    if (field == nullptr) return 0;
    if (!field->is_number_integer()) return note(key, "a whole number"), 0;
    return field->get<int64_t>();
  }

  bool flag(const char* key) {
    const Json* field = find(key, true);
    if (field == nullptr) return false;
    if (!field->is_boolean()) return note(key, "true or false"), false;
    return field->get<bool>();
  }

  std::optional<double> maybe_number(const char* key) {
    const Json* field = find(key, false);
    if (field == nullptr || field->is_null()) return std::nullopt;
    if (field->is_number()) return field->get<double>();
    if (*field == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (*field == "inf") return std::numeric_limits<double>::infinity();
    if (*field == "-inf") return -std::numeric_limits<double>::infinity();
    return note(key, "a number"), std::nullopt;
  }

  std::map<std::string, std::string> texts(const char* key) {
    std::map<std::string, std::string> values;
    const Json* field = find(key, false);
    if (field == nullptr) return values;
    if (!field->is_object()) return note(key, "an object"), values;
    for (const auto& [name, value] : field->items()) {
      if (!value.is_string()) return note(key, "an object of texts"), values;
      values[name] = value.get<std::string>();
    }
    return values;
  }

  Status status() const {
    if (problem_.empty()) return {};
    return fail(StatusCode::kData, "'{}' is damaged: it {}", source_, problem_);
  }

 private:
  const Json* find(const char* key, bool required) {
    if (!json_.is_object()) return nullptr;
    const auto it = json_.find(key);
    if (it != json_.end()) return &*it;
    if (required) note(key, "there");
    return nullptr;
  }

  void note(const char* key, const char* expected) {
    if (problem_.empty()) problem_ = fmt::format("has a field '{}' that is not {}", key, expected);
  }

  Json json_;
  std::string source_;
  std::string problem_;
};

}  // namespace

std::string to_json(const WorkspaceRecord& record) {
  return dump(Json{{"format", record.format},
                   {"uuid", record.uuid},
                   {"display_name", record.display_name}},
              2) +
         "\n";
}

Result<WorkspaceRecord> parse_workspace(std::string_view text, const std::string& source) {
  Fields fields(text, source);
  WorkspaceRecord record{fields.integer("format"), "", ""};
  if (fields.status() && record.format > kWorkspaceFormat) {
    return fail(StatusCode::kData,
                "workspace '{}' has format {}, written by a newer release (this one reads up to "
                "{}): use a newer Assay",
                source, record.format, kWorkspaceFormat);
  }
  record.uuid = fields.text("uuid");
  record.display_name = fields.text("display_name");
  ASSAY_RETURN_IF_ERROR(fields.status());
  return record;
}

std::string to_json(const LeaseInfo& lease) {
  return dump(Json{{"writer_id", lease.writer_id},
                   {"host", lease.host},
                   {"machine_id", lease.machine_id},
                   {"boot_id", lease.boot_id},
                   {"pid_namespace", lease.pid_namespace},
                   {"pid", lease.pid},
                   {"start_ticks", lease.start_ticks},
                   {"heartbeat_ns", lease.heartbeat_ns}},
              2) +
         "\n";
}

Result<LeaseInfo> parse_lease(std::string_view text, const std::string& source) {
  Fields fields(text, source);
  LeaseInfo lease;
  lease.writer_id = fields.text("writer_id");
  lease.host = fields.text("host");
  lease.machine_id = fields.text("machine_id");
  lease.boot_id = fields.text("boot_id");
  lease.pid_namespace = fields.text("pid_namespace");
  lease.pid = fields.integer("pid");
  lease.start_ticks = fields.integer("start_ticks");
  lease.heartbeat_ns = fields.integer("heartbeat_ns");
  ASSAY_RETURN_IF_ERROR(fields.status());
  return lease;
}

std::string to_json(const RunInfo& info) {
  Json json{{"run_id", info.run_id},
            {"parent_run_id", info.parent_run_id},
            {"kind", info.kind},
            {"name", info.name},
            {"experiment", info.experiment},
            {"user", info.user},
            {"status", name_of(info.status)},
            {"message", info.message},
            {"metric", info.metric},
            {"created_ns", info.created_ns},
            {"ended_ns", info.ended_ns},
            {"writer", info.writer},
            {"wal_seq", info.wal_seq},
            {"finished", info.finished}};
  if (info.score) json["score"] = number(*info.score);
  return dump(json, -1);
}

Result<RunInfo> parse_run_info(std::string_view text, const std::string& source) {
  Fields fields(text, source);
  RunInfo info;
  info.run_id = fields.text("run_id");
  info.parent_run_id = fields.text("parent_run_id");
  info.kind = fields.text("kind");
  info.name = fields.text("name");
  info.experiment = fields.text("experiment");
  info.user = fields.text("user");
  const std::string status = fields.text("status");
  info.message = fields.text("message");
  info.metric = fields.text("metric");
  info.score = fields.maybe_number("score");
  info.created_ns = fields.integer("created_ns");
  info.ended_ns = fields.integer("ended_ns");
  info.writer = fields.text("writer");
  info.wal_seq = static_cast<uint64_t>(fields.integer("wal_seq"));
  info.finished = fields.flag("finished");
  ASSAY_RETURN_IF_ERROR(fields.status());
  auto parsed = parse_run_status(status);
  if (!parsed)
    return fail(StatusCode::kData, "'{}' is damaged: {}", source, parsed.error().message);
  info.status = *parsed;
  return info;
}

std::string to_json(const ModelVersion& model) {
  Json json{{"record_version", 1},
            {"name", model.name},
            {"version", model.version},
            {"sha256", model.sha256},
            {"size", model.size},
            {"created_ns", model.created_ns},
            {"format_version", model.format_version},
            {"task", model.task},
            {"metric", model.metric},
            {"stage", model.stage},
            {"description", model.description},
            {"tags", Json::object()},
            {"run_id", model.run_id},
            {"dataset_name", model.dataset_name},
            {"dataset_hash", model.dataset_hash},
            {"code_commit", model.code_commit},
            {"input_contract", model.input_contract}};
  for (const auto& [key, value] : model.tags) json["tags"][key] = value;
  if (model.score) json["score"] = number(*model.score);
  return dump(json, 2) + "\n";
}

Result<ModelVersion> parse_model(std::string_view text, const std::string& source) {
  Fields fields(text, source);
  ModelVersion model;
  model.name = fields.text("name");
  model.version = fields.integer("version");
  model.sha256 = fields.text("sha256");
  model.size = fields.integer("size");
  model.created_ns = fields.integer("created_ns");
  model.format_version = fields.integer("format_version");
  model.task = fields.text("task");
  model.metric = fields.text("metric");
  model.score = fields.maybe_number("score");
  model.stage = fields.text("stage");
  model.description = fields.text("description");
  model.tags = fields.texts("tags");
  model.run_id = fields.text("run_id");
  model.dataset_name = fields.text("dataset_name");
  model.dataset_hash = fields.text("dataset_hash");
  model.code_commit = fields.text("code_commit");
  model.input_contract = fields.text("input_contract");
  ASSAY_RETURN_IF_ERROR(fields.status());
  return model;
}

std::string alias_json(int64_t version) { return dump(Json{{"version", version}}, -1) + "\n"; }

Result<int64_t> parse_alias(std::string_view text, const std::string& source) {
  Fields fields(text, source);
  const int64_t version = fields.integer("version");
  ASSAY_RETURN_IF_ERROR(fields.status());
  return version;
}

std::string manifest_json(const SourceInfo& source, const std::vector<std::string>& command_line) {
  Json json{{"manifest_version", 1},
            {"config_path", source.config_path},
            {"command_line", command_line},
            {"git_commit", source.git_commit},
            {"git_branch", source.git_branch},
            {"git_dirty", source.git_dirty},
            {"git_diff_sha256", source.git_diff_sha256},
            {"files", Json::array()}};
  for (const SourceFile& file : source.files) {
    json["files"].push_back(Json{
        {"path", file.path}, {"mode", file.mode}, {"size", file.size}, {"sha256", file.sha256}});
  }
  return dump(json, 2) + "\n";
}

}  // namespace assay::tracking
