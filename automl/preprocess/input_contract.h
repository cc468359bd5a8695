// The input contract of a predictor as JSON text, for people and for other systems: what a table
// must hold to be predicted. Kept beside registered models and in run files.
//
//   {"columns": [{"name", "type", "levels"?, "had_missing"}], "missing_tokens", "target", "task",
//    "labels"?, "decision_threshold"?}
//
// "missing_tokens": the fields besides the empty one that mean a missing value.
// "decision_threshold": of two classes, if it is not 0.5: the second label is predicted where its
// probability is above it.
// At most kMaxListedLevels levels of a column are listed; "level_count" says how many there are.
// Text that is not UTF-8 has its bad bytes replaced.
#pragma once

#include <string>

#include "automl/preprocess/predictor.h"

namespace assay::automl {

inline constexpr size_t kMaxListedLevels = 50;

// One line, keys in the order above.
std::string input_contract_json(const Predictor& predictor);

// "'yes' where proba_yes is above 0.23": how a model with such a contract decides between two
// classes, if not for the more probable one; else empty.
std::string decision_text(const std::string& contract);

// The threshold of such a contract; 0.5 if it names none in (0, 1).
double decision_threshold(const std::string& contract);

}  // namespace assay::automl
