// The flags of `assay run`: each is one option of the config's tables, so its values, checks and
// help are those of the config file. A flag overrides the file; a list given by several flags is
// that of all of them. Options without a flag of their own are set by --set, which overrides both.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "automl/config/config_places.h"
#include "automl/config/experiment_config.h"
#include "kernels/base/status.h"

namespace CLI {
class App;
}

namespace assay::automl::cli {

class RunFlags {
 public:
  // Adds the flags, or those of `only`; the object must outlive the parse.
  void add_to(CLI::App& command, std::span<const std::string_view> only = {});
  // Whether the flag (with its dashes) was given.
  bool given(const std::string& flag) const;
  // Sets the options of the flags that were given, and their places. Fails: invalid_argument,
  // naming the flag.
  Status apply_to(ExperimentConfig& config, ConfigPlaces& places) const;

 private:
  void add_learners(CLI::App& command);
  void add_settings(CLI::App& command);

  std::map<std::string, std::string> values_;  // by flag
  std::optional<std::string> learners_;
  std::vector<std::string> settings_;  // "section.option=value", as given
};

}  // namespace assay::automl::cli
