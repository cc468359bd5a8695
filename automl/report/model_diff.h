// What differs between two registered models: score, stage, data, code, size, input contract, and,
// where the runs that made them are still there, their scripts, parameters and metrics. Plain
// values; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tracking/model_registry.h"
#include "tracking/run_record.h"
#include "tracking/snapshot.h"

namespace assay::automl {

// One side of the comparison. Without a run (it is gone, or the model has none), parameters and
// metrics are not compared; without what the run was started from, scripts are not.
struct DiffSide {
  tracking::ModelVersion model;
  std::optional<tracking::RunRecord> run{};
  std::optional<tracking::SourceManifest> source{};
};

// One thing that differs. A side without a value does not have the thing at all.
struct DiffRow {
  std::string section;  // model, data, code, input, params, metrics
  std::string name;
  std::optional<tracking::Value> a{};
  std::optional<tracking::Value> b{};
};

// Rows in the order of the sections above; in `code`, the commit, and a row for each script that
// was added, removed or changed and for changes that were not committed (source_diff.h); in
// `input`, a row for each column that was added, removed or changed its type or levels, then
// target, task and labels. Contracts that are no JSON are compared as texts.
std::vector<DiffRow> diff_models(const DiffSide& a, const DiffSide& b);

// The score's change from a to b, if both were scored by the same metric.
std::optional<double> score_change(const DiffSide& a, const DiffSide& b);

// For terminals, and as one JSON object on one line.
std::string diff_text(const DiffSide& a, const DiffSide& b, int width);
std::string diff_json(const DiffSide& a, const DiffSide& b);

}  // namespace assay::automl
