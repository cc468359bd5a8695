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
#include "automl/validation/metric_choice.h"
#include "datasets/column_types.h"
#include "datasets/csv_reader.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

// The label, or the one that is the same number in another spelling ("1" for "1.0").
std::vector<std::string>::iterator find_label(std::vector<std::string>& labels,
                                              const std::string& wanted) {
  const auto exact = std::find(labels.begin(), labels.end(), wanted);
  double number = 0;
  const auto finite = datasets::NumberKind::kFinite;
  if (exact != labels.end() || datasets::parse_number(wanted, number) != finite) return exact;
  return std::find_if(labels.begin(), labels.end(), [&](const std::string& label) {
    double value = 0;
    return datasets::parse_number(label, value) == finite && value == number;
  });
}

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

Result<datasets::Target> find_target(const datasets::Table& table, const DataOptions& data) {
  std::optional<Task> task;
  if (data.task != "auto") {
    ASSAY_ASSIGN_OR_RETURN(task, parse_task(data.task));
  }
  auto extracted = datasets::extract_target(table, data.target, task);
  if (!extracted) return fail_with(std::move(extracted.error()), "data.target");
  datasets::Target target = std::move(*extracted);
  if (data.positive_class.empty()) return target;
  if (target.task != Task::kBinary) {
    return fail(StatusCode::kConfig,
                "data.positive_class: '{}' needs a binary task, but column '{}' is {}",
                data.positive_class, data.target, name_of(target.task));
  }
  const auto at = find_label(target.labels, data.positive_class);
  if (at == target.labels.end()) {
    return fail(StatusCode::kConfig, "data.positive_class: column '{}' has no label '{}'{}",
                data.target, data.positive_class,
                name_hint(data.positive_class, std::span<const std::string>(target.labels)));
  }
  if (at == target.labels.begin()) {
    std::swap(target.labels[0], target.labels[1]);
    std::swap(target.counts[0], target.counts[1]);
    for (int32_t& code : target.codes) code = 1 - code;
  }
  return target;
}

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
  Mistakes mistakes;
  const auto choice = choose_metric(config, target.task);
  if (!choice) {
    mistakes.add(choice.error().code, choice.error().message);
  } else {
    data.aim = choice->metric.aim();
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
  options.drop.clear();
  ASSAY_ASSIGN_OR_RETURN(const auto table,
                         datasets::read_csv(config.data.train, options, executor, stop));
  ASSAY_ASSIGN_OR_RETURN(const datasets::Target target, find_target(*table, config.data));
  return check_target(config, target, table->row_count());
}

}  // namespace assay::automl
