// What the config says that models must keep to: monotone columns and groups of columns that may
// interact, as features of the encoder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "automl/preprocess/feature_encoder.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct Constraints {
  std::vector<int8_t> monotone;        // [features] -1, 0 or 1; empty: none
  std::vector<uint64_t> interactions;  // [features] bits of groups; empty: none
  std::vector<std::string> notes;      // for people
};

// `excluded`: columns of the table that are no features. Columns that the encoder left out for
// other reasons (a constant one) keep to anything: a note says so.
// Fails: config for a column that is excluded, a monotone one that is not numeric or boolean, more
// than 63 groups.
Result<Constraints> read_constraints(const DataOptions& data, const FeatureEncoder& encoder,
                                     std::span<const std::string> excluded);

}  // namespace assay::automl
