#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/environment.h"
#include "tracking/model_log_internal.h"
#include "tracking/records_internal.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kRecordLimitBytes = int64_t{256} << 20;
// The state is written anew once so many events follow it.
constexpr int64_t kStateSpacing = 16;
constexpr std::string_view kEnding = ".json";

std::string path_in(const Workspace& workspace, std::string_view name, std::string_view rest) {
  return fmt::format("{}/{}/{}", workspace.path(), model_folder(name), rest);
}

std::string event_path(const Workspace& workspace, std::string_view name, int64_t number) {
  return path_in(workspace, name, fmt::format("changes/{}.json", number));
}

// The number in "<number>.json", or 0.
int64_t number_of(std::string_view file_name) {
  int64_t number = 0;
  const char* end = file_name.data() + file_name.size();
  const auto [stop, error] = std::from_chars(file_name.data(), end, number);
  const bool whole = error == std::errc() && std::string_view(stop, end) == kEnding;
  return whole && number > 0 ? number : 0;
}

// Workspaces made before there were events have a file for each alias.
Status read_alias_files(const Workspace& workspace, std::string_view name, ModelState& state) {
  const std::string folder = path_in(workspace, name, "aliases");
  FileLayer& files = workspace.files();
  if (!files.exists(folder)) return {};
  ASSAY_ASSIGN_OR_RETURN(const auto file_names, files.list(folder));
  for (const std::string& file_name : file_names) {
    if (!file_name.ends_with(kEnding)) continue;
    const std::string path = fmt::format("{}/{}", folder, file_name);
    ASSAY_ASSIGN_OR_RETURN(const std::string text, read_file(files, path, kRecordLimitBytes));
    ASSAY_ASSIGN_OR_RETURN(state.aliases[file_name.substr(0, file_name.size() - kEnding.size())],
                           parse_alias(text, path));
  }
  return {};
}

// What state.json says; the state before the first event if it is absent or of no use.
Result<ModelState> cached_state(const Workspace& workspace, std::string_view name) {
  const std::string path = path_in(workspace, name, "state.json");
  if (const auto text = read_file(workspace.files(), path, kRecordLimitBytes)) {
    if (auto state = parse_state(*text, path)) return state;
  }
  ModelState state;
  ASSAY_RETURN_IF_ERROR(read_alias_files(workspace, name, state));
  return state;
}

Result<ModelEvent> read_event(const Workspace& workspace, std::string_view name, int64_t number) {
  const std::string path = event_path(workspace, name, number);
  auto text = read_file(workspace.files(), path, kRecordLimitBytes);
  if (!text && text.error().code == StatusCode::kNotFound) {
    return fail(StatusCode::kData, "model '{}' is damaged: '{}' is missing", name, path);
  }
  if (!text) return tl::unexpected<Error>(std::move(text.error()));
  ASSAY_ASSIGN_OR_RETURN(ModelEvent event, parse_event(*text, path));
  if (event.number != number) {
    return fail(StatusCode::kData, "'{}' is damaged: it says number {}", path, event.number);
  }
  return event;
}

// The events after `number`, oldest first.
Result<std::vector<ModelEvent>> events_after(const Workspace& workspace, std::string_view name,
                                             int64_t number) {
  ASSAY_ASSIGN_OR_RETURN(const auto numbers,
                         numbered_files(workspace, path_in(workspace, name, "changes")));
  std::vector<ModelEvent> events;
  const int64_t last = numbers.empty() ? 0 : numbers.back();
  for (int64_t at = number + 1; at <= last; ++at) {
    ASSAY_ASSIGN_OR_RETURN(ModelEvent event, read_event(workspace, name, at));
    events.push_back(std::move(event));
  }
  return events;
}

// A cache: that it cannot be written is no failure.
void cache_state(Workspace& workspace, std::string_view name, const ModelState& state) {
  const auto writer = workspace.writer();
  if (!writer) return;
  const std::string text = to_json(state);
  (void)publish_file(workspace.files(), (*writer)->tmp_folder(),
                     path_in(workspace, name, "state.json"), std::as_bytes(std::span(text)));
}

tl::unexpected<Error> senseless(const std::string& source, const ModelChange& change) {
  return fail(StatusCode::kData, "'{}' is damaged: it changes '{}' of version {} to '{}'", source,
              clean_utf8(change.what), change.version, clean_utf8(change.to.value_or("")));
}

}  // namespace

const VersionState& ModelState::of(int64_t version) const {
  static const VersionState unchanged;
  const auto it = versions.find(version);
  return it == versions.end() ? unchanged : it->second;
}

Status apply_event(ModelState& state, const ModelEvent& event, const std::string& source) {
  for (const ModelChange& change : event.changes) {
    if (change.version < 1) return senseless(source, change);
    if (change.what == "alias") {
      if (change.to) {
        state.aliases[change.key] = change.version;
      } else {
        state.aliases.erase(change.key);
      }
      continue;
    }
    VersionState& version = state.versions[change.version];
    if (change.what == "stage" && change.to) {
      version.stage = change.to;
    } else if (change.what == "description" && change.to) {
      version.description = change.to;
    } else if (change.what == "tag") {
      version.tags[change.key] = change.to;
    } else if (change.what == "deleted") {
      version.deleted_ns = change.to ? std::max<int64_t>(1, event.at_ns) : 0;
    } else if (change.what == "purged" && change.to) {
      version.purged = true;
    } else {
      return senseless(source, change);
    }
  }
  state.number = event.number;
  return {};
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
  ASSAY_RETURN_IF_ERROR(workspace.ensure_folder(folder));
  const Status linked = link_record(workspace.files(), *writer,
                                    fmt::format("{}/{}/{}", workspace.path(), folder, name), text);
  ASSAY_RETURN_IF_ERROR(writer->check_held());
  return linked;
}

std::string model_folder(std::string_view name) { return "models/" + lower_case(name); }

Result<std::vector<int64_t>> numbered_files(const Workspace& workspace, const std::string& folder) {
  std::vector<int64_t> numbers;
  const auto file_names = workspace.files().list(folder);
  if (!file_names && file_names.error().code == StatusCode::kNotFound) return numbers;
  if (!file_names) return tl::unexpected<Error>(file_names.error());
  for (const std::string& file_name : *file_names) {
    if (const int64_t number = number_of(file_name); number > 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::vector<int64_t>> registered_versions(const Workspace& workspace,
                                                 std::string_view name) {
  return numbered_files(workspace, path_in(workspace, name, "versions"));
}

Result<ModelState> read_state(const Workspace& workspace, std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(ModelState state, cached_state(workspace, name));
  ASSAY_ASSIGN_OR_RETURN(const auto events, events_after(workspace, name, state.number));
  for (const ModelEvent& event : events) {
    ASSAY_RETURN_IF_ERROR(apply_event(state, event, event_path(workspace, name, event.number)));
  }
  return state;
}

Result<std::vector<ModelEvent>> read_events(const Workspace& workspace, std::string_view name) {
  return events_after(workspace, name, 0);
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
    ASSAY_ASSIGN_OR_RETURN(const auto events, events_after(workspace, name, state.number));
    for (const ModelEvent& other : events) {
      ASSAY_RETURN_IF_ERROR(apply_event(state, other, event_path(workspace, name, other.number)));
    }
    ASSAY_ASSIGN_OR_RETURN(event.changes, decide(state));
    if (event.changes.empty()) return {};
    event.number = state.number + 1;
    event.at_ns = wall_time_ns();
    Status taken = take_name(workspace, model_folder(name) + "/changes",
                             fmt::format("{}.json", event.number), to_json(event));
    if (taken) break;
    if (taken.error().code != StatusCode::kAlreadyExists) return taken;
  }
  ASSAY_RETURN_IF_ERROR(apply_event(state, event, "the new event"));
  if (state.number - cached >= kStateSpacing) cache_state(workspace, name, state);
  return {};
}

Result<ModelVersion> read_version_record(const Workspace& workspace, std::string_view name,
                                         int64_t version) {
  const std::string path = path_in(workspace, name, fmt::format("versions/{}.json", version));
  ASSAY_ASSIGN_OR_RETURN(const auto text, read_file(workspace.files(), path, kRecordLimitBytes));
  ASSAY_ASSIGN_OR_RETURN(ModelVersion model, parse_model(text, path));
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
