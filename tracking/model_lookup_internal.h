// Finding models by what people type. Shared by the parts of ModelRegistry. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/model_log_internal.h"
#include "tracking/read_problems.h"

namespace assay::tracking {

// A model that has been registered, and how it is now.
struct KnownModel {
  std::string name{};
  // All versions ever, ascending; never empty. Those given up may have no record; where others have
  // none, it is lost: a number below, or a change, shows that it was there.
  std::vector<int64_t> registered{};
  std::vector<int64_t> visible{};  // those not deleted
  ModelState state{};
};

// Names of all models that ever were registered, in lower case, sorted.
Result<std::vector<std::string>> model_names(const Workspace& workspace);

// Notes what could not be read, or passes it on if there is nowhere to.
template <class T>
Status note_problem(const Result<T>& result, ReadProblems* problems) {
  if (result) return {};
  if (problems == nullptr) return tl::unexpected<Error>(result.error());
  problems->note(result.error());
  return {};
}

// Tells what is damaged or missing of the model's changes, or fails with it if there is nowhere to.
Status note_damage(const KnownModel& model, ReadProblems* problems);

// Fails: not_found with the nearest name; invalid_argument; io; data if a newer release wrote an
// event.
Result<KnownModel> known_model(const Workspace& workspace, std::string_view name);

// Fails: not_found, saying why, if the version is not registered or is deleted.
Status check_visible(const KnownModel& model, const ModelState& state, int64_t version);

// The version as it is now, with its aliases. Fails: data.
Result<ModelVersion> read_current(const Workspace& workspace, const KnownModel& model,
                                  int64_t version);

// Why the version must not be deleted, one use a line of text; empty if nobody uses it.
std::vector<std::string> registry_uses(const ModelVersion& model, const ModelState& state);
// The same for runs with a pin tag, for each of the models. Reads the runs that may name one.
Result<std::vector<std::vector<std::string>>> run_uses(Workspace& workspace,
                                                       std::span<const ModelVersion> models);

// Fails: invalid_argument with the nearest stage.
Status check_stage(std::string_view stage);
// Fails: invalid_argument for "latest" and for what is no name.
Status check_alias(std::string_view alias);
// Fails: invalid_argument for a bad key or a text that is too long.
Status check_tag(std::string_view key, std::string_view value);
Status check_description(std::string_view text);

}  // namespace assay::tracking
