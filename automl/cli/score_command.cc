// assay score: how good a model's predictions are on a table that has the target.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/help_format.h"
#include "automl/cli/json_text.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/prediction_stream.h"
#include "automl/cli/scored_rows.h"
#include "automl/metrics/metric.h"
#include "automl/report/text_table.h"
#include "kernels/base/plurals.h"

namespace assay::automl::cli {
namespace {

struct ScoreOptions : PredictionOptions {
  std::string metric;
};

Status score(Invocation& invocation, const ScoreOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(const NamedModel model, load_named_model(invocation, options.model));
  const Predictor& predictor = model.predictor;
  ASSAY_ASSIGN_OR_RETURN(const Metric metric, metric_of(predictor, options.metric));
  ASSAY_ASSIGN_OR_RETURN(auto engine, open_prediction_engine(invocation, options));
  ASSAY_ASSIGN_OR_RETURN(ScoredRows scored, ScoredRows::make(predictor, metric));
  auto predicted =
      predict_stream(predictor, options.table, {scored.extra_columns()}, *engine, *invocation.stop,
                     [&](const PredictedBlock& block) { return scored.add(block); });
  if (!predicted && predicted.error().code == StatusCode::kCancelled) {
    return fail(StatusCode::kCancelled, "interrupted: nothing was scored");
  }
  ASSAY_ASSIGN_OR_RETURN(const StreamSummary stream, std::move(predicted));
  const int64_t rows = stream.rows;
  for (const std::string& note : stream.notes) print_note(invocation, "warning: " + note);
  for (const std::string& note : gap_notes(stream.gaps)) print_note(invocation, note);
  const PredictionView view{scored.predictions().data(), rows - scored.missing(),
                            predictor.output_count()};
  auto result = metric.in(predictor.frame()).score(view, scored.targets());
  if (!result) return fail_with(std::move(result.error()), options.table.path);
  if (invocation.json) {
    const nlohmann::ordered_json object = {{"model", model.name},
                                           {"version", model.version},
                                           {"task", std::string(name_of(predictor.task()))},
                                           {"metric", std::string(metric.name())},
                                           {"score", *result},
                                           {"rows", rows - scored.missing()},
                                           {"rows_without_target", scored.missing()},
                                           {"device", engine->chosen().front()->info().id},
                                           {"emulated", engine->chosen().front()->info().emulated},
                                           {"notes", stream.notes},
                                           {"columns", gaps_json(stream.gaps)}};
    print_result(json_line(object));
    return {};
  }
  print_result(fmt::format("{} {}\n", metric.name(), score_text(*result)));
  print_note(
      invocation,
      fmt::format("{} of {} scored{}", counted(rows - scored.missing(), "row"), options.table.path,
                  scored.missing() == 0 ? std::string()
                                        : fmt::format(" ({} without target left out)",
                                                      counted(scored.missing(), "row"))));
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
