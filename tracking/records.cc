#include <nlohmann/json.hpp>

#include "tracking/json_fields_internal.h"
#include "tracking/record_seal_internal.h"
#include "tracking/records_internal.h"
#include "tracking/workspace.h"

namespace assay::tracking {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kManifestVersion = 1;

std::string dump(const Json& json, int indent) {
  // Bytes that are no UTF-8 are replaced: the default would throw.
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

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

std::string to_json(const RemovalRecord& record) {
  return with_seal(dump(Json{{"record_version", kRecordVersion},
                             {"at_ns", record.at_ns},
                             {"user", record.user},
                             {"removed", record.removed},
                             {"restored", record.restored}},
                        2) +
                   "\n");
}

Result<RemovalRecord> parse_removal(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  ASSAY_RETURN_IF_ERROR(check_record_version(fields, source));
  RemovalRecord record{fields.integer("at_ns"), fields.text("user"), fields.text_list("removed"),
                       fields.text_list("restored")};
  ASSAY_RETURN_IF_ERROR(fields.status());
  ASSAY_RETURN_IF_ERROR(check_seal(text, source));
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

std::string to_json(const SourceManifest& manifest) {
  Json json{{"manifest_version", kManifestVersion},
            {"config_path", manifest.config_path},
            {"command_line", manifest.command_line},
            {"git_commit", manifest.git_commit},
            {"git_branch", manifest.git_branch},
            {"git_dirty", manifest.git_dirty},
            {"git_diff_sha256", manifest.git_diff_sha256},
            {"scripts", manifest.scripts},
            {"ignore", manifest.ignore},
            {"notes", manifest.notes},
            {"files", Json::array()}};
  for (const SourceFile& file : manifest.files) {
    json["files"].push_back(Json{
        {"path", file.path}, {"mode", file.mode}, {"size", file.size}, {"sha256", file.sha256}});
  }
  return dump(json, 2) + "\n";
}

Result<SourceManifest> parse_manifest(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  const int64_t version = fields.integer("manifest_version");
  if (fields.status() && version > kManifestVersion) {
    return fail(StatusCode::kData,
                "'{}' has manifest version {}, written by a newer release (this one reads up to "
                "{}): use a newer Assay",
                source, version, kManifestVersion);
  }
  SourceManifest manifest;
  manifest.config_path = fields.text("config_path");
  manifest.command_line = fields.text_list("command_line");
  manifest.git_commit = fields.text("git_commit");
  manifest.git_branch = fields.text("git_branch");
  manifest.git_dirty = fields.flag("git_dirty");
  manifest.git_diff_sha256 = fields.text("git_diff_sha256");
  manifest.scripts = fields.text("scripts", false);
  manifest.ignore = fields.text("ignore", false);
  manifest.notes = fields.text_list("notes");
  for (const Fields& file : fields.list("files")) {
    manifest.files.push_back({file.text("path"), static_cast<uint32_t>(file.integer("mode")),
                              file.integer("size"), file.text("sha256")});
  }
  ASSAY_RETURN_IF_ERROR(fields.status());
  return manifest;
}

}  // namespace assay::tracking
