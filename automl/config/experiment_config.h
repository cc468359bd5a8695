// What one `assay run` is asked to do, as a config file or the command line says it: one small
// struct with its own option table for each section. Plain values. Read from YAML by
// yaml_config.h; the command line sets single options with parse_option(config.budget, "time", x).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "automl/config/option_table.h"
#include "automl/config/search_space.h"
#include "kernels/base/status.h"

namespace assay::automl {

// The options at the top level of the file.
struct RunOptions {
  std::string experiment;  // empty: the data file's name
  // none, balanced, or weights by label (label_weights.h)
  std::string class_weight = "none";
  int64_t seed = 1;
  std::string device = "auto";  // auto, cpu, cuda:0, fpga:0, ..., or a list: cpu,cuda:0
  int64_t threads = 0;          // 0: all CPUs this process may use
  int64_t slots = 0;            // trials side by side; 0: chosen from threads and rows
  bool keep_predictions = false;
  double checkpoint = 30;   // seconds; 0: never
  std::string scripts;      // a folder that is kept with the run, or empty
  std::string fpga_xclbin;  // path; empty: what ASSAY_FPGA_XCLBIN names
  static const OptionTable<RunOptions>& table();
};

// As datasets::MissingTokens has them.
TextList default_missing_tokens();

struct DataOptions {
  std::string train;  // path
  std::string target;
  std::string task = "auto";    // auto, binary, multiclass, regression
  std::string metric = "auto";  // auto, or a name or alias of metrics/metric.h
  TextList drop;
  std::string weight;       // column, or empty
  std::string group;        // column, or empty
  std::string time_column;  // column, or empty
  std::string positive_class;
  std::string delimiter = "auto";  // auto, comma, semicolon, tab, pipe
  std::string header = "auto";     // auto, true, false
  // Those of datasets/column_types.h. The empty field is always missing.
  TextList missing_tokens = default_missing_tokens();
  TextMap monotone;      // column -> increasing, decreasing
  TextMap interactions;  // column -> name of its group
  TextMap column_types;  // column -> numeric, categorical, boolean, datetime, text
  static const OptionTable<DataOptions>& table();
};

struct FeatureOptions {
  bool calendar = true;
  bool text = true;
  int64_t text_words = 2;
  std::string text_characters = "auto";  // auto, true, false
  int64_t text_topics = 32;
  std::string level_counts = "auto";   // auto, true, false
  std::string level_targets = "auto";  // auto, true, false
  std::string pairs = "auto";          // auto, true, false
  std::string crosses = "auto";
  std::string group_statistics = "auto";
  bool drop_duplicates = true;
  bool drop_row_numbers = true;
  static const OptionTable<FeatureOptions>& table();
};

struct BudgetOptions {
  double time = 0;     // seconds from process start to exit; 0: not limited
  int64_t trials = 0;  // 0: not limited
  int64_t memory = 0;  // bytes; 0: 80 % of what this process may use
  // Random trials in a row without a better one after which a sweep with a time limit ends; 0:
  // never. Not looked at where trials is given.
  int64_t patience = 500;
  // Seconds to keep to: `time`, 60 if neither time nor trials is given, nothing if only trials is.
  std::optional<double> time_limit() const;
  static const OptionTable<BudgetOptions>& table();
};

struct ValidationOptions {
  std::string method = "auto";  // auto, holdout, kfold, group, time
  int64_t folds = 5;
  double holdout_fraction = 0.2;
  bool stratify = true;
  bool refit = true;
  int64_t repeats = 0;  // 0: auto
  static const OptionTable<ValidationOptions>& table();
};

struct SearchOptions {
  std::string strategy = "random";
  bool halving = true;
  std::string fidelity = "auto";  // auto, rounds, rows, both
  int64_t eta = 3;
  int64_t brackets = 1;
  double fold_test = 0;
  std::string earlier_runs = "auto";  // auto, true, false
  bool portfolio = false;
  static const OptionTable<SearchOptions>& table();
};

struct EnsembleOptions {
  bool enabled = true;
  int64_t max_models = 50;
  int64_t iterations = 40;
  double share_of_gain = 0.95;
  std::string stacking = "auto";     // auto, true, false
  std::string calibration = "auto";  // auto, true, false, temperature, sigmoid, isotonic
  static const OptionTable<EnsembleOptions>& table();
};

// What the registered model must keep to; 0, false: anything.
struct ConstraintOptions {
  double max_latency = 0;      // microseconds, of a prediction for one row
  int64_t max_model_size = 0;  // bytes, of the file
  bool interpretable = false;
  static const OptionTable<ConstraintOptions>& table();
};

struct ModelOptions {
  std::string name;  // empty: the experiment's name
  std::string init;  // a registered model to go on from; empty: none
  static const OptionTable<ModelOptions>& table();
};

// A learner to try, with what the config says about its parameters.
struct LearnerChoice {
  std::string name;
  std::vector<ParamOverride> params;
};

struct ExperimentConfig {
  RunOptions run;
  DataOptions data;
  FeatureOptions features;
  BudgetOptions budget;
  ValidationOptions validation;
  SearchOptions search;
  EnsembleOptions ensemble;
  ConstraintOptions constraints;
  ModelOptions model;
  std::vector<LearnerChoice> learners;  // empty: all, with their own search spaces
};

// Calls visit(section options) for each section struct, in file order: run (whose options stand at
// the top level) first. `section.table().group().name` is the key; that of run is empty.
template <class Config, class Visit>
void for_each_section(Config& config, Visit&& visit) {
  visit(config.run);
  visit(config.data);
  visit(config.features);
  visit(config.budget);
  visit(config.validation);
  visit(config.search);
  visit(config.ensemble);
  visit(config.constraints);
  visit(config.model);
}

// Rules over several options, for configs from files and from flags alike: data.train and
// data.target are given; the columns named have one role each; method group wants data.group, time
// wants data.time_column; what cannot be asked for together. Not checked here: whether files and
// columns exist. Fails: config, one line for each mistake, `data.target: ...`.
Status check_config(const ExperimentConfig& config);

}  // namespace assay::automl
