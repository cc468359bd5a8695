// Registered models: a name, versions 1, 2, ..., aliases, stages. A version's record is a small
// immutable JSON file; the model's bytes are a blob. What changes later (stage, tags, description,
// aliases, deletion) is a numbered list of changes for each model: each is a file of its own that
// says who, when, from and to, taken by linking it under the next number. So two processes that
// change one model at once never lose each other's change, a change is decided on the state that it
// changes, and the list is the audit history. Names compare in ASCII lower case. Thread-safe.
//
// A deleted version goes to the trash: its record and bytes stay, it is only no longer seen, and it
// can be restored until purge() has taken it. Its number is never given out again.
//
// A change whose file is damaged or missing disables nothing: the model is what all others made of
// it, and whoever reads it is told (ModelVersion::damage). Until the file is put away
// (quarantine.h), nothing of the model is deleted for want of knowledge: no version, no blob, and
// no run that one of its versions comes from.
//
// A version is in use, and is then not deleted, if an alias other than latest points at it, if its
// stage is production, or if a run relies on it: a run with the tag `pinned` or `serving` (true, or
// any text but "false", "no", "0" and "") that made it or lists it among its models. Trials are not
// asked: what is registered belongs to their sweep.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/blob_store.h"
#include "tracking/model_card.h"
#include "tracking/read_problems.h"
#include "tracking/workspace.h"

namespace assay::tracking {

inline constexpr std::string_view kLatestAlias = "latest";
inline constexpr std::string_view kProduction = "production";
inline constexpr std::array<std::string_view, 4> kModelStages = {"none", "staging", kProduction,
                                                                 "archived"};
inline constexpr std::array<std::string_view, 2> kPinTags = {"pinned", "serving"};

// Where an imported model came from.
struct ModelOrigin {
  std::string workspace{};       // display name
  std::string workspace_uuid{};  // tells workspaces of one name apart
  std::string name{};
  int64_t version = 0;
  int64_t created_ns = 0;
};

// What is known about one version, as it is now.
struct ModelVersion {
  std::string name{};      // as first registered in this version
  int64_t version = 0;     // set by register_model
  std::string sha256{};    // set by register_model
  int64_t size = 0;        // set by register_model
  int64_t created_ns = 0;  // set by register_model
  std::string user{};      // set by register_model: who registered it
  int64_t format_version = 0;
  std::string task{};    // binary, multiclass, regression
  std::string metric{};  // the metric that was optimised
  std::optional<double> score{};
  std::string stage{"none"};  // one of kModelStages
  std::string description{};
  std::map<std::string, std::string> tags{};
  std::string run_id{};
  std::string dataset_name{};
  std::string dataset_version{};
  std::string dataset_hash{};
  std::string code_commit{};
  std::string input_contract{};  // JSON text, a summary of columns and types
  std::optional<ModelOrigin> origin{};
  std::vector<std::string> aliases{};  // filled when read; "latest" included; sorted
  int64_t deleted_ns = 0;              // filled when read; 0: not deleted
  // Filled when read: a message for each change of the model that is damaged or missing. What it
  // changed is not known, so stage, description, tags, aliases and deletion may be as they were
  // before it.
  std::vector<std::string> damage{};
};

// The name of a model's folder, and the number of a version.
using VersionKey = std::pair<std::string, int64_t>;

// One thing that changed: `what` is registered, stage, description, tag, alias, deleted or purged.
struct ModelChange {
  std::string what{};
  int64_t version = 0;
  std::string key{};  // the tag or the alias
  std::optional<std::string> from{};
  std::optional<std::string> to{};
};

// Changes made together, by one person at one time.
struct ModelEvent {
  int64_t number = 0;  // 1, 2, ... for each model; 0 for a registration
  int64_t at_ns = 0;
  std::string user{};
  std::string host{};
  std::string reason{};
  std::vector<ModelChange> changes{};
  // Above 0: stands for events that are lost, those from `number` to this; changes nothing.
  int64_t lost_to = 0;
};

// What to change of one version; fields that are empty change nothing.
struct ModelEdit {
  std::optional<std::string> stage{};
  // Versions of this model that have the same stage become archived, in the same event. For
  // production and staging.
  bool archive_others = false;
  std::optional<std::string> description{};
  std::map<std::string, std::string> set_tags{};
  std::vector<std::string> remove_tags{};
  std::vector<std::string> set_aliases{};  // each moves here from wherever it points
};

// What the card of an exported file says of its model, as a version to register: with lineage,
// tags, description and where it came from, without stage and aliases. `source` is what messages
// call the file. Fails: data if it has no card, or one that is damaged or another model's.
Result<ModelVersion> version_of_card(const CardedModel& file, const std::string& source);

class ModelRegistry {
 public:
  explicit ModelRegistry(std::shared_ptr<Workspace> workspace) : workspace_(std::move(workspace)) {}

  // Stores the bytes and takes the next version. Durable when it returns; gives the full record.
  // Fails: invalid_argument for a bad name or stage, io.
  Result<ModelVersion> register_model(ModelVersion model, std::span<const std::byte> bytes);
  // Of bytes that this process stored (BlobStore::put).
  Result<ModelVersion> register_stored(ModelVersion model, const BlobRef& blob);
  Result<ModelVersion> register_model_file(ModelVersion model, const std::string& path);

  // The latest version of each model that can be read, by name. With a name: all versions of it,
  // newest first; with `deleted`, those in the trash instead. Records and changes that are damaged
  // or cannot be read are told in `problems` (of all versions, also of those that are not listed),
  // and the rest is listed; without it they fail the call. Fails: not_found with the nearest name;
  // data for a damaged record or change.
  Result<std::vector<ModelVersion>> list_models(ReadProblems* problems = nullptr);
  Result<std::vector<ModelVersion>> list_versions(std::string_view name,
                                                  ReadProblems* problems = nullptr);
  Result<std::vector<ModelVersion>> list_deleted(std::string_view name,
                                                 ReadProblems* problems = nullptr);

  // A version that is not deleted and comes from one of these runs, if there is any. Looks at the
  // newest versions of each model first, and stops at the first that fits. Where a change is
  // damaged or missing, which might have restored it, a deleted version counts, too.
  // Fails: data for a damaged record, which might name any run.
  Result<std::optional<ModelVersion>> any_made_by(const std::set<std::string>& run_ids);

  // "name" (latest), "name:3" or "name@alias".
  // Fails: not_found with the nearest name, version range or alias; invalid_argument.
  Result<ModelVersion> resolve(std::string_view reference);
  // The model's verified bytes.
  Result<std::string> read_model(const ModelVersion& model);
  // All that happened to a model, oldest first: changes by their numbers, and each registration
  // where its time puts it, but before every change of its version. Damaged and missing changes are
  // told in `problems`; without it they fail the call.
  Result<std::vector<ModelEvent>> history(std::string_view name, ReadProblems* problems = nullptr);

  // Writes one file that holds the model and its card (model_card.h); replaces it if it is there.
  Result<ModelVersion> export_model(std::string_view reference, const std::string& path);
  // The bytes of such a file.
  Result<std::string> exported_bytes(const ModelVersion& model);
  // Registers a file that export_model wrote, with its lineage, tags and description, under `name`
  // or, if that is empty, its own. Stage and aliases are not taken over.
  // Fails: not_found; data if the file is damaged or has no card; as register_model.
  Result<ModelVersion> import_model(const std::string& path, std::string_view name);

  // All that follow are one event each, all or nothing, and durable when they return. What is so
  // already is no event. Reasons are for people.
  // Fails: invalid_argument, not_found with the nearest name, io.

  // What serves must be there: fails with data if the version gets an alias, or the stage staging
  // or production, and its blob is damaged or missing.
  Result<ModelVersion> edit(std::string_view name, int64_t version, const ModelEdit& edit,
                            std::string_view reason = "");
  // Points an alias (a name; not "latest") at a version.
  Status set_alias(std::string_view model_name, std::string_view alias, int64_t version,
                   std::string_view reason = "");
  Status remove_alias(std::string_view model_name, std::string_view alias,
                      std::string_view reason = "");
  // Fails: invalid_argument, naming every use, if the version (any of the versions) is in use; data
  // while a change of the model is damaged or missing, which might have put it to use.
  Status delete_version(std::string_view name, int64_t version, std::string_view reason = "");
  Status delete_versions(std::string_view name, std::span<const int64_t> versions,
                         std::string_view reason = "");
  // Fails: not_found if it was purged.
  Result<ModelVersion> restore_version(std::string_view name, int64_t version,
                                       std::string_view reason = "");
  // Gives up for good what was deleted before `before_ns` (nanoseconds since 1970 UTC), of all
  // models: their blobs are no longer needed. Returns how many versions. Leaves models alone of
  // which a change is damaged or missing: it might have restored a version.
  Result<int64_t> purge(int64_t before_ns);
  // What purge() would give up now; nothing is written.
  Result<std::set<VersionKey>> purgeable(int64_t before_ns);
  // Hashes of the blobs that versions rely on, those in the trash included; sorted. Records and
  // changes that are damaged or cannot be read, which might name a blob, are told in `problems`;
  // without it they fail the call. Versions in `gone` count as given up. Fails: data, io.
  Result<std::vector<std::string>> blobs_needed(ReadProblems* problems = nullptr,
                                                const std::set<VersionKey>& gone = {});
  // Gives up a version whose record is damaged: it counts as deleted for good, and no alias points
  // at it. Its number is never given out again, also if the record is taken away afterwards.
  // Fails: invalid_argument if the record is whole.
  Status give_up_version(std::string_view name, int64_t version, std::string_view reason);

 private:
  std::shared_ptr<Workspace> workspace_;
};

}  // namespace assay::tracking
