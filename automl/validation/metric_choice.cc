#include "automl/validation/metric_choice.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "automl/learners/learner.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

struct NamedAim {
  std::string learner;
  OwnAim aim;
};

std::vector<NamedAim> own_aims(const ExperimentConfig& config, Task task) {
  std::vector<NamedAim> aims;
  if (task != Task::kRegression) return aims;
  for (const LearnerChoice& choice : config.learners) {
    const auto learner = find_learner(choice.name);
    if (!learner) continue;
    const auto space = SearchSpace::make((*learner)->options().options, choice.params);
    if (!space) continue;
    if (auto own = (*learner)->own_aim(space->fixed())) {
      aims.push_back({choice.name, std::move(*own)});
    }
  }
  return aims;
}

bool scored_by(const OwnAim& aim, std::string_view metric) {
  return std::find(aim.metrics.begin(), aim.metrics.end(), metric) != aim.metrics.end();
}

// The one metric that all ask for; empty if they differ or one has none.
std::string_view common_metric(const std::vector<NamedAim>& aims) {
  if (aims.empty() || aims[0].aim.metrics.empty()) return {};
  const std::string_view first = aims[0].aim.metrics[0];
  const bool agree = std::all_of(aims.begin(), aims.end(), [&](const NamedAim& named) {
    return !named.aim.metrics.empty() && named.aim.metrics[0] == first;
  });
  return agree ? first : std::string_view();
}

std::string warning_of(const NamedAim& named, std::string_view metric) {
  const std::string scorer = named.aim.metrics.empty()
                                 ? std::string("no metric does")
                                 : fmt::format("{} does", named.aim.metrics[0]);
  return fmt::format(
      "warning: trials are compared by {}, which does not score what learners.{}: {} aims at ({}): "
      "the best by {} is registered",
      metric, named.learner, named.aim.settings, scorer, metric);
}

}  // namespace

Result<MetricChoice> choose_metric(const ExperimentConfig& config, Task task) {
  const std::vector<NamedAim> aims = own_aims(config, task);
  const bool follows = lower_case(config.data.metric) == "auto";
  const std::string_view common = follows ? common_metric(aims) : std::string_view();
  const std::string wanted = common.empty() ? config.data.metric : std::string(common);
  auto metric = Metric::find(wanted, task);
  if (!metric) return fail(StatusCode::kConfig, "data.metric: {}", metric.error().message);
  if (metric->wants_queries() && config.data.group.empty()) {
    return fail(StatusCode::kConfig,
                "data.metric: {} wants data.group, the column of the queries whose answers are "
                "ranked",
                metric->name());
  }
  MetricChoice choice{*metric, {}};
  if (follows && metric->name() != Metric::default_for(task).name()) {
    choice.notes.push_back(fmt::format("metric: {}, which scores what learners.{}: {} aims at",
                                       metric->name(), aims[0].learner, aims[0].aim.settings));
  }
  for (const NamedAim& named : aims) {
    if (!scored_by(named.aim, metric->name())) {
      choice.notes.push_back(warning_of(named, metric->name()));
    }
  }
  return choice;
}

bool names_a_metric_of_numbers(const ExperimentConfig& config) {
  if (lower_case(config.data.metric) == "auto") {
    return !own_aims(config, Task::kRegression).empty();
  }
  const auto metric = Metric::find(config.data.metric);
  return metric && metric->applies_to(Task::kRegression);
}

}  // namespace assay::automl
