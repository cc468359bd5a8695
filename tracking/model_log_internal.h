// What the events of one model (model_events_internal.h) made of it. A change is taken by linking a
// finished file under the next number; the link fails if another process took it, and the change is
// decided anew on what it wrote. models/<name>/state.json is the outcome up to some number, written
// now and then so that a reader folds few files; it is a cache, and never written from a history
// that lacks something. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
#include "tracking/model_events_internal.h"
#include "tracking/model_registry.h"

namespace assay::tracking {

// What changed of a version since it was registered.
struct VersionState {
  std::optional<std::string> stage{};
  std::optional<std::string> description{};
  std::map<std::string, std::optional<std::string>> tags{};  // nothing: removed
  int64_t deleted_ns = 0;
  bool purged = false;
};

struct ModelState {
  int64_t number = 0;  // the last that is taken
  std::map<std::string, int64_t> aliases{};
  std::map<int64_t, VersionState> versions{};
  // A message for each event, and each alias of the first format, that is damaged or missing: it
  // might have changed anything of the model.
  std::vector<std::string> damage{};

  const VersionState& of(int64_t version) const;
};

// Applies an event that check_event() passes. Of lost ones no more is known than that versions in
// the trash may have been restored: their time there begins anew.
void apply_event(ModelState& state, const ModelEvent& event);

// Publishes a record under a name that nobody has yet, in a folder of the workspace. Durable when
// it returns. Fails: already_exists; io, also if this writer was taken over, be it after the record
// was published: then it is there, but was not acknowledged.
Status take_name(Workspace& workspace, const std::string& folder, const std::string& name,
                 const std::string& text);

// "models/<name in lower case>", relative to the workspace; the folder of its events in there, and
// one of them.
std::string model_folder(std::string_view name);
std::string changes_folder(std::string_view name);
std::string change_path(std::string_view name, int64_t number);

// Numbers of all versions ever registered, ascending; empty if there is no such model. A file whose
// number is more than 64 above the others and that is no record of that version is nobody's: the
// versions between would count as lost.
Result<std::vector<int64_t>> registered_versions(const Workspace& workspace, std::string_view name);

// Fails: io; data if a newer release wrote an event. Events that are damaged or missing are left
// out and told in the state.
Result<ModelState> read_state(const Workspace& workspace, std::string_view name);
// All events, and all that is damaged or missing of them, also before what the cache knows.
// Fails: likewise.
Result<EventLog> read_events(const Workspace& workspace, std::string_view name);
// Paths of damaged alias files of the first format that still count; below the workspace, each with
// the message. Fails: io.
Result<std::vector<std::pair<std::string, std::string>>> damaged_aliases(const Workspace& workspace,
                                                                         std::string_view name);

// Decides what to change, given the state that the change will follow. Nothing to change: no event.
using DecideChanges = FunctionRef<Result<std::vector<ModelChange>>(const ModelState&)>;

// Takes the next number for what `decide` says; asks it again if another process was faster.
// Fails: data if no number is left; as decide, read_state() and take_name().
Status commit_changes(Workspace& workspace, std::string_view name, std::string_view reason,
                      DecideChanges decide);

// The event that stands for lost ones, made now by this user.
ModelEvent lost_event(int64_t first, int64_t last, std::string_view reason);

// An immutable version record as it was registered. Fails: data, also if it is missing; io.
Result<ModelVersion> read_version_record(const Workspace& workspace, std::string_view name,
                                         int64_t version);
// The record with everything that changed since put into it.
void overlay(ModelVersion& model, const ModelState& state);

// Versions that are not deleted; ascending.
std::vector<int64_t> visible_versions(const std::vector<int64_t>& registered,
                                      const ModelState& state);

}  // namespace assay::tracking
