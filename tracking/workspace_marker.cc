#include "tracking/workspace_marker.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/model_events_internal.h"
#include "tracking/quarantine.h"
#include "tracking/record_seal_internal.h"
#include "tracking/records_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarkerName = "WORKSPACE";
constexpr int64_t kMarkerLimitBytes = 64 * 1024;

// Names in a folder; none if it cannot be listed.
std::vector<std::string> names_in(FileLayer& files, const std::string& folder) {
  auto names = files.list(folder);
  return names ? std::move(*names) : std::vector<std::string>();
}

bool is_run_place(const std::string& shard, const std::string& name) {
  if (!name.ends_with(".h5")) return false;
  const std::string id = name.substr(0, name.size() - 3);
  return is_ulid(id) && run_file_path(id) == fmt::format("runs/{}/{}", shard, name);
}

bool is_blob_place(const std::string& shard, const std::string& name) {
  return is_blob_name(name) && blob_path(name) == fmt::format("blobs/{}/{}", shard, name);
}

bool is_lease_place(const std::string&, const std::string& name) { return name == "LEASE"; }

// Whether one of the folders in `folder` holds a name that `fits`.
bool any_below(FileLayer& files, const std::string& folder,
               bool (*fits)(const std::string&, const std::string&)) {
  for (const std::string& part : names_in(files, folder)) {
    for (const std::string& name : names_in(files, folder + "/" + part)) {
      if (fits(part, name)) return true;
    }
  }
  return false;
}

bool has_version(FileLayer& files, const std::string& folder) {
  for (const std::string& model : names_in(files, folder)) {
    const auto numbers = numbered_files(files, fmt::format("{}/{}/versions", folder, model));
    if (numbers && !numbers->empty()) return true;
  }
  return false;
}

std::string marker_of(const std::string& folder) {
  return fmt::format("{}/{}", folder, kMarkerName);
}

bool is_workspace(FileLayer& files, const std::string& folder) {
  return files.exists(marker_of(folder)) || lost_marker(files, folder);
}

// The workspace that is meant, with or without its file.
Result<std::string> find_folder(FileLayer& files, const WorkspaceSearch& search) {
  const std::string& given =
      !search.explicit_path.empty() ? search.explicit_path : search.environment_value;
  std::error_code error;
  if (!given.empty()) {
    const fs::path path = fs::absolute(given, error).lexically_normal();
    for (const fs::path& place : {path, path / ".assay"}) {
      if (is_workspace(files, place.string())) return place.string();
    }
    return fail(StatusCode::kNotFound, "'{}' holds nothing of a workspace", given);
  }
  const std::string start = search.start_folder.empty() ? "." : search.start_folder;
  for (fs::path folder = fs::absolute(start, error).lexically_normal();;
       folder = folder.parent_path()) {
    const std::string hidden = (folder / ".assay").string();
    if (is_workspace(files, hidden)) return hidden;
    if (folder == folder.parent_path()) break;
  }
  return fail(StatusCode::kNotFound,
              "no workspace: no folder named .assay in '{}' or above it holds anything of one "
              "(give --workspace DIR)",
              start);
}

// Gives the damaged file a second name in quarantine, with a note; what can have but one name, a
// folder, is moved. Returns the folder's name.
Result<std::string> put_away(FileLayer& files, const std::string& folder, const std::string& id,
                             const std::string& why) {
  const std::string place = fmt::format("{}/{}", kQuarantine, id);
  ASSAY_RETURN_IF_ERROR(make_folders(files, folder + "/" + place));
  const nlohmann::ordered_json note{
      {"time", iso_time(wall_time_ns())},
      {"user", user_name()},
      {"host", this_process().host},
      {"files", {nlohmann::ordered_json{{"path", kMarkerName}, {"why", why}}}}};
  const std::string text =
      note.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const std::string full = folder + "/" + place;
  ASSAY_RETURN_IF_ERROR(
      publish_file(files, full, full + "/NOTE.json", std::as_bytes(std::span(text))));
  const auto info = files.stat(marker_of(folder));
  const bool is_folder = info && info->folder;
  const Status linked = is_folder ? Status() : files.link(marker_of(folder), marker_of(full));
  // Also a link to a folder has but one name where the file system does not link links.
  if (is_folder || !linked) {
    ASSAY_RETURN_IF_ERROR(files.rename(marker_of(folder), marker_of(full)));
  }
  ASSAY_RETURN_IF_ERROR(files.sync_folder(full));
  ASSAY_RETURN_IF_ERROR(files.sync_folder(fmt::format("{}/{}", folder, kQuarantine)));
  return place;
}

}  // namespace

bool lost_marker(FileLayer& files, const std::string& folder) {
  if (files.exists(marker_of(folder)) || files.exists(folder + "/COPYING")) return false;
  return any_below(files, folder + "/runs", is_run_place) ||
         any_below(files, folder + "/blobs", is_blob_place) ||
         has_version(files, folder + "/models") ||
         any_below(files, folder + "/writers", is_lease_place);
}

Status check_not_moving(FileLayer& files, const std::string& folder) {
  if (files.exists(folder)) return {};
  const fs::path path(folder);
  const std::string begin = path.filename().string() + std::string(kMovedSuffix);
  for (const std::string& name : names_in(files, path.parent_path().string())) {
    if (!name.starts_with(begin)) continue;
    const std::string aside = (path.parent_path() / name).string();
    if (!is_workspace(files, aside)) continue;
    return fail(
        StatusCode::kIo,
        "'{}' was taken away to be moved to another disk, as '{}': if no `assay workspace "
        "move` is at work, remove that once the copy proves whole (assay workspace verify), "
        "or rename it back",
        folder, aside);
  }
  return {};
}

tl::unexpected<Error> marker_error(const std::string& folder) {
  return fail(StatusCode::kData,
              "'{0}' is a workspace that lost its file WORKSPACE: `assay fsck --repair-marker "
              "--workspace {0}` writes it anew",
              folder);
}

Status write_marker(FileLayer& files, const std::string& folder, const std::string& text,
                    const std::string& id) {
  const std::string temporary = fmt::format("{}/{}.{}", folder, kMarkerName, id);
  ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary));
  Status status = file->append(std::as_bytes(std::span(text)));
  if (status) status = file->sync();
  if (status) status = files.link(temporary, marker_of(folder));
  if (!status && status.error().code == StatusCode::kAlreadyExists) status = {};
  (void)files.unlink(temporary);
  if (!status) return status;
  ASSAY_RETURN_IF_ERROR(files.sync_folder(folder));
  return files.sync_folder(fs::path(folder).parent_path().string());
}

Result<WorkspaceRecord> read_marker(FileLayer& files, const std::string& folder) {
  const std::string path = marker_of(folder);
  const auto text = read_file(files, path, kMarkerLimitBytes);
  const bool too_large = !text && text.error().code == StatusCode::kResourceExhausted;
  std::string why = too_large ? text.error().message : std::string();
  if (!text && text.error().code == StatusCode::kNotFound) why = why_no_file_at(files, path);
  if (!text && why.empty()) return tl::unexpected<Error>(text.error());
  auto record = text ? parse_workspace(*text, path)
                     : Result<WorkspaceRecord>(fail(StatusCode::kData, "{}", why));
  if (record || written_by_newer(record.error().message)) return record;
  return fail(StatusCode::kData, "{} (`assay fsck --repair-marker --workspace {}` writes it anew)",
              record.error().message, folder);
}

Result<MarkerRepair> repair_marker(const WorkspaceSearch& search, FileLayer* given) {
  static PosixFileLayer real;
  FileLayer& files = given != nullptr ? *given : real;
  MarkerRepair repair;
  ASSAY_ASSIGN_OR_RETURN(repair.path, find_folder(files, search));
  const auto known = read_marker(files, repair.path);
  if (known) return repair;
  const bool absent = known.error().code == StatusCode::kNotFound;
  const bool damaged =
      known.error().code == StatusCode::kData && !written_by_newer(known.error().message);
  if (!absent && !damaged) return tl::unexpected<Error>(known.error());
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  const std::string text =
      to_json(WorkspaceRecord{kWorkspaceFormat, id, workspace_name_for(repair.path)});
  if (absent) {
    ASSAY_RETURN_IF_ERROR(write_marker(files, repair.path, text, id));
  } else {
    ASSAY_ASSIGN_OR_RETURN(const std::string place,
                           put_away(files, repair.path, id, known.error().message));
    repair.put_away = fmt::format("{}/{}", place, kMarkerName);
    ASSAY_RETURN_IF_ERROR(
        publish_file(files, repair.path, marker_of(repair.path), std::as_bytes(std::span(text))));
  }
  // What a workspace has besides: a folder that was empty may be lost with the file.
  for (const char* name : {"runs", "writers", "blobs", "datasets", "models"}) {
    ASSAY_RETURN_IF_ERROR(files.make_folder(fmt::format("{}/{}", repair.path, name)));
  }
  ASSAY_RETURN_IF_ERROR(read_marker(files, repair.path));
  repair.written = true;
  return repair;
}

}  // namespace assay::tracking
