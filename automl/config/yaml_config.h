// Reads a config file. The YAML subset is what people write by hand: maps, lists and scalars;
// anchors, aliases, tags, duplicate keys and several documents are errors with their lines, and
// scalars are read by our option tables (decimal numbers; true or false; choices; the last two in
// any case).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "automl/config/config_places.h"
#include "automl/config/experiment_config.h"
#include "automl/config/option_info.h"
#include "kernels/base/status.h"

namespace assay::automl {

// Where a config text comes from, for messages and relative paths.
struct ConfigSource {
  std::string name;    // "churn.yaml"
  std::string folder;  // paths in the config are relative to it; empty leaves them as they are
};

// The config in `text`, checked: option by option and by check_config. `learners` are the learners
// there are, each with its options; a setting under `learners:` is checked against them and
// SearchSpace::make.
// Fails: config with every mistake found, one a line, `churn.yaml:7: unknown option 'trane' (did
// you mean 'train'?)`; at most 100 are listed.
Result<ExperimentConfig> parse_config(std::string_view text, const ConfigSource& source,
                                      std::span<const OptionGroup> learners,
                                      ConfigPlaces* places = nullptr,
                                      ExperimentConfig* read_so_far = nullptr);

// The same for a file of at most 1 MB. `places`, if given, gets the lines of what the file sets,
// and `read_so_far` what is right of it, both also where there are mistakes. Fails: io if it cannot
// be read; config as above.
Result<ExperimentConfig> load_config(const std::string& path, std::span<const OptionGroup> learners,
                                     ConfigPlaces* places = nullptr,
                                     ExperimentConfig* read_so_far = nullptr);

}  // namespace assay::automl
