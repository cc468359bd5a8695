// assay score: how good a model's predictions are on a table that has the target.
#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "automl/cli/help_format.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/prediction_stream.h"
#include "automl/metrics/metric.h"
#include "automl/report/text_table.h"
#include "datasets/column_types.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

struct ScoreOptions : PredictionOptions {
  std::string metric;
};

// Class numbers of the labels as a test file spells them: as trained, or the same number in another
// spelling ("1.0" for "1"), or the same word in other case ("TRUE" for "true").
class LabelIndex {
 public:
  explicit LabelIndex(const std::vector<std::string>& labels) : labels_(labels) {
    for (size_t i = 0; i < labels.size(); ++i) {
      const auto number = static_cast<int32_t>(i);
      exact_.emplace(labels[i], number);
      lower_.emplace(lower_case(labels[i]), number);
      double value = 0;
      if (datasets::parse_number(labels[i], value) == datasets::NumberKind::kFinite) {
        numbers_.emplace(value, number);
      }
    }
  }
  Result<int32_t> find(const std::string& text) const {
    if (const auto it = exact_.find(text); it != exact_.end()) return it->second;
    double value = 0;
    if (datasets::parse_number(text, value) == datasets::NumberKind::kFinite) {
      if (const auto it = numbers_.find(value); it != numbers_.end()) return it->second;
    }
    if (const auto it = lower_.find(lower_case(text)); it != lower_.end()) return it->second;
    return fail(StatusCode::kData, "class '{}' was not there in training{}", text,
                name_hint(text, std::span<const std::string>(labels_)));
  }

 private:
  const std::vector<std::string>& labels_;
  std::map<std::string, int32_t> exact_;
  std::map<std::string, int32_t> lower_;
  std::map<double, int32_t> numbers_;
};

// Predictions and truth of the rows that have a target.
struct Scored {
  std::vector<float> predictions;
  std::vector<int32_t> labels;
  std::vector<double> values;
  int64_t missing = 0;

  Status add(const PredictedBlock& block, const Predictor& predictor, const LabelIndex& index) {
    const datasets::Column& target = block.table.columns().back();
    const auto width = static_cast<size_t>(predictor.output_count());
    std::vector<int32_t> code_labels(target.levels.size(), -1);
    for (size_t row = 0; row < static_cast<size_t>(block.table.row_count()); ++row) {
      if (target.is_numbers()) {
        if (std::isnan(target.numbers[row])) {
          ++missing;
          continue;
        }
        values.push_back(target.numbers[row]);
      } else {
        if (target.codes[row] == datasets::kMissingCode) {
          ++missing;
          continue;
        }
        const auto level = static_cast<size_t>(target.codes[row] - datasets::kFirstLevelCode);
        if (code_labels[level] < 0) {
          ASSAY_ASSIGN_OR_RETURN(code_labels[level], index.find(target.levels[level]));
        }
        labels.push_back(code_labels[level]);
      }
      const auto begin = block.predictions.begin() + static_cast<ptrdiff_t>(row * width);
      predictions.insert(predictions.end(), begin, begin + static_cast<ptrdiff_t>(width));
    }
    return {};
  }
};

Result<Metric> metric_of(const Predictor& predictor, const std::string& wanted) {
  if (!wanted.empty()) return Metric::find(wanted, predictor.task());
  const auto note = predictor.notes().find("metric");
  if (note != predictor.notes().end()) {
    if (const auto* name = std::get_if<std::string>(&note->second)) {
      return Metric::find(*name, predictor.task());
    }
  }
  return Metric::default_for(predictor.task());
}

Status score(const Invocation& invocation, const ScoreOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(const NamedModel model, load_named_model(invocation, options.model));
  const Predictor& predictor = model.predictor;
  ASSAY_ASSIGN_OR_RETURN(const Metric metric, metric_of(predictor, options.metric));
  ASSAY_ASSIGN_OR_RETURN(auto engine, Engine::open({options.device, options.threads, 0}));
  const LabelIndex index(predictor.labels());
  const auto type = predictor.labels().empty() ? datasets::ColumnType::kNumeric
                                               : datasets::ColumnType::kCategorical;
  Scored scored;
  auto predicted = predict_stream(
      predictor, options.table, {{predictor.target(), type}}, *engine, *invocation.stop,
      [&](const PredictedBlock& block) { return scored.add(block, predictor, index); });
  if (!predicted && predicted.error().code == StatusCode::kCancelled) {
    return fail(StatusCode::kCancelled, "interrupted: nothing was scored");
  }
  ASSAY_ASSIGN_OR_RETURN(const StreamSummary stream, std::move(predicted));
  const int64_t rows = stream.rows;
  for (const std::string& note : stream.notes) print_note(invocation, "warning: " + note);
  for (const std::string& note : gap_notes(stream.gaps)) print_note(invocation, note);
  const PredictionView view{scored.predictions.data(), rows - scored.missing,
                            predictor.output_count()};
  auto result = metric.in(predictor.frame()).score(view, {scored.labels, scored.values});
  if (!result) return fail_with(std::move(result.error()), options.table.path);
  if (invocation.json) {
    const nlohmann::ordered_json object = {
        {"model", model.name},
        {"version", model.version},
        {"task", std::string(name_of(predictor.task()))},
        {"metric", std::string(metric.name())},
        {"score", *result},
        {"rows", rows - scored.missing},
        {"rows_without_target", scored.missing},
        {"notes", stream.notes},
        {"columns", nlohmann::ordered_json::parse(gaps_json(stream.gaps))}};
    print_result(object.dump() + "\n");
    return {};
  }
  print_result(fmt::format("{} {}\n", metric.name(), score_text(*result)));
  print_note(invocation,
             fmt::format("{} rows of {} scored{}", rows - scored.missing, options.table.path,
                         scored.missing == 0
                             ? std::string()
                             : fmt::format(" ({} rows without target left out)", scored.missing)));
  return {};
}

}  // namespace

void add_score_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("score", "Score a model on a table that has the target");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<ScoreOptions>();
  add_prediction_options(*command, *options);
  std::vector<std::string_view> metrics;
  for (const std::string_view name : metric_choices()) {
    if (name != "auto") metrics.push_back(name);
  }
  add_choice(*command, "--metric", options->metric, metrics,
             "The metric (default: the one the model was chosen by).");
  command->footer("Example:\n  assay score churn --data test.csv --metric log_loss");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return score(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
