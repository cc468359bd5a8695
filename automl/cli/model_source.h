// Finds the model that a command names: a registered one, or an exported file.
#pragma once

#include <cstdint>
#include <string>

#include "automl/cli/invocation.h"
#include "automl/preprocess/predictor.h"

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

}  // namespace assay::automl::cli
