// The best model that a sweep has come to so far, kept with its run while it searches: what is left
// of a sweep whose process dies. It is the artifact kBestModelPath, from the constant baseline on;
// a row of the table kBestModelTable says of which trials each was made, and when. When the sweep
// ends well it is the registered model. Plain functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "automl/scheduler/run_models.h"
#include "tracking/run_record.h"

namespace assay::automl {

inline constexpr const char* kBestModelPath = "best.model";
inline constexpr std::string_view kBestModelTable = "best_models";

struct BestModelRow {
  double seconds = 0;  // since the sweep's start, when it was kept
  // On the rows that it was chosen on: but for the last, registered one that flatters ensembles.
  double score = 0;
  std::string trials;  // "7", "7, 3": those of most weight first
  int64_t bytes = 0;
  std::string sha256;
  // "trial 7, kept 12.3 s after the start".
  std::string text() const;
};

tracking::NamedTable best_model_table(std::span<const BestModelRow> rows);
// In the order in which they were kept; empty if there is no such table.
std::vector<BestModelRow> best_models_of(const tracking::RunRecord& sweep);
// Of the model that the run has. A process may die between the two: the row comes first.
std::optional<BestModelRow> best_model_of(const tracking::RunRecord& sweep);

// Reads the model; its version has the tags "trials" and "kept_seconds". Fails: not_found if the
// sweep had not come to one, or was made by an earlier release; data if it is damaged; io.
Result<RunModel> load_best_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep);

}  // namespace assay::automl
