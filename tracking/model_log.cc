#include <algorithm>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/environment.h"
#include "tracking/model_log_internal.h"
#include "tracking/record_seal_internal.h"
#include "tracking/records_internal.h"
#include "tracking/run_folders_internal.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kRecordLimitBytes = int64_t{256} << 20;
// The state is written anew once so many events follow it.
constexpr int64_t kStateSpacing = 16;
constexpr int64_t kFarAbove = 64;
constexpr std::string_view kEnding = ".json";

std::string path_in(const Workspace& workspace, std::string_view name, std::string_view rest) {
  return fmt::format("{}/{}/{}", workspace.path(), model_folder(name), rest);
}

using DamagedAliases = std::vector<std::pair<std::string, std::string>>;

// Workspaces made before there were events have a file for each alias.
Result<DamagedAliases> read_alias_files(const Workspace& workspace, std::string_view name,
                                        ModelState& state) {
  DamagedAliases damaged;
  const std::string folder = model_folder(name) + "/aliases";
  FileLayer& files = workspace.files();
  const auto file_names = files.list(fmt::format("{}/{}", workspace.path(), folder));
  if (!file_names && file_names.error().code == StatusCode::kNotFound) return damaged;
  if (!file_names) return tl::unexpected<Error>(file_names.error());
  for (const std::string& file_name : *file_names) {
    if (!file_name.ends_with(kEnding)) continue;
    const std::string alias = file_name.substr(0, file_name.size() - kEnding.size());
    if (!check_name("alias", alias)) continue;  // nothing of ours
    const std::string place = fmt::format("{}/{}", folder, file_name);
    const std::string path = fmt::format("{}/{}", workspace.path(), place);
    const auto text = read_file(files, path, kRecordLimitBytes);
    if (!text && text.error().code == StatusCode::kIo) return tl::unexpected<Error>(text.error());
    const auto version = text
                             ? parse_alias(*text, path)
                             : Result<int64_t>(fail(StatusCode::kData, "{}", text.error().message));
    if (version) {
      state.aliases[lower_case(alias)] = *version;
    } else {
      damaged.emplace_back(place, version.error().message);
    }
  }
  return damaged;
}

// What state.json says, if it is there and of use.
std::optional<ModelState> saved_state(const Workspace& workspace, std::string_view name) {
  const std::string path = path_in(workspace, name, "state.json");
  const auto text = read_file(workspace.files(), path, kRecordLimitBytes);
  if (!text) return std::nullopt;
  auto state = parse_state(*text, path);
  return state ? std::optional(std::move(*state)) : std::nullopt;
}

// The state that state.json has, or else that before the first event.
Result<ModelState> cached_state(const Workspace& workspace, std::string_view name) {
  if (auto state = saved_state(workspace, name)) return std::move(*state);
  ModelState state;
  ASSAY_ASSIGN_OR_RETURN(const auto damaged, read_alias_files(workspace, name, state));
  for (const auto& [place, why] : damaged) state.damage.push_back(why);
  return state;
}

// Applies the events that follow the state.
Status catch_up(const Workspace& workspace, std::string_view name, ModelState& state) {
  ASSAY_ASSIGN_OR_RETURN(const EventLog log,
                         read_event_log(workspace.files(), path_in(workspace, name, "changes"),
                                        name, {.after = state.number, .taken = state.number}));
  for (const ModelEvent& event : log.events) apply_event(state, event);
  for (const EventGap& gap : log.gaps) state.damage.push_back(gap.why);
  state.number = log.last;
  return {};
}

// A cache: that it cannot be written is no failure.
void cache_state(Workspace& workspace, std::string_view name, const ModelState& state) {
  const auto writer = workspace.writer();
  if (!writer) return;
  const std::string text = to_json(state);
  (void)publish_file(workspace.files(), (*writer)->tmp_folder(),
                     path_in(workspace, name, "state.json"), std::as_bytes(std::span(text)));
}

}  // namespace

const VersionState& ModelState::of(int64_t version) const {
  static const VersionState unchanged;
  const auto it = versions.find(version);
  return it == versions.end() ? unchanged : it->second;
}

void apply_event(ModelState& state, const ModelEvent& event) {
  for (const ModelChange& change : event.changes) {
    if (change.what == "alias") {
      if (change.to) {
        state.aliases[change.key] = change.version;
      } else {
        state.aliases.erase(change.key);
      }
      continue;
    }
    VersionState& version = state.versions[change.version];
    if (change.what == "stage") version.stage = change.to;
    if (change.what == "description") version.description = change.to;
    if (change.what == "tag") version.tags[change.key] = change.to;
    if (change.what == "deleted") {
      version.deleted_ns = change.to ? std::max<int64_t>(1, event.at_ns) : 0;
    }
    if (change.what == "purged") version.purged = true;
  }
  for (auto& [number, version] : state.versions) {
    if (event.lost_to == 0 || version.deleted_ns == 0) continue;
    version.deleted_ns = std::max(version.deleted_ns, event.at_ns);
  }
  state.number = std::max({state.number, event.number, event.lost_to});
}

namespace {

Status link_record(FileLayer& files, const WriterLease& writer, const std::string& path,
                   const std::string& text) {
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  const std::string temporary = fmt::format("{}/record-{}", writer.tmp_folder(), id);
  ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary));
  Status status = file->append(std::as_bytes(std::span(text)));
  if (status) status = file->sync();
  if (status) status = files.link(temporary, path);
  (void)files.unlink(temporary);
  if (!status) return status;
  return files.sync_folder(path.substr(0, path.rfind('/')));
}

}  // namespace

Status take_name(Workspace& workspace, const std::string& folder, const std::string& name,
                 const std::string& text) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  ASSAY_RETURN_IF_ERROR(writer->check_held());
  Status made = workspace.ensure_folder(folder);
  // A file or a link to nothing has the folder's name. That is no number that somebody took:
  // callers would try the next for ever.
  if (!made && made.error().code == StatusCode::kAlreadyExists) made.error().code = StatusCode::kIo;
  ASSAY_RETURN_IF_ERROR(made);
  const Status linked = link_record(workspace.files(), *writer,
                                    fmt::format("{}/{}/{}", workspace.path(), folder, name), text);
  ASSAY_RETURN_IF_ERROR(writer->check_held());
  return linked;
}

std::string model_folder(std::string_view name) { return "models/" + lower_case(name); }

std::string changes_folder(std::string_view name) { return model_folder(name) + "/changes"; }

std::string change_path(std::string_view name, int64_t number) {
  return fmt::format("{}/{}{}", changes_folder(name), number, kEnding);
}

Result<std::vector<int64_t>> registered_versions(const Workspace& workspace,
                                                 std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<int64_t> numbers,
                         numbered_files(workspace.files(), path_in(workspace, name, "versions")));
  int64_t before = 0;
  std::erase_if(numbers, [&](int64_t number) {
    if (number - before > kFarAbove) {
      const auto record = read_version_record(workspace, name, number);
      const bool damaged = !record && record.error().code == StatusCode::kData;
      if (damaged && !written_by_newer(record.error().message)) return true;
    }
    before = number;
    return false;
  });
  return numbers;
}

Result<ModelState> read_state(const Workspace& workspace, std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(ModelState state, cached_state(workspace, name));
  ASSAY_RETURN_IF_ERROR(catch_up(workspace, name, state));
  return state;
}

Result<EventLog> read_events(const Workspace& workspace, std::string_view name) {
  const auto saved = saved_state(workspace, name);
  return read_event_log(workspace.files(), path_in(workspace, name, "changes"), name,
                        {.taken = saved ? saved->number : 0});
}

Result<DamagedAliases> damaged_aliases(const Workspace& workspace, std::string_view name) {
  if (saved_state(workspace, name)) return DamagedAliases();
  ModelState ignored;
  return read_alias_files(workspace, name, ignored);
}

ModelEvent lost_event(int64_t first, int64_t last, std::string_view reason) {
  return {first, wall_time_ns(), user_name(), this_process().host, clean_utf8(reason), {}, last};
}

Status commit_changes(Workspace& workspace, std::string_view name, std::string_view reason,
                      DecideChanges decide) {
  ModelEvent event;
  event.user = user_name();
  event.host = this_process().host;
  event.reason = clean_utf8(reason);
  ASSAY_ASSIGN_OR_RETURN(ModelState state, cached_state(workspace, name));
  const int64_t cached = state.number;
  while (true) {
    ASSAY_RETURN_IF_ERROR(catch_up(workspace, name, state));
    ASSAY_ASSIGN_OR_RETURN(event.changes, decide(state));
    if (event.changes.empty()) return {};
    if (state.number >= kLargestNumber) {
      return fail(StatusCode::kData,
                  "model '{}' cannot be changed: no number is left for it after change {} ('{}')",
                  name, state.number, change_path(name, state.number));
    }
    event.number = state.number + 1;
    event.at_ns = wall_time_ns();
    Status taken = take_name(workspace, changes_folder(name),
                             fmt::format("{}{}", event.number, kEnding), to_json(event));
    if (taken) break;
    if (taken.error().code != StatusCode::kAlreadyExists) return taken;
  }
  apply_event(state, event);
  if (state.damage.empty() && state.number - cached >= kStateSpacing) {
    cache_state(workspace, name, state);
  }
  return {};
}

Result<ModelVersion> read_version_record(const Workspace& workspace, std::string_view name,
                                         int64_t version) {
  const std::string path = path_in(workspace, name, fmt::format("versions/{}.json", version));
  const auto text = read_file(workspace.files(), path, kRecordLimitBytes);
  if (!text) {
    const auto info = workspace.files().stat(path);
    if (info && (info->folder || info->special)) {
      return fail(StatusCode::kData, "{}", why_no_file(path, *info));
    }
    if (text.error().code != StatusCode::kNotFound) return tl::unexpected<Error>(text.error());
    return fail(StatusCode::kData, "model '{}' is damaged: '{}' is missing", name, path);
  }
  ASSAY_ASSIGN_OR_RETURN(ModelVersion model, parse_model(*text, path));
  if (model.version != version || lower_case(model.name) != lower_case(name)) {
    return fail(StatusCode::kData, "'{}' is damaged: it says {}:{}", path, model.name,
                model.version);
  }
  return model;
}

void overlay(ModelVersion& model, const ModelState& state) {
  const VersionState& changed = state.of(model.version);
  if (changed.stage) model.stage = *changed.stage;
  if (changed.description) model.description = *changed.description;
  for (const auto& [key, value] : changed.tags) {
    if (value) {
      model.tags[key] = *value;
    } else {
      model.tags.erase(key);
    }
  }
  model.deleted_ns = changed.deleted_ns;
  model.aliases.clear();
  for (const auto& [alias, target] : state.aliases) {
    if (target == model.version) model.aliases.push_back(alias);
  }
}

std::vector<int64_t> visible_versions(const std::vector<int64_t>& registered,
                                      const ModelState& state) {
  std::vector<int64_t> visible;
  for (const int64_t version : registered) {
    if (state.of(version).deleted_ns == 0) visible.push_back(version);
  }
  return visible;
}

}  // namespace assay::tracking
