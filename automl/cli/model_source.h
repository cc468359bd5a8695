// Finds the model that a command names: a registered one, or an exported file; and the registry.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "automl/cli/invocation.h"
#include "automl/preprocess/predictor.h"
#include "tracking/model_registry.h"
#include "tracking/read_problems.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl::cli {

struct NamedModel {
  Predictor predictor;
  std::string name;     // as registered, or the file's path
  int64_t version = 0;  // 0: a file
  std::string file;     // where its bytes are
};

// "NAME", "NAME:VERSION", "NAME@ALIAS", the path of an exported model file, or a sweep's run, whose
// best model is meant (scheduler/best_model.h). What has a '/' is a path; else a registered model
// comes before a file of the same name, and a file before a run, and a note says so. What is
// damaged of the model's history is told (tell_damage). Fails: not_found with the nearest name,
// data for a damaged model, io.
Result<NamedModel> load_named_model(Invocation& invocation, const std::string& reference);
// An exported model file.
Result<NamedModel> load_model_file(const std::string& path);

// The run of a sweep, by its id, the beginning of it, or its name; with `of_trial` also by that of
// one of its trials.
// Fails: as find_run; invalid_argument if it is no sweep; data if its record is damaged.
Result<tracking::RunRecord> load_sweep(tracking::Workspace& workspace, const std::string& reference,
                                       bool of_trial);

// The registry of the workspace that the command line means (open_workspace).
Result<tracking::ModelRegistry> open_registry(const Invocation& invocation, bool create);

// Names what is damaged of models' records and changes, as print_damage, and says the way out.
void tell_damage(Invocation& invocation, std::span<const std::string> damaged);
// The same for lists of models, where some may be whole and unreadable.
void tell_problems(Invocation& invocation, const tracking::ReadProblems& problems);

// Pairs of `KEY=VALUE`. Fails: invalid_argument.
Result<std::map<std::string, std::string>> parse_tags(const std::vector<std::string>& texts);

}  // namespace assay::automl::cli
