// Parts of a recorded sweep or trial as text for terminals: a leaderboard, the members of the model
// that was registered, what that model looks at, and what a trial ran on. Pure; a record without
// the table gives an empty text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "automl/scheduler/leaderboard.h"
#include "tracking/run_record.h"

namespace assay::automl {

// The recorded leaderboard, with its path and front; nothing if there is none.
std::optional<Leaderboard> recorded_board(const tracking::RunRecord& record);
// "\nleaderboard\n" and leaderboard_text of the recorded rows.
std::string leaderboard_section(const tracking::RunRecord& record, int64_t limit, int width);
// The Pareto front of score against latency; empty if it has less than two points.
std::string front_section(const tracking::RunRecord& record, int width);

// "\nmembers\n" and a line for each trial in the registered model: weight, learner, trial, score,
// run; then the parameters of each, wrapped to the width (100 if it is 0).
std::string members_section(const tracking::RunRecord& record, int width);

// "\nfeature importance\n" and the `limit` most important features with their shares, which sum to
// 100 % over all features.
std::string importance_section(const tracking::RunRecord& record, int64_t limit, int width);

// "\nkernels\n" and what ran: on which device, how often, and bytes that were copied.
std::string kernels_section(const tracking::RunRecord& record, int width);

// The input contract of a model (preprocess/input_contract.h) as a table: column, type, levels and
// whether values were missing in training. Text that is no contract is returned as it is.
std::string contract_table(const std::string& contract, int width);

}  // namespace assay::automl
