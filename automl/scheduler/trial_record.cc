#include "automl/scheduler/trial_record.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <variant>

#include "automl/config/units.h"
#include "automl/scheduler/trial_record_internal.h"
#include "tracking/environment.h"
#include "tracking/snapshot.h"

namespace assay::automl {
namespace {

tracking::RunStatus run_status(TrialStatus status) {
  switch (status) {
    case TrialStatus::kFinished:
    case TrialStatus::kPartial:
    case TrialStatus::kOverLimit:
      return tracking::RunStatus::kCompleted;
    case TrialStatus::kPruned:
      return tracking::RunStatus::kPruned;
    case TrialStatus::kCancelled:
      return tracking::RunStatus::kCancelled;
    default:
      return tracking::RunStatus::kFailed;
  }
}

// A trial's record stays small on tables with thousands of columns; the sweep's has all.
constexpr size_t kTrialImportances = 200;

Status log_folds(const TrialOutcome& outcome, const std::string& metric, tracking::Run& run) {
  for (size_t fold = 0; fold < outcome.folds.size(); ++fold) {
    const FoldRecord& record = outcome.folds[fold];
    const auto step = static_cast<int64_t>(fold);
    if (record.score) {
      ASSAY_RETURN_IF_ERROR(run.log_metric(metric + "/fold", *record.score, step));
    }
    if (record.oob_loss) {
      ASSAY_RETURN_IF_ERROR(run.log_metric("oob_loss/fold", *record.oob_loss, step));
    }
    ASSAY_RETURN_IF_ERROR(run.log_metric("fit_seconds/fold", record.fit_seconds, step));
    ASSAY_RETURN_IF_ERROR(
        run.log_metric("iterations/fold", static_cast<double>(record.iterations), step));
    ASSAY_RETURN_IF_ERROR(
        run.log_metric("best_iteration/fold", static_cast<double>(record.best_iteration), step));
  }
  for (const CurvePoint& point : outcome.curve) {
    ASSAY_RETURN_IF_ERROR(
        run.log_metric(fmt::format("valid_loss/fold{}", point.fold), point.loss, point.step));
  }
  return {};
}

Status log_rungs(const TrialOutcome& outcome, tracking::Run& run) {
  for (const auto& [rung, loss] : outcome.result.rungs) {
    if (rung.ladder == Rung::Ladder::kSingleFold) continue;
    const std::string_view ladder = kLadderNames[static_cast<size_t>(rung.ladder)];
    ASSAY_RETURN_IF_ERROR(run.log_metric(rung_metric(ladder), loss, rung.step));
  }
  return {};
}

tracking::NamedTable outcome_table(const TrialOutcome& outcome) {
  std::vector<std::string> names;
  std::vector<int64_t> steps;
  std::vector<double> values;
  const auto add = [&](std::string_view name, double value, int64_t step = 0) {
    names.emplace_back(name);
    steps.push_back(step);
    values.push_back(value);
  };
  add("cost", outcome.result.cost);
  add("seconds", outcome.seconds);
  add("ended_seconds", outcome.ended_seconds);
  if (outcome.result.loss) {
    add("loss", *outcome.result.loss);
    add("score_seconds", outcome.score_seconds);
    add("model_bytes", static_cast<double>(outcome.model_bytes));
    add("prediction_bytes", static_cast<double>(outcome.prediction_bytes));
    add("latency_us", outcome.result.footprint.latency_us);
    add("file_bytes", static_cast<double>(outcome.result.footprint.file_bytes));
  }
  for (const RungValue& value : outcome.result.rungs) {
    add(kLadderNames[static_cast<size_t>(value.rung.ladder)], value.loss, value.rung.step);
  }
  tracking::NamedTable table;
  table.name = kOutcomeTable;
  table.columns = {
      {"what", std::move(names)}, {"step", std::move(steps)}, {"value", std::move(values)}};
  return table;
}

// A line for each fold, and why the trial ended as it did.
std::string log_text(const TrialOutcome& outcome, const std::string& metric) {
  std::string text;
  if (!outcome.went_on_from.empty()) {
    text += fmt::format("went on from {}\n", outcome.went_on_from);
  }
  if (!outcome.moved_from.empty()) {
    text += fmt::format("moved to {} from {}\n", outcome.device, outcome.moved_from);
  }
  for (const RungValue& value : outcome.result.rungs) {
    text += fmt::format("rung {} of {}: loss {:.6g}\n", value.rung.step,
                        kLadderNames[static_cast<size_t>(value.rung.ladder)], value.loss);
  }
  for (size_t fold = 0; fold < outcome.folds.size(); ++fold) {
    const FoldRecord& record = outcome.folds[fold];
    text += fmt::format("fold {}: {} iterations (best {}) in {:.3f} s", fold + 1, record.iterations,
                        record.best_iteration, record.fit_seconds);
    if (record.score) text += fmt::format(", {} {}", metric, *record.score);
    text += '\n';
  }
  if (outcome.share_rows > 0) {
    text += fmt::format(
        "its model is that of a fit on {} rows: it was better than what the fit on "
        "all of them had come to\n",
        outcome.share_rows);
  }
  if (outcome.result.footprint.file_bytes > 0) {
    text += fmt::format("a prediction for one row takes {:.4g} us, the model's file {}\n",
                        outcome.result.footprint.latency_us,
                        rounded_bytes(outcome.result.footprint.file_bytes));
  }
  text += name_of(outcome.result.status);
  if (outcome.score) text += fmt::format(": {} {}", metric, *outcome.score);
  if (!outcome.result.message.empty()) text += fmt::format(" ({})", outcome.result.message);
  return text + '\n';
}

tracking::Predictions predictions_at(const TrainingSet& set, std::string name,
                                     std::span<const uint32_t> rows,
                                     const std::vector<float>& values) {
  tracking::Predictions predictions;
  predictions.name = std::move(name);
  predictions.rows = static_cast<int64_t>(rows.size());
  predictions.columns = set.output_count();
  const TargetScale& frame = set.data().frame;
  if (frame == TargetScale{}) {
    predictions.values = values;
  } else {
    auto& true_values = predictions.values.emplace<std::vector<double>>();
    for (const float number : values) true_values.push_back(frame.value(double{number}));
  }
  predictions.row_ids.assign(rows.begin(), rows.end());
  if (is_classification(set.task())) {
    predictions.column_names = set.labels();
  } else {
    predictions.column_names = {set.target().name};
  }
  return predictions;
}

}  // namespace

std::string rung_metric(std::string_view ladder) { return fmt::format("rung/{}", ladder); }

tracking::Value to_value(const ParamValue& value) {
  return std::visit([](const auto& held) { return tracking::Value(held); }, value);
}

std::map<std::string, tracking::Value> config_params(const ExperimentConfig& config) {
  std::map<std::string, tracking::Value> params;
  for_each_section(config, [&](const auto& section) {
    const auto& table = section.table();
    const std::string prefix =
        table.group().name.empty() ? std::string() : std::string(table.group().name) + ".";
    for (size_t i = 0; i < table.options().size(); ++i) {
      const OptionInfo& info = table.options()[i];
      const OptionValue value = table.at(section, i);
      params[prefix + std::string(info.name)] = std::visit(
          [&](const auto& held) {
            if constexpr (std::is_constructible_v<ParamValue, decltype(held)>) {
              return tracking::Value(held);
            } else {
              return tracking::Value(value_text(info, value));
            }
          },
          value);
    }
  });
  return params;
}

Result<std::unique_ptr<tracking::Run>> start_trial(const RecordContext& context,
                                                   const TrialSpec& spec) {
  tracking::RunSpec run_spec;
  run_spec.kind = "trial";
  run_spec.experiment = context.experiment;
  run_spec.name = fmt::format("{}-{}", spec.learner, spec.number);
  run_spec.parent_run_id = context.parent_run_id;
  return tracking::Run::create(context.workspace, std::move(run_spec));
}

Status write_trial(const RecordContext& context, const TrainingSet& set,
                   const TrialOutcome& outcome, tracking::Run& run) {
  const TrialSpec& spec = outcome.result.spec;
  const std::string metric(set.metric().name());
  for (const auto& [name, value] : spec.params) {
    ASSAY_RETURN_IF_ERROR(run.log_param(name, to_value(value)));
  }
  ASSAY_RETURN_IF_ERROR(run.set_tag("learner", spec.learner));
  ASSAY_RETURN_IF_ERROR(run.set_tag("origin", name_of(spec.origin)));
  ASSAY_RETURN_IF_ERROR(run.set_tag("trial", spec.number));
  ASSAY_RETURN_IF_ERROR(run.set_tag("trial_status", name_of(outcome.result.status)));
  // As text: a seed uses all 64 bits.
  ASSAY_RETURN_IF_ERROR(run.set_tag("seed", fmt::format("{}", spec.seed)));
  ASSAY_RETURN_IF_ERROR(run.set_tag("device", outcome.device));
  if (outcome.emulated) ASSAY_RETURN_IF_ERROR(run.set_tag("emulated", true));
  if (!outcome.moved_from.empty()) {
    ASSAY_RETURN_IF_ERROR(run.set_tag("moved_from", outcome.moved_from));
  }
  // What the machine is stands in the sweep's record.
  ASSAY_RETURN_IF_ERROR(run.set_environment({{"assay_version", tracking::assay_version()},
                                             {"device", outcome.device},
                                             {"seed", fmt::format("{}", spec.seed)}}));
  ASSAY_RETURN_IF_ERROR(log_folds(outcome, metric, run));
  ASSAY_RETURN_IF_ERROR(log_rungs(outcome, run));
  ASSAY_RETURN_IF_ERROR(run.log_table(outcome_table(outcome)));
  if (!outcome.usage.empty()) ASSAY_RETURN_IF_ERROR(run.log_table(kernel_table(outcome.usage)));
  ASSAY_RETURN_IF_ERROR(run.log_text(tracking::TextStream::kStdout, log_text(outcome, metric)));
  ASSAY_RETURN_IF_ERROR(run.set_source(tracking::child_source(
      context.source, fmt::format("{{\"learner\":\"{}\",\"params\":{},\"seed\":{}}}", spec.learner,
                                  params_to_json(spec.params), spec.seed))));
  ASSAY_RETURN_IF_ERROR(run.add_dataset(context.dataset));
  if (outcome.score) {
    ASSAY_RETURN_IF_ERROR(run.log_metric(metric, *outcome.score));
    ASSAY_RETURN_IF_ERROR(run.set_score(metric, *outcome.score));
    ASSAY_RETURN_IF_ERROR(run.log_metric("latency_us", outcome.result.footprint.latency_us));
    ASSAY_RETURN_IF_ERROR(
        run.log_metric("file_bytes", static_cast<double>(outcome.result.footprint.file_bytes)));
    ASSAY_RETURN_IF_ERROR(
        run.log_table(importance_table(*outcome.model, *set.encoder(), kTrialImportances)));
    if (context.keep_predictions) {
      ASSAY_RETURN_IF_ERROR(run.log_predictions(oof_predictions(set, "oof", *outcome.predictions)));
      if (outcome.oob) {
        ASSAY_RETURN_IF_ERROR(run.log_predictions(oob_predictions(set, *outcome.oob)));
      }
    }
  }
  return run.finish(run_status(outcome.result.status), outcome.result.message,
                    tracking::FinishMode::kDeferred);
}

tracking::NamedTable kernel_table(const std::vector<kernels::KernelUse>& usage) {
  std::vector<std::string> devices;
  std::vector<std::string> ops;
  std::vector<std::string> names;
  std::vector<int64_t> calls;
  std::vector<int64_t> bytes;
  for (const kernels::KernelUse& use : usage) {
    devices.push_back(use.device);
    ops.push_back(use.op);
    names.push_back(use.kernel);
    calls.push_back(use.calls);
    bytes.push_back(use.bytes);
  }
  tracking::NamedTable table;
  table.name = kKernelTable;
  table.columns = {{"device", std::move(devices)},
                   {"op", std::move(ops)},
                   {"kernel", std::move(names)},
                   {"calls", std::move(calls)},
                   {"bytes", std::move(bytes)}};
  return table;
}

tracking::NamedTable importance_table(const Model& model, const FeatureEncoder& encoder,
                                      size_t limit) {
  const std::vector<double> importance = model.feature_importance();
  std::vector<size_t> order(importance.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return importance[a] > importance[b]; });
  order.resize(std::min(order.size(), limit));
  std::vector<std::string> names;
  std::vector<double> values;
  for (const size_t feature : order) {
    names.push_back(encoder.features()[feature].name);
    values.push_back(importance[feature]);
  }
  tracking::NamedTable table;
  table.name = "feature_importance";
  table.columns.push_back({"feature", std::move(names)});
  table.columns.push_back({"importance", std::move(values)});
  return table;
}

tracking::Predictions oof_predictions(const TrainingSet& set, std::string name,
                                      const std::vector<float>& values) {
  return predictions_at(set, std::move(name), set.scored_rows(), values);
}

tracking::Predictions oob_predictions(const TrainingSet& set, const OobPredictions& oob) {
  return predictions_at(set, "oob", oob.rows, oob.values);
}

tracking::NamedTable oof_targets(const TrainingSet& set) {
  const TargetView targets = set.scored_targets();
  tracking::NamedTable table;
  table.name = "oof_targets";
  if (is_classification(set.task())) {
    table.columns.push_back(
        {"class", std::vector<int64_t>(targets.labels.begin(), targets.labels.end())});
  } else {
    table.columns.push_back(
        {"value", std::vector<double>(targets.values.begin(), targets.values.end())});
  }
  if (!targets.queries.empty()) {
    table.columns.push_back(
        {"query", std::vector<int64_t>(targets.queries.begin(), targets.queries.end())});
  }
  const std::span<const float> weights = set.scored_weights();
  if (!weights.empty()) {
    table.columns.push_back({"weight", std::vector<double>(weights.begin(), weights.end())});
  }
  return table;
}

}  // namespace assay::automl
