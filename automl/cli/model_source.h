// Finds the model that a command names: a registered one, or an exported file; and the registry.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "automl/cli/invocation.h"
#include "automl/preprocess/predictor.h"
#include "tracking/model_registry.h"

namespace assay::automl::cli {

struct NamedModel {
  Predictor predictor;
  std::string name;     // as registered, or the file's path
  int64_t version = 0;  // 0: a file
};

// "NAME", "NAME:VERSION", "NAME@ALIAS", or the path of an exported model file: a reference that
// names an existing file is that file.
// Fails: not_found with the nearest name, data for a damaged model, io.
Result<NamedModel> load_named_model(const Invocation& invocation, const std::string& reference);

// The registry of the workspace that the command line means (open_workspace).
Result<tracking::ModelRegistry> open_registry(const Invocation& invocation, bool create);

// Pairs of `KEY=VALUE`. Fails: invalid_argument.
Result<std::map<std::string, std::string>> parse_tags(const std::vector<std::string>& texts);

}  // namespace assay::automl::cli
