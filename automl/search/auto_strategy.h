// What search.strategy auto stands for, from how many trials the budget is good for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay::automl {

struct SearchBudget {
  int64_t trials = 0;                  // 0: not limited
  std::optional<double> seconds_left;  // nothing in logical mode
  double trial_seconds = 0;            // predicted for a usual trial
  int64_t learners = 1;                // that are searched
};

// "random" where too few trials are left per learner for results to tell anything; "gp" where
// trials take so long that tens of milliseconds of thought are nothing; else "tpe".
std::string_view auto_strategy(const SearchBudget& budget);

}  // namespace assay::automl
