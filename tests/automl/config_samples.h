// An options struct with every kind of option, and learners to check configs against.
#pragma once

#include <string>
#include <vector>

#include "automl/config/option_table.h"

namespace assay::automl {

struct SampleOptions {
  int64_t trees = 100;
  double rate = 0.1;
  std::string criterion = "gini";
  bool bootstrap = true;
  int64_t depth = 6;
  double time = 90;
  int64_t memory = 1024;
  std::string path;
  std::string name;
  TextList columns = {"a", "b"};
  TextMap types;

  static const OptionTable<SampleOptions>& table() {
    using T = SampleOptions;
    static const OptionTable<T> table(
        "sample", "One option of each kind.",
        {{.name = "trees",
          .member = &T::trees,
          .range = {.low = 1, .high = 10000},
          .search = SearchRange{.low = 10, .high = 1000, .log = true},
          .help = "Number of trees."},
         {.name = "rate",
          .member = &T::rate,
          .range = {.low = 0, .high = 1, .low_open = true},
          .search = SearchRange{.low = 0.01, .high = 0.3, .log = true},
          .help = "Step size."},
         {.name = "criterion",
          .member = &T::criterion,
          .choices = {"gini", "entropy"},
          .search = SearchRange{},
          .help = "What a split lowers."},
         {.name = "bootstrap", .member = &T::bootstrap, .search = SearchRange{}, .help = "Draw."},
         {.name = "depth",
          .member = &T::depth,
          .range = {.low = 1, .high = 64},
          .search = SearchRange{.choices = {int64_t{3}, int64_t{6}, int64_t{9}}},
          .help = "Depth."},
         {.name = "time",
          .member = &T::time,
          .range = {.low = 0},
          .format = OptionFormat::kDuration,
          .help = "Time."},
         {.name = "memory",
          .member = &T::memory,
          .range = {.low = 0},
          .format = OptionFormat::kBytes,
          .help = "Memory."},
         {.name = "path",
          .member = &T::path,
          .format = OptionFormat::kPath,
          .required = true,
          .help = "File."},
         {.name = "name", .member = &T::name, .format = OptionFormat::kName, .help = "Name."},
         {.name = "columns", .member = &T::columns, .help = "Columns."},
         {.name = "types", .member = &T::types, .choices = {"numeric", "text"}, .help = "Types."}});
    return table;
  }
};

struct PlainOptions {
  double penalty = 1;
  static const OptionTable<PlainOptions>& table() {
    static const OptionTable<PlainOptions> table(
        "linear", "A linear model.",
        {{.name = "penalty",
          .member = &PlainOptions::penalty,
          .range = {.low = 0},
          .search = SearchRange{.low = 1e-4, .high = 1e4, .log = true},
          .help = "L2 penalty."}});
    return table;
  }
};

inline std::vector<OptionGroup> sample_learners() {
  OptionGroup trees = SampleOptions::table().group();
  trees.name = "gbt";
  return {trees, PlainOptions::table().group()};
}

}  // namespace assay::automl
