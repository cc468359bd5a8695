// The metric of a sweep. Learners follow it (TrainingData::aim); where a config fixes what a
// learner minimises, `metric: auto` follows that instead.
#pragma once

#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "automl/metrics/metric.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct MetricChoice {
  Metric metric;
  // Why it is not the task's default, and warnings where a learner aims elsewhere; for people.
  std::vector<std::string> notes;
};

// data.metric, and if that is auto: the metric of what learners are fixed to aim at
// (Learner::own_aim) if all that say so agree, else the task's default. Learners that are not known
// are passed over.
// Fails: config (data.metric: ...) for a metric that is not there or not for the task.
Result<MetricChoice> choose_metric(const ExperimentConfig& config, Task task);

// Whether what is named is of numbers: the metric, or under `metric: auto` what some learner is
// fixed to aim at.
bool names_a_metric_of_numbers(const ExperimentConfig& config);

}  // namespace assay::automl
