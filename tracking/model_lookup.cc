#include <algorithm>
#include <set>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/model_lookup_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_query.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kDescriptionLimitBytes = size_t{64} << 10;
// So many lost records are told of, however large a gap is.
constexpr size_t kMostLost = 64;
constexpr size_t kTagLimitBytes = size_t{16} << 10;

tl::unexpected<Error> unknown_model(const Workspace& workspace, std::string_view name) {
  const auto names = model_names(workspace);
  if (!names || names->empty()) {
    return fail(StatusCode::kNotFound, "no model '{}': no model is registered yet", name);
  }
  const std::string_view near = nearest_name(name, *names);
  return fail(StatusCode::kNotFound, "no model '{}' is registered{}", name,
              near.empty()
                  ? fmt::format(" (`assay models list` shows the {} that are)", names->size())
                  : fmt::format(" (did you mean '{}'?)", near));
}

// A tag value that people mean as yes.
bool is_yes(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value.data())) return *flag;
  const std::string text = lower_case(value.text());
  return !text.empty() && text != "false" && text != "no" && text != "0";
}

// The pin tag of a run that holds on to the model, or empty.
std::string_view pin_of(const RunRecord& record, const ModelVersion& model) {
  const bool names_it =
      record.info.run_id == model.run_id ||
      std::any_of(record.models.begin(), record.models.end(), [&](const ModelUse& use) {
        return use.version == model.version && lower_case(use.name) == lower_case(model.name);
      });
  if (!names_it) return {};
  for (const std::string_view tag : kPinTags) {
    const auto it = record.tags.find(std::string(tag));
    if (it != record.tags.end() && is_yes(it->second)) return tag;
  }
  return {};
}

// Adds numbers, ascending, that must have been registered although no record has them: those below
// others, and those that changes name.
void add_lost(const ModelState& state, std::vector<int64_t>& registered) {
  std::set<int64_t> known(registered.begin(), registered.end());
  for (const auto& entry : state.versions) known.insert(entry.first);
  for (const auto& entry : state.aliases) known.insert(entry.second);
  known.erase(known.begin(), known.lower_bound(1));
  int64_t next = 1;
  size_t added = 0;
  std::vector<int64_t> all;
  for (const int64_t number : known) {
    for (; next < number && added < kMostLost; ++next, ++added) all.push_back(next);
    all.push_back(number);
    next = number + 1;
  }
  registered = std::move(all);
}

// All versions ever, and the state that changes made of them. Records are listed first: whatever a
// change names was registered before it.
Result<std::vector<int64_t>> all_versions(const Workspace& workspace, std::string_view name,
                                          ModelState& state) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<int64_t> registered, registered_versions(workspace, name));
  ASSAY_ASSIGN_OR_RETURN(state, read_state(workspace, name));
  add_lost(state, registered);
  return registered;
}

}  // namespace

Result<std::vector<std::string>> model_names(const Workspace& workspace) {
  const std::string folder = workspace.path() + "/models";
  std::vector<std::string> models;
  const auto entries = workspace.files().scan(folder);
  if (!entries && entries.error().code == StatusCode::kNotFound) return models;
  if (!entries) return tl::unexpected<Error>(entries.error());
  for (const FolderEntry& entry : *entries) {
    const std::string path = folder + "/" + entry.name;
    if (!check_name("model", entry.name)) continue;  // nothing of ours
    ASSAY_ASSIGN_OR_RETURN(const bool inside, leads_to_folder(workspace.files(), path, entry.info));
    if (!inside) continue;
    // One that cannot be looked into may need blobs: it must not be taken for none.
    ASSAY_ASSIGN_OR_RETURN(const auto versions, registered_versions(workspace, entry.name));
    ModelState state;
    const auto all = versions.empty() ? all_versions(workspace, entry.name, state) : versions;
    if (!all || !all->empty()) models.push_back(entry.name);
  }
  return models;
}

Status note_damage(const KnownModel& model, ReadProblems* problems) {
  const std::vector<std::string>& found = model.state.damage;
  if (found.empty()) return {};
  if (problems == nullptr) return fail(StatusCode::kData, "{}", found.front());
  problems->damaged.insert(problems->damaged.end(), found.begin(), found.end());
  return {};
}

Result<KnownModel> known_model(const Workspace& workspace, std::string_view name) {
  ASSAY_RETURN_IF_ERROR(check_name("model", name));
  KnownModel model{std::string(name), {}, {}, {}};
  ASSAY_ASSIGN_OR_RETURN(model.registered, all_versions(workspace, name, model.state));
  if (model.registered.empty()) return unknown_model(workspace, name);
  model.visible = visible_versions(model.registered, model.state);
  return model;
}

Status check_visible(const KnownModel& model, const ModelState& state, int64_t version) {
  if (!std::binary_search(model.registered.begin(), model.registered.end(), version)) {
    if (model.visible.empty()) {
      return fail(StatusCode::kNotFound, "model '{}' has no version {}: all were deleted",
                  model.name, version);
    }
    return fail(StatusCode::kNotFound, "model '{}' has no version {} (it has {} to {})", model.name,
                version, model.visible.front(), model.visible.back());
  }
  const VersionState& changed = state.of(version);
  if (changed.purged) {
    return fail(StatusCode::kNotFound, "version {} of model '{}' was deleted for good", version,
                model.name);
  }
  if (changed.deleted_ns > 0) {
    return fail(StatusCode::kNotFound,
                "version {0} of model '{1}' is deleted (assay models restore {1}:{0} brings it "
                "back)",
                version, model.name);
  }
  return {};
}

Result<ModelVersion> read_current(const Workspace& workspace, const KnownModel& model,
                                  int64_t version) {
  ASSAY_ASSIGN_OR_RETURN(ModelVersion current, read_version_record(workspace, model.name, version));
  overlay(current, model.state);
  current.damage = model.state.damage;
  if (!model.visible.empty() && version == model.visible.back()) {
    current.aliases.emplace_back(kLatestAlias);
    std::sort(current.aliases.begin(), current.aliases.end());
  }
  return current;
}

std::vector<std::string> registry_uses(const ModelVersion& model, const ModelState& state) {
  std::vector<std::string> uses;
  for (const auto& [alias, target] : state.aliases) {
    if (target == model.version) uses.push_back(fmt::format("alias '{}' points at it", alias));
  }
  const VersionState& changed = state.of(model.version);
  const std::string& stage = changed.stage ? *changed.stage : model.stage;
  if (stage == kProduction) uses.push_back(fmt::format("its stage is {}", kProduction));
  return uses;
}

Result<std::vector<std::vector<std::string>>> run_uses(Workspace& workspace,
                                                       std::span<const ModelVersion> models) {
  std::vector<std::vector<std::string>> uses(models.size());
  ASSAY_ASSIGN_OR_RETURN(const RunList list, list_runs(workspace));
  for (const RunInfo& info : list.runs) {
    if (info.kind == "trial") continue;
    // What a live run logged last is in a journal.
    const bool live = info.status == RunStatus::kRunning;
    const std::string path = run_file_of(workspace, info.run_id);
    const auto record = live || !workspace.files().exists(path) ? load_run(workspace, info.run_id)
                                                                : read_run(workspace.files(), path);
    if (!record) continue;  // a damaged run holds nothing
    for (size_t i = 0; i < models.size(); ++i) {
      const std::string_view pin = pin_of(*record, models[i]);
      if (pin.empty()) continue;
      uses[i].push_back(fmt::format("run {} ({}) has the tag '{}'", info.run_id, info.name, pin));
    }
  }
  return uses;
}

Status check_stage(std::string_view stage) {
  if (std::find(kModelStages.begin(), kModelStages.end(), stage) != kModelStages.end()) return {};
  return fail(StatusCode::kInvalidArgument, "unknown stage '{}'{}", stage,
              name_hint(stage, kModelStages));
}

Status check_alias(std::string_view alias) {
  ASSAY_RETURN_IF_ERROR(check_name("alias", alias));
  if (lower_case(alias) != kLatestAlias) return {};
  return fail(StatusCode::kInvalidArgument,
              "alias '{}' always means the newest version and cannot be set or removed",
              kLatestAlias);
}

Status check_tag(std::string_view key, std::string_view value) {
  ASSAY_RETURN_IF_ERROR(check_key("tag", key));
  if (value.size() <= kTagLimitBytes) return {};
  return fail(StatusCode::kInvalidArgument, "tag '{}' has {} bytes (must be at most {})", key,
              value.size(), kTagLimitBytes);
}

Status check_description(std::string_view text) {
  if (text.size() <= kDescriptionLimitBytes) return {};
  return fail(StatusCode::kInvalidArgument, "the description has {} bytes (must be at most {})",
              text.size(), kDescriptionLimitBytes);
}

}  // namespace assay::tracking
