// Writes a config as a commented YAML file: what `assay config init` starts a user off with.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "automl/config/experiment_config.h"
#include "automl/config/option_info.h"

namespace assay::automl {

// A remark to put after an option's line, or above it if it is long: {"data.task", "found in the
// data"}.
struct ConfigNote {
  std::string path;
  std::string text;  // one line
  // What to offer, commented out, in the place of a default; of the option's kind.
  std::optional<OptionValue> suggestion = {};
};

// A file that parse_config reads back to `config`: every option with its help; those that have
// their default value are commented out, and show what a note suggests instead. Lines that begin
// with '#' but not with '# ' and a letter are YAML once the '#' is taken away. Paths are written as
// they stand.
std::string config_template(const ExperimentConfig& config, std::span<const OptionGroup> learners,
                            std::span<const ConfigNote> notes = {});

}  // namespace assay::automl
