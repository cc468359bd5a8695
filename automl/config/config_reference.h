// The reference of config files as Markdown, from the tables: docs/config.md.
#pragma once

#include <span>
#include <string>

#include "automl/config/option_info.h"

namespace assay::automl {

// Sections with their options, learners with their parameters and search ranges, metrics.
std::string config_reference(std::span<const OptionGroup> learners);

}  // namespace assay::automl
