#include "automl/validation/target_check.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "automl/learners/fit_data.h"
#include "automl/learners/learner.h"
#include "automl/validation/column_roles.h"
#include "automl/validation/metric_choice.h"
#include "datasets/column_types.h"
#include "datasets/csv_reader.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

// Lines, and the code of the first; config before data.
class Mistakes {
 public:
  void add(StatusCode code, std::string text) {
    if (!text_.empty()) text_ += '\n';
    text_ += text;
    if (text_.size() == text.size() || code == StatusCode::kConfig) code_ = code;
  }
  bool none() const { return text_.empty(); }
  Status status() && {
    if (none()) return {};
    return tl::unexpected<Error>({code_, std::move(text_)});
  }

 private:
  std::string text_;
  StatusCode code_ = StatusCode::kConfig;
};

// Rows are those of the table, which a message about one must name.
std::string in_file(const ExperimentConfig& config, const Error& error) {
  if (error.code != StatusCode::kData) return error.message;
  return fmt::format("{}, in {}", error.message, config.data.train);
}

void check_learners(const ExperimentConfig& config, const TrainingData& data, Mistakes& mistakes) {
  for (const LearnerChoice& choice : config.learners) {
    const auto learner = find_learner(choice.name);
    if (!learner) continue;
    const auto space = SearchSpace::make((*learner)->options().options, choice.params);
    if (!space) continue;  // said where the search is made
    const Status fits = (*learner)->check(data, space->default_params());
    if (fits) continue;
    // The message begins with the option.
    mistakes.add(fits.error().code,
                 fmt::format("learners.{}.{}", choice.name, in_file(config, fits.error())));
  }
}

}  // namespace

Status check_target(const ExperimentConfig& config, const datasets::Target& target,
                    int64_t row_count) {
  TrainingData data;
  data.task = target.task;
  data.class_count = static_cast<int32_t>(target.class_count());
  std::vector<double> values;
  if (!target.classifies()) {
    values.assign(static_cast<size_t>(row_count), 0.0);
    for (size_t i = 0; i < target.rows.size(); ++i) values[target.rows[i]] = target.values[i];
  }
  data.targets = values;
  // Which rows answer one query does not matter here.
  const std::vector<int32_t> queries(config.data.group.empty() ? 0 : static_cast<size_t>(row_count),
                                     0);
  data.queries = queries;
  Mistakes mistakes;
  const auto choice = choose_metric(config, target.task);
  if (!choice) {
    mistakes.add(choice.error().code, choice.error().message);
  } else {
    data.aim = choice->metric.aim();
  }
  if (const auto weights = read_class_weights(target, config.run.class_weight); !weights) {
    mistakes.add(weights.error().code, weights.error().message);
  }
  check_learners(config, data, mistakes);
  // A metric that follows an objective shares its mistakes.
  if (choice && !target.classifies() && mistakes.none()) {
    const Status fits = check_aim(choice->metric.aim(), values, target.rows);
    if (!fits) {
      mistakes.add(fits.error().code,
                   fmt::format("data.metric: {} is undefined: {}", choice->metric.name(),
                               in_file(config, fits.error())));
    }
  }
  return std::move(mistakes).status();
}

Status check_target_file(const ExperimentConfig& config, Executor& executor,
                         const StopToken& stop) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(config.data.train, error)) return {};
  ASSAY_ASSIGN_OR_RETURN(auto options, csv_options(config.data));
  options.only_columns = {config.data.target};
  for (const std::string& name : {config.data.weight, config.data.group, config.data.time_column}) {
    if (!name.empty()) options.only_columns.push_back(name);
  }
  options.drop.clear();
  ASSAY_ASSIGN_OR_RETURN(const auto table,
                         datasets::read_csv(config.data.train, options, executor, stop));
  ASSAY_ASSIGN_OR_RETURN(const ColumnRoles roles, read_column_roles(*table, config));
  return check_target(config, roles.target, table->row_count());
}

}  // namespace assay::automl
