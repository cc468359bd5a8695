// What changes of registered models: each call decides its changes on the state that they follow
// (model_log_internal.h), so that a model is never deleted while an alias is set to it.
#include <algorithm>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/blob_store.h"
#include "tracking/model_lookup_internal.h"
#include "tracking/model_registry.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

Status check_edit(const ModelEdit& edit) {
  if (edit.stage) ASSAY_RETURN_IF_ERROR(check_stage(*edit.stage));
  if (edit.description) ASSAY_RETURN_IF_ERROR(check_description(*edit.description));
  for (const auto& [key, value] : edit.set_tags) ASSAY_RETURN_IF_ERROR(check_tag(key, value));
  for (const std::string& key : edit.remove_tags) ASSAY_RETURN_IF_ERROR(check_tag(key, ""));
  for (const std::string& alias : edit.set_aliases) ASSAY_RETURN_IF_ERROR(check_alias(alias));
  const bool can_have_others = edit.stage && *edit.stage != "none" && *edit.stage != "archived";
  if (edit.archive_others && !can_have_others) {
    return fail(StatusCode::kInvalidArgument,
                "others can be archived only with stage {} or staging, not '{}'", kProduction,
                edit.stage.value_or("none"));
  }
  return {};
}

// Stages of the other versions that the edit archives. The versions are listed anew each time: one
// that was registered and promoted after the edit began is among the others too.
Status archive_others(const Workspace& workspace, std::string_view name, const ModelState& state,
                      int64_t version, const std::string& stage,
                      std::vector<ModelChange>& changes) {
  ASSAY_ASSIGN_OR_RETURN(const auto registered, registered_versions(workspace, name));
  for (const int64_t other : visible_versions(registered, state)) {
    if (other == version) continue;
    std::string current = state.of(other).stage.value_or("");
    if (current.empty()) {
      ASSAY_ASSIGN_OR_RETURN(const ModelVersion record,
                             read_version_record(workspace, name, other));
      current = record.stage;
    }
    if (current == stage) changes.push_back({"stage", other, "", current, "archived"});
  }
  return {};
}

void change_tags(const ModelVersion& model, const ModelEdit& edit,
                 std::vector<ModelChange>& changes) {
  for (const auto& [key, given] : edit.set_tags) {
    const std::string value = clean_utf8(given);
    const auto it = model.tags.find(key);
    if (it != model.tags.end() && it->second == value) continue;
    const auto from = it == model.tags.end() ? std::nullopt : std::optional(it->second);
    changes.push_back({"tag", model.version, key, from, value});
  }
  for (const std::string& key : edit.remove_tags) {
    const auto it = model.tags.find(key);
    if (it == model.tags.end()) continue;
    changes.push_back({"tag", model.version, key, it->second, std::nullopt});
  }
}

ModelChange alias_change(const ModelState& state, const std::string& alias,
                         std::optional<int64_t> target) {
  const auto it = state.aliases.find(alias);
  ModelChange change{"alias", 0, alias, std::nullopt, std::nullopt};
  if (it != state.aliases.end()) change.from = std::to_string(it->second);
  if (target) change.to = std::to_string(*target);
  change.version = target ? *target : it->second;
  return change;
}

tl::unexpected<Error> unknown_tag(const ModelVersion& model, const std::string& key) {
  std::vector<std::string> known;
  for (const auto& entry : model.tags) known.push_back(entry.first);
  return fail(StatusCode::kNotFound, "model {}:{} has no tag '{}'{}", model.name, model.version,
              key, name_hint(key, known));
}

// What serves must be there. Fails: data with the way out; io.
Status check_bytes(Workspace& workspace, const ModelVersion& model) {
  const Status whole = BlobStore(workspace).verify(model.sha256);
  if (whole) return {};
  return fail(whole.error().code,
              "model {0}:{1} has no bytes to serve: {2} (bring the file '{3}' back from a copy of "
              "the workspace, or register the model anew: assay models import FILE)",
              model.name, model.version, whole.error().message, blob_path(model.sha256));
}

bool is_for_use(const ModelEdit& edit) {
  const bool stage = edit.stage && *edit.stage != "none" && *edit.stage != "archived";
  return stage || !edit.set_aliases.empty();
}

std::string uses_text(const std::vector<std::string>& uses) {
  std::string text;
  for (const std::string& use : uses) text += (text.empty() ? "" : "; ") + use;
  return text;
}

tl::unexpected<Error> in_use(const ModelVersion& model, const std::vector<std::string>& uses) {
  return fail(StatusCode::kInvalidArgument,
              "model {}:{} is in use and is not deleted: {} (take that away first: assay models "
              "alias remove, assay models promote --stage archived, assay runs tag)",
              model.name, model.version, uses_text(uses));
}

}  // namespace

Result<ModelVersion> ModelRegistry::edit(std::string_view name, int64_t version,
                                         const ModelEdit& edit, std::string_view reason) {
  ASSAY_RETURN_IF_ERROR(check_edit(edit));
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
  ASSAY_RETURN_IF_ERROR(check_visible(known, known.state, version));
  ASSAY_ASSIGN_OR_RETURN(const ModelVersion record,
                         read_version_record(*workspace_, name, version));
  if (is_for_use(edit)) ASSAY_RETURN_IF_ERROR(check_bytes(*workspace_, record));
  {
    ModelVersion now = record;
    overlay(now, known.state);
    for (const std::string& key : edit.remove_tags) {
      if (!now.tags.contains(key)) return unknown_tag(now, key);
    }
  }
  const auto decide = [&](const ModelState& state) -> Result<std::vector<ModelChange>> {
    ASSAY_RETURN_IF_ERROR(check_visible(known, state, version));
    ModelVersion model = record;
    overlay(model, state);
    std::vector<ModelChange> changes;
    if (edit.stage && *edit.stage != model.stage) {
      changes.push_back({"stage", version, "", model.stage, *edit.stage});
    }
    if (edit.archive_others) {
      ASSAY_RETURN_IF_ERROR(
          archive_others(*workspace_, known.name, state, version, *edit.stage, changes));
    }
    if (edit.description && clean_utf8(*edit.description) != model.description) {
      changes.push_back(
          {"description", version, "", model.description, clean_utf8(*edit.description)});
    }
    change_tags(model, edit, changes);
    for (const std::string& given : edit.set_aliases) {
      const std::string alias = lower_case(given);
      const auto it = state.aliases.find(alias);
      if (it != state.aliases.end() && it->second == version) continue;
      changes.push_back(alias_change(state, alias, version));
    }
    return changes;
  };
  ASSAY_RETURN_IF_ERROR(commit_changes(*workspace_, name, reason, decide));
  return resolve(fmt::format("{}:{}", name, version));
}

Status ModelRegistry::set_alias(std::string_view model_name, std::string_view alias,
                                int64_t version, std::string_view reason) {
  ModelEdit change;
  change.set_aliases = {std::string(alias)};
  ASSAY_RETURN_IF_ERROR(edit(model_name, version, change, reason));
  return {};
}

Status ModelRegistry::remove_alias(std::string_view model_name, std::string_view alias,
                                   std::string_view reason) {
  ASSAY_RETURN_IF_ERROR(check_alias(alias));
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, model_name));
  const std::string key = lower_case(alias);
  if (!known.state.aliases.contains(key)) {
    std::vector<std::string> names;
    for (const auto& entry : known.state.aliases) names.push_back(entry.first);
    return fail(StatusCode::kNotFound, "model '{}' has no alias '{}'{}", model_name, alias,
                name_hint(alias, names));
  }
  const auto decide = [&](const ModelState& state) -> Result<std::vector<ModelChange>> {
    std::vector<ModelChange> changes;
    if (state.aliases.contains(key)) changes.push_back(alias_change(state, key, std::nullopt));
    return changes;
  };
  return commit_changes(*workspace_, model_name, reason, decide);
}

Status ModelRegistry::delete_version(std::string_view name, int64_t version,
                                     std::string_view reason) {
  return delete_versions(name, std::span(&version, 1), reason);
}

Status ModelRegistry::delete_versions(std::string_view name, std::span<const int64_t> versions,
                                      std::string_view reason) {
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
  std::vector<ModelVersion> records;
  for (const int64_t version : versions) {
    ASSAY_RETURN_IF_ERROR(check_visible(known, known.state, version));
    ModelVersion record;
    record.name = name;
    record.version = version;
    // A damaged record may be deleted: what it said does not matter any more.
    if (auto read = read_version_record(*workspace_, name, version)) record = std::move(*read);
    records.push_back(std::move(record));
  }
  ASSAY_ASSIGN_OR_RETURN(const auto pins, run_uses(*workspace_, records));
  const auto decide = [&](const ModelState& state) -> Result<std::vector<ModelChange>> {
    std::vector<ModelChange> changes;
    if (!state.damage.empty()) {
      return fail(StatusCode::kData,
                  "no version of model '{}' is deleted, since it might be in use: {} (assay fsck "
                  "--quarantine puts that away)",
                  known.name, state.damage.front());
    }
    for (size_t i = 0; i < records.size(); ++i) {
      ASSAY_RETURN_IF_ERROR(check_visible(known, state, records[i].version));
      std::vector<std::string> uses = registry_uses(records[i], state);
      uses.insert(uses.end(), pins[i].begin(), pins[i].end());
      if (!uses.empty()) return in_use(records[i], uses);
      changes.push_back({"deleted", records[i].version, "", std::nullopt, "true"});
    }
    return changes;
  };
  return commit_changes(*workspace_, name, reason, decide);
}

Result<ModelVersion> ModelRegistry::restore_version(std::string_view name, int64_t version,
                                                    std::string_view reason) {
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
  const auto decide = [&](const ModelState& state) -> Result<std::vector<ModelChange>> {
    const VersionState& changed = state.of(version);
    std::vector<ModelChange> changes;
    if (changed.deleted_ns > 0 && !changed.purged) {
      changes.push_back({"deleted", version, "", "true", std::nullopt});
      return changes;
    }
    ASSAY_RETURN_IF_ERROR(check_visible(known, state, version));
    return changes;
  };
  ASSAY_RETURN_IF_ERROR(commit_changes(*workspace_, name, reason, decide));
  return resolve(fmt::format("{}:{}", name, version));
}

namespace {

// Versions of a model that were deleted before and can be given up. None while a change of it is
// damaged or missing.
std::vector<int64_t> purgeable_versions(const ModelState& state, int64_t before_ns) {
  std::vector<int64_t> versions;
  if (!state.damage.empty()) return versions;
  for (const auto& [version, changed] : state.versions) {
    const bool old = changed.deleted_ns > 0 && changed.deleted_ns < before_ns;
    if (old && !changed.purged) versions.push_back(version);
  }
  return versions;
}

}  // namespace

Result<std::set<VersionKey>> ModelRegistry::purgeable(int64_t before_ns) {
  ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(*workspace_));
  std::set<VersionKey> versions;
  for (const std::string& name : names) {
    const auto state = read_state(*workspace_, name);
    if (!state) continue;  // blobs_needed() tells
    for (const int64_t version : purgeable_versions(*state, before_ns)) {
      versions.emplace(name, version);
    }
  }
  return versions;
}

Result<int64_t> ModelRegistry::purge(int64_t before_ns) {
  ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(*workspace_));
  int64_t purged = 0;
  for (const std::string& name : names) {
    if (!read_state(*workspace_, name)) continue;  // blobs_needed() tells
    int64_t here = 0;
    const auto decide = [&](const ModelState& state) -> Result<std::vector<ModelChange>> {
      std::vector<ModelChange> changes;
      for (const int64_t version : purgeable_versions(state, before_ns)) {
        changes.push_back({"purged", version, "", std::nullopt, "true"});
      }
      here = static_cast<int64_t>(changes.size());
      return changes;
    };
    ASSAY_RETURN_IF_ERROR(commit_changes(*workspace_, name, "", decide));
    purged += here;
  }
  return purged;
}

Status ModelRegistry::give_up_version(std::string_view name, int64_t version,
                                      std::string_view reason) {
  const auto record = read_version_record(*workspace_, name, version);
  if (record) {
    return fail(StatusCode::kInvalidArgument,
                "the record of model {}:{} is whole: delete the version", name, version);
  }
  const StatusCode why = record.error().code;
  if (why != StatusCode::kData && why != StatusCode::kNotFound) {
    return tl::unexpected<Error>(record.error());  // it may be whole
  }
  const auto decide = [&](const ModelState& state) -> Result<std::vector<ModelChange>> {
    std::vector<ModelChange> changes;
    for (const auto& [alias, target] : state.aliases) {
      if (target == version) changes.push_back(alias_change(state, alias, std::nullopt));
    }
    const VersionState& known = state.of(version);
    if (known.deleted_ns == 0) changes.push_back({"deleted", version, "", std::nullopt, "true"});
    if (!known.purged) changes.push_back({"purged", version, "", std::nullopt, "true"});
    return changes;
  };
  return commit_changes(*workspace_, name, reason, decide);
}

Result<std::vector<std::string>> ModelRegistry::blobs_needed(ReadProblems* problems,
                                                             const std::set<VersionKey>& gone) {
  ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(*workspace_));
  std::vector<std::string> hashes;
  for (const std::string& name : names) {
    auto known = known_model(*workspace_, name);
    ASSAY_RETURN_IF_ERROR(note_problem(known, problems));
    if (known) {
      ASSAY_RETURN_IF_ERROR(note_damage(*known, problems));
    } else {
      // What the changes say is not known, so all versions count.
      known = KnownModel{name, {}, {}, {}};
      ASSAY_ASSIGN_OR_RETURN(known->registered, registered_versions(*workspace_, name));
    }
    for (const int64_t version : known->registered) {
      if (known->state.of(version).purged || gone.contains({name, version})) continue;
      const auto record = read_version_record(*workspace_, name, version);
      ASSAY_RETURN_IF_ERROR(note_problem(record, problems));
      if (record) hashes.push_back(record->sha256);
    }
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  return hashes;
}

}  // namespace assay::tracking
