// The JSON Schema (draft 7) of config files, from the same tables that parse them, so that editors
// complete and check them. It accepts what parse_config accepts, with choices in lower case, but
// for what no schema can say: rules between options, duplicate keys, anchors, and the ranges of
// durations and sizes in text.
#pragma once

#include <span>
#include <string>

#include "automl/config/option_info.h"

namespace assay::automl {

// The schema as indented JSON text. `learners` are those that parse_config would get.
std::string config_schema(std::span<const OptionGroup> learners);

}  // namespace assay::automl
