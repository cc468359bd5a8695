// The changes of one model: models/<name>/changes/<number>.json, a file for each event, numbered
// from 1 without a gap. A change is taken by linking a finished file under the next number; the
// link fails if another process took it, and the change is decided anew on what it wrote.
// models/<name>/state.json is the outcome up to some number, written now and then so that a reader
// folds few files; it is a cache. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
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
  int64_t number = 0;  // the last event in it
  std::map<std::string, int64_t> aliases{};
  std::map<int64_t, VersionState> versions{};

  const VersionState& of(int64_t version) const;
};

// Applies one event. Fails: data for a change that makes no sense.
Status apply_event(ModelState& state, const ModelEvent& event, const std::string& source);

// Publishes a record under a name that nobody has yet, in a folder of the workspace. Durable when
// it returns. Fails: already_exists; io, also if this writer was taken over, be it after the record
// was published: then it is there, but was not acknowledged.
Status take_name(Workspace& workspace, const std::string& folder, const std::string& name,
                 const std::string& text);

// "models/<name in lower case>", relative to the workspace.
std::string model_folder(std::string_view name);

// Numbers of all versions ever registered, ascending; empty if there is no such model.
Result<std::vector<int64_t>> registered_versions(const Workspace& workspace, std::string_view name);
// Numbers in the names "<number>.json" of a folder, ascending; empty if it is not there.
Result<std::vector<int64_t>> numbered_files(const Workspace& workspace, const std::string& folder);

// Fails: data, naming the file, if an event is damaged or missing.
Result<ModelState> read_state(const Workspace& workspace, std::string_view name);
// All events, oldest first.
Result<std::vector<ModelEvent>> read_events(const Workspace& workspace, std::string_view name);

// Decides what to change, given the state that the change will follow. Nothing to change: no event.
using DecideChanges = FunctionRef<Result<std::vector<ModelChange>>(const ModelState&)>;

// Takes the next number for what `decide` says; asks it again if another process was faster.
Status commit_changes(Workspace& workspace, std::string_view name, std::string_view reason,
                      DecideChanges decide);

// An immutable version record as it was registered. Fails: data, not_found.
Result<ModelVersion> read_version_record(const Workspace& workspace, std::string_view name,
                                         int64_t version);
// The record with everything that changed since put into it.
void overlay(ModelVersion& model, const ModelState& state);

// Versions that are not deleted; ascending.
std::vector<int64_t> visible_versions(const std::vector<int64_t>& registered,
                                      const ModelState& state);

}  // namespace assay::tracking
