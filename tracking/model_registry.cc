// models/<name in lower case>/versions/<number>.json. A version is taken by linking a complete
// record under its number: the link fails if the number is taken, and the next is tried. Records
// of deleted versions stay, so that a number is never given out twice.
#include "tracking/model_registry.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <utility>

#include "kernels/base/hash.h"
#include "kernels/base/names.h"
#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/model_card.h"
#include "tracking/model_lookup_internal.h"
#include "tracking/records_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr int64_t kRecordLimitBytes = int64_t{256} << 20;
constexpr int64_t kModelLimitBytes = int64_t{64} << 30;

Result<int64_t> find_version(const KnownModel& model, std::string_view number) {
  int64_t version = 0;
  const char* end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, version);
  if (error != std::errc() || stop != end) {
    return fail(StatusCode::kInvalidArgument,
                "'{}' is not a version of model '{}' (a number; "
                "aliases are written {}@ALIAS)",
                number, model.name, model.name);
  }
  ASSAY_RETURN_IF_ERROR(check_visible(model, model.state, version));
  return version;
}

Result<int64_t> latest_version(const KnownModel& model) {
  if (!model.visible.empty()) return model.visible.back();
  return fail(StatusCode::kNotFound,
              "all versions of model '{0}' are deleted (assay models restore {0}:{1} brings one "
              "back)",
              model.name, model.registered.back());
}

Result<int64_t> find_alias(const KnownModel& model, std::string_view alias) {
  if (lower_case(alias) == kLatestAlias) return latest_version(model);
  const auto it = model.state.aliases.find(lower_case(alias));
  if (it == model.state.aliases.end()) {
    std::vector<std::string> known = {std::string(kLatestAlias)};
    for (const auto& entry : model.state.aliases) known.push_back(entry.first);
    return fail(StatusCode::kNotFound, "model '{}' has no alias '{}'{}", model.name, alias,
                name_hint(alias, known));
  }
  const Status visible = check_visible(model, model.state, it->second);
  if (visible) return it->second;
  return fail(StatusCode::kData, "alias '{}' of model '{}' points at version {}, which is gone",
              alias, model.name, it->second);
}

// Publishes the record under the next free number.
Status take_version(Workspace& workspace, ModelVersion& model) {
  const std::string folder = model_folder(model.name) + "/versions";
  // The state is read last: who takes a damaged record away has given the version up before.
  ASSAY_ASSIGN_OR_RETURN(const auto versions, registered_versions(workspace, model.name));
  ASSAY_ASSIGN_OR_RETURN(const ModelState state, read_state(workspace, model.name));
  model.version = versions.empty() ? 1 : versions.back() + 1;
  if (!state.versions.empty()) {
    model.version = std::max(model.version, state.versions.rbegin()->first + 1);
  }
  // An alias of a version whose record is lost must not get another model.
  for (const auto& alias : state.aliases) {
    model.version = std::max(model.version, std::min(alias.second, kLargestNumber) + 1);
  }
  while (true) {
    if (model.version > kLargestNumber) {
      return fail(StatusCode::kData, "model '{}' has a version {}: no number is left for another",
                  model.name, kLargestNumber);
    }
    const std::string text = to_json(model);
    if (static_cast<int64_t>(text.size()) > kRecordLimitBytes) {
      return fail(StatusCode::kInvalidArgument,
                  "the record of model '{}' has {} bytes (must be at most {})", model.name,
                  text.size(), kRecordLimitBytes);
    }
    const Status taken = take_name(workspace, folder, fmt::format("{}.json", model.version), text);
    if (taken || taken.error().code != StatusCode::kAlreadyExists) return taken;
    ++model.version;
  }
}

Status prepare(ModelVersion& model) {
  ASSAY_RETURN_IF_ERROR(check_name("model", model.name));
  if (model.stage.empty()) model.stage = kModelStages[0];
  ASSAY_RETURN_IF_ERROR(check_stage(model.stage));
  ASSAY_RETURN_IF_ERROR(check_description(model.description));
  for (const auto& [key, value] : model.tags) ASSAY_RETURN_IF_ERROR(check_tag(key, value));
  return {};
}

Result<ModelVersion> register_blob(Workspace& workspace, ModelVersion model, const BlobRef& blob) {
  model.sha256 = blob.sha256;
  model.size = blob.size;
  model.created_ns = wall_time_ns();
  model.user = user_name();
  model.aliases.clear();
  model.deleted_ns = 0;
  model.damage.clear();
  ASSAY_RETURN_IF_ERROR(take_version(workspace, model));
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(workspace, model.name));
  return read_current(workspace, known, model.version);
}

Result<std::vector<ModelVersion>> read_versions(const Workspace& workspace, const KnownModel& known,
                                                const std::vector<int64_t>& versions,
                                                ReadProblems* problems) {
  std::vector<ModelVersion> models;
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    auto model = read_current(workspace, known, *it);
    ASSAY_RETURN_IF_ERROR(note_problem(model, problems));
    if (model) models.push_back(std::move(*model));
  }
  return models;
}

// A message for each record that cannot be read, those of deleted versions included.
void note_unread_versions(const Workspace& workspace, const KnownModel& known,
                          ReadProblems& problems) {
  for (const int64_t version : known.registered) {
    if (known.state.of(version).purged) continue;
    const auto record = read_version_record(workspace, known.name, version);
    if (!record) problems.note(record.error());
  }
}

// Registrations, by version, put among the changes, by number: each where its clock says, but
// before the first change of its version or of a later one. Clocks of several machines disagree;
// numbers do not.
std::vector<ModelEvent> in_order(std::vector<ModelEvent> registrations,
                                 std::vector<ModelEvent> changes) {
  std::vector<ModelEvent> events;
  size_t next = 0;
  int64_t now_ns = INT64_MIN;
  for (ModelEvent& event : changes) {
    now_ns = std::max(now_ns, event.at_ns);
    int64_t named = 0;
    for (const ModelChange& change : event.changes) named = std::max(named, change.version);
    for (; next < registrations.size(); ++next) {
      ModelEvent& registration = registrations[next];
      if (registration.changes[0].version > named && registration.at_ns > now_ns) break;
      events.push_back(std::move(registration));
    }
    events.push_back(std::move(event));
  }
  for (; next < registrations.size(); ++next) events.push_back(std::move(registrations[next]));
  return events;
}

}  // namespace

Result<ModelVersion> ModelRegistry::register_model(ModelVersion model,
                                                   std::span<const std::byte> bytes) {
  ASSAY_RETURN_IF_ERROR(prepare(model));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put(bytes));
  return register_blob(*workspace_, std::move(model), blob);
}

Result<ModelVersion> ModelRegistry::register_stored(ModelVersion model, const BlobRef& blob) {
  ASSAY_RETURN_IF_ERROR(prepare(model));
  return register_blob(*workspace_, std::move(model), blob);
}

Result<ModelVersion> ModelRegistry::register_model_file(ModelVersion model,
                                                        const std::string& path) {
  ASSAY_RETURN_IF_ERROR(prepare(model));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put_file(path));
  return register_blob(*workspace_, std::move(model), blob);
}

Result<std::optional<ModelVersion>> ModelRegistry::any_made_by(
    const std::set<std::string>& run_ids) {
  ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(*workspace_));
  for (const std::string& name : names) {
    ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
    // What is damaged may have brought back any version that is not purged.
    const auto& versions = known.state.damage.empty() ? known.visible : known.registered;
    for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
      if (known.state.of(*version).purged) continue;
      ASSAY_ASSIGN_OR_RETURN(ModelVersion record, read_version_record(*workspace_, name, *version));
      if (run_ids.contains(record.run_id)) return record;
    }
  }
  return std::nullopt;
}

Result<std::vector<ModelVersion>> ModelRegistry::list_models(ReadProblems* problems) {
  ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(*workspace_));
  std::vector<ModelVersion> models;
  for (const std::string& name : names) {
    const auto known = known_model(*workspace_, name);
    ASSAY_RETURN_IF_ERROR(note_problem(known, problems));
    if (!known) continue;
    ASSAY_RETURN_IF_ERROR(note_damage(*known, problems));
    if (problems != nullptr) note_unread_versions(*workspace_, *known, *problems);
    for (auto version = known->visible.rbegin(); version != known->visible.rend(); ++version) {
      auto model = read_current(*workspace_, *known, *version);
      if (!model && problems == nullptr) return tl::unexpected<Error>(std::move(model.error()));
      if (!model) continue;  // told above; an older one stands for the model
      models.push_back(std::move(*model));
      break;
    }
  }
  return models;
}

Result<std::vector<ModelVersion>> ModelRegistry::list_versions(std::string_view name,
                                                               ReadProblems* problems) {
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
  ASSAY_RETURN_IF_ERROR(note_damage(known, problems));
  ASSAY_RETURN_IF_ERROR(latest_version(known));
  return read_versions(*workspace_, known, known.visible, problems);
}

Result<std::vector<ModelVersion>> ModelRegistry::list_deleted(std::string_view name,
                                                              ReadProblems* problems) {
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
  ASSAY_RETURN_IF_ERROR(note_damage(known, problems));
  std::vector<int64_t> deleted;
  for (const int64_t version : known.registered) {
    const VersionState& changed = known.state.of(version);
    if (changed.deleted_ns > 0 && !changed.purged) deleted.push_back(version);
  }
  return read_versions(*workspace_, known, deleted, problems);
}

Result<ModelVersion> ModelRegistry::resolve(std::string_view reference) {
  const size_t mark = reference.find_first_of(":@");
  const std::string_view name = reference.substr(0, mark);
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
  Result<int64_t> version = latest_version(known);
  if (mark != std::string_view::npos) {
    const std::string_view rest = reference.substr(mark + 1);
    version = reference[mark] == ':' ? find_version(known, rest) : find_alias(known, rest);
  }
  if (!version) return tl::unexpected<Error>(std::move(version.error()));
  return read_current(*workspace_, known, *version);
}

Result<std::string> ModelRegistry::read_model(const ModelVersion& model) {
  auto bytes = BlobStore(*workspace_).read(model.sha256, kModelLimitBytes);
  if (bytes) return bytes;
  return fail_with(std::move(bytes.error()), fmt::format("model {}:{}", model.name, model.version));
}

Result<std::vector<ModelEvent>> ModelRegistry::history(std::string_view name,
                                                       ReadProblems* problems) {
  ASSAY_ASSIGN_OR_RETURN(const KnownModel known, known_model(*workspace_, name));
  std::vector<ModelEvent> events;
  for (const int64_t version : known.registered) {
    const auto model = read_version_record(*workspace_, name, version);
    if (!model) continue;  // a damaged record: the other events still tell their story
    ModelEvent event{0, model->created_ns, model->user, "", "", {}};
    event.changes.push_back({"registered", version, "", std::nullopt, model->stage});
    events.push_back(std::move(event));
  }
  ASSAY_ASSIGN_OR_RETURN(EventLog log, read_events(*workspace_, name));
  for (const EventGap& gap : log.gaps) {
    if (problems == nullptr) return fail(StatusCode::kData, "{}", gap.why);
    problems->damaged.push_back(gap.why);
  }
  return in_order(std::move(events), std::move(log.events));
}

Result<std::string> ModelRegistry::exported_bytes(const ModelVersion& model) {
  ASSAY_ASSIGN_OR_RETURN(std::string bytes, read_model(model));
  ModelCard card;
  card.model = model;
  card.origin = {workspace_->display_name(), workspace_->uuid(), model.name, model.version,
                 model.created_ns};
  card.exported_ns = wall_time_ns();
  return with_card(std::move(bytes), to_json(card));
}

Result<ModelVersion> ModelRegistry::export_model(std::string_view reference,
                                                 const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(ModelVersion model, resolve(reference));
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes, exported_bytes(model));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  ASSAY_RETURN_IF_ERROR(publish_file(workspace_->files(), folder.empty() ? "." : folder, path,
                                     std::as_bytes(std::span(bytes))));
  return model;
}

Result<ModelVersion> version_of_card(const CardedModel& file, const std::string& source) {
  if (!file.has_card) {
    return fail(StatusCode::kData,
                "'{}' has no card that says where it is from: it was not made by `assay models "
                "export` (assay models register takes any model file)",
                source);
  }
  ASSAY_ASSIGN_OR_RETURN(ModelCard card, parse_card(file.card, source));
  if (sha256_hex(file.model) != card.model.sha256) {
    return fail(StatusCode::kData, "'{}' is damaged: its card is that of another model", source);
  }
  ModelVersion model = std::move(card.model);
  // A model that went through several workspaces keeps where it was made.
  if (!model.origin) model.origin = card.origin;
  model.stage = kModelStages[0];
  return model;
}

Result<ModelVersion> ModelRegistry::import_model(const std::string& path, std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes,
                         read_file(workspace_->files(), path, kModelLimitBytes));
  ASSAY_ASSIGN_OR_RETURN(const CardedModel file, split_card(bytes, path));
  ASSAY_ASSIGN_OR_RETURN(ModelVersion model, version_of_card(file, path));
  if (!name.empty()) model.name = name;
  return register_model(std::move(model), std::as_bytes(std::span(file.model)));
}

}  // namespace assay::tracking
