// assay explain: what each column contributes to a model's predictions, row by row (Shapley values)
// and over all rows, or what the model loses without it (permutation importance).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "automl/cli/help_format.h"
#include "automl/cli/json_text.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/cli/scored_rows.h"
#include "automl/report/permutation.h"
#include "automl/report/text_table.h"
#include "datasets/csv_writer.h"
#include "kernels/base/plurals.h"

namespace assay::automl::cli {
namespace {

constexpr std::string_view kBaseColumn = ",base_value";

using Json = nlohmann::ordered_json;

// Contributions held at once.
constexpr size_t kBatchBytes = size_t{32} << 20;

struct ExplainOptions : PredictionOptions {
  std::string method = "shap";
  std::string scale = "prediction";
  OutputPlace out;
  std::string metric;
  int64_t repeats = 5;
  int64_t seed = 0;
};

struct NamedImportance {
  std::string name;
  double value = 0;
  double deviation = 0;
};

void sort_by_value(std::vector<NamedImportance>& columns) {
  std::stable_sort(columns.begin(), columns.end(),
                   [](const auto& a, const auto& b) { return a.value > b.value; });
}

// Explains the rows of blocks one after the other: writes them, and keeps the sums of sizes.
class RowExplainer {
 public:
  RowExplainer(const Predictor& predictor, const ExplainOptions& options,
               const kernels::ComputeContext& context)
      : predictor_(predictor),
        context_(context),
        scale_(options.scale == "score" ? ExplainedScale::kScores : ExplainedScale::kPredictions),
        outputs_(static_cast<size_t>(predictor.model().explained_count(scale_))),
        features_(static_cast<size_t>(predictor.encoder().feature_count())),
        bases_(outputs_, 0.0),
        sizes_(predictor.encoder().part_count(), 0.0) {
    // Of two classes the first says nothing that the second does not.
    first_output_ = predictor.task() == Task::kBinary ? outputs_ - 1 : 0;
  }

  Status open(const OutputPlace& place) {
    if (place.path.empty()) return {};
    text_ = header();
    OutputPlace again = place;  // what an earlier call with the same options wrote is replaced
    again.made_anew = std::string_view(text_).substr(0, text_.find(kBaseColumn));
    ASSAY_ASSIGN_OR_RETURN(auto file, OutputFile::open(again));
    file_.emplace(std::move(file));
    return {};
  }
  Status add(const PredictedBlock& block) {
    // The block outlives the call: a pointer that owns nothing will do.
    const std::shared_ptr<const datasets::Table> table(std::shared_ptr<void>(), &block.table);
    ASSAY_ASSIGN_OR_RETURN(const auto encoded, predictor_.encoder().encode(table, &context_));
    const auto count = static_cast<size_t>(block.table.row_count());
    const size_t row_size = outputs_ * (features_ + 1);
    const size_t batch = std::max<size_t>(1, kBatchBytes / (row_size * sizeof(double)));
    std::vector<uint32_t> rows;
    std::vector<double> values;
    for (size_t begin = 0; begin < count; begin += batch) {
      rows.clear();
      for (size_t row = begin; row < std::min(count, begin + batch); ++row) {
        rows.push_back(static_cast<uint32_t>(row));
      }
      values.resize(rows.size() * row_size);
      ASSAY_RETURN_IF_ERROR(predictor_.model().explain(*encoded, rows, context_, scale_, values));
      for (size_t i = 0; i < rows.size(); ++i) {
        add_row(std::span(values).subspan(i * row_size, row_size), block, rows[i]);
        ++rows_;
      }
      if (!file_) continue;
      ASSAY_RETURN_IF_ERROR(file_->write(text_));
      text_.clear();
    }
    return {};
  }
  Status close() {
    if (!file_) return {};
    ASSAY_RETURN_IF_ERROR(file_->write(text_));
    return file_->close();
  }

  // The mean size of each column's contributions, over rows and classes; the largest first.
  std::vector<NamedImportance> importance() const {
    std::vector<NamedImportance> result;
    const auto count = static_cast<double>(rows_) * static_cast<double>(outputs_ - first_output_);
    for (size_t c = 0; c < sizes_.size(); ++c) {
      const std::string& name = predictor_.encoder().part_name(c);
      result.push_back({name, count > 0 ? sizes_[c] / count : 0.0, 0});
    }
    sort_by_value(result);
    return result;
  }
  // Of each output that is shown.
  std::vector<double> bases() const {
    return {bases_.begin() + static_cast<std::ptrdiff_t>(first_output_), bases_.end()};
  }

 private:
  bool names_class() const { return outputs_ - first_output_ > 1; }
  std::string header() const {
    std::string line = names_class() ? "row,class," : "row,";
    line += scale_ == ExplainedScale::kScores ? "score" : "prediction";
    line += kBaseColumn;
    for (size_t part = 0; part < sizes_.size(); ++part) {
      line += ',';
      datasets::append_csv_field(line, predictor_.encoder().part_name(part));
    }
    return line + '\n';
  }
  void add_row(std::span<const double> row, const PredictedBlock& block, uint32_t number) {
    for (size_t k = first_output_; k < outputs_; ++k) {
      const auto values = row.subspan(k * (features_ + 1), features_ + 1);
      std::vector<double> columns(sizes_.size(), 0.0);
      double sum = values[features_];
      for (size_t f = 0; f < features_; ++f) {
        const FeatureEncoder& encoder = predictor_.encoder();
        columns[encoder.part_of(encoder.features()[f])] += values[f];
        sum += values[f];
      }
      for (size_t c = 0; c < columns.size(); ++c) sizes_[c] += std::abs(columns[c]);
      bases_[k] = values[features_];
      if (file_) append(k, sum, columns, block, number);
    }
  }
  void append(size_t output, double sum, std::span<const double> columns,
              const PredictedBlock& block, uint32_t number) {
    text_ += fmt::format("{},", rows_ + 1);
    if (names_class()) {
      datasets::append_csv_field(text_, predictor_.labels()[output]);
      text_ += ',';
    }
    if (scale_ == ExplainedScale::kPredictions) {
      const float raw =
          block.predictions[number * static_cast<size_t>(predictor_.output_count()) + output];
      if (predictor_.frame() == TargetScale{}) {
        datasets::append_csv_number(text_, raw);
      } else {
        datasets::append_csv_number(text_, predictor_.frame().value(double{raw}));
      }
    } else {
      datasets::append_csv_number(text_, sum);
    }
    text_ += ',';
    datasets::append_csv_number(text_, bases_[output]);
    for (const double value : columns) {
      text_ += ',';
      datasets::append_csv_number(text_, value);
    }
    text_ += '\n';
  }

  const Predictor& predictor_;
  kernels::ComputeContext context_;
  ExplainedScale scale_;
  size_t outputs_;
  size_t first_output_ = 0;
  size_t features_;
  std::vector<double> bases_;
  std::vector<double> sizes_;
  int64_t rows_ = 0;
  std::optional<OutputFile> file_;
  std::string text_;
};

Json columns_json(const std::vector<NamedImportance>& columns, bool deviations) {
  Json list = Json::array();
  for (const NamedImportance& column : columns) {
    Json item = {{"name", column.name}, {"importance", column.value}};
    if (deviations) item["deviation"] = column.deviation;
    list.push_back(std::move(item));
  }
  return list;
}

std::string table_text(const std::vector<NamedImportance>& columns, std::string_view title,
                       bool deviations) {
  TextTable table;
  table.add_column("column");
  table.add_column(title, Align::kRight);
  table.add_column(deviations ? "+-" : "share", Align::kRight);
  double sum = 0;
  for (const NamedImportance& column : columns) sum += column.value;
  for (const NamedImportance& column : columns) {
    table.add_row({column.name, score_text(column.value),
                   deviations ? score_text(column.deviation)
                              : fmt::format("{:.1f} %", sum > 0 ? 100 * column.value / sum : 0.0)});
  }
  return table.render(terminal_width());
}

// What contributions add up to, in words.
std::string aim_of(const Predictor& predictor, const std::string& scale) {
  const bool scores = scale == "score";
  if (predictor.task() == Task::kBinary) {
    return fmt::format("{} of class '{}'", scores ? "score" : "probability", predictor.labels()[1]);
  }
  if (predictor.task() == Task::kMulticlass) {
    return scores ? "scores of the classes" : "probabilities of the classes";
  }
  return fmt::format("{} '{}'", scores ? "score of" : "predicted", predictor.target());
}

void print_stream_notes(const Invocation& invocation, const StreamSummary& stream) {
  for (const std::string& note : stream.notes) print_note(invocation, "warning: " + note);
  for (const std::string& note : gap_notes(stream.gaps)) print_note(invocation, note);
}

Status explain_rows(const Invocation& invocation, const ExplainOptions& options,
                    const NamedModel& model) {
  const Predictor& predictor = model.predictor;
  if (options.scale == "score" && !predictor.model().score_link()) {
    return fail(StatusCode::kInvalidArgument,
                "--scale score: '{}' averages models whose scores differ in kind, or has none "
                "(--scale prediction explains it)",
                model.name);
  }
  ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.out.path, options.table.path, "--data"));
  ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.out.path, model.file, "the model"));
  ASSAY_ASSIGN_OR_RETURN(auto engine, open_prediction_engine(invocation, options));
  RowExplainer explainer(predictor, options, engine->context(*invocation.stop));
  ASSAY_RETURN_IF_ERROR(explainer.open(options.out));
  auto streamed = predict_stream(predictor, options.table, {}, *engine, *invocation.stop,
                                 [&](const PredictedBlock& block) { return explainer.add(block); });
  if (!streamed && streamed.error().code == StatusCode::kCancelled) {
    return fail(StatusCode::kCancelled, "interrupted: nothing was explained");
  }
  ASSAY_ASSIGN_OR_RETURN(const StreamSummary stream, std::move(streamed));
  if (stream.rows == 0) {
    return fail(StatusCode::kData, "{}: there is no row to explain", options.table.path);
  }
  ASSAY_RETURN_IF_ERROR(explainer.close());
  print_stream_notes(invocation, stream);
  const auto columns = explainer.importance();
  if (invocation.json) {
    Json object = {{"model", model.name},
                   {"version", model.version},
                   {"method", options.method},
                   {"scale", options.scale},
                   {"rows", stream.rows},
                   {"base_values", explainer.bases()},
                   {"importance", columns_json(columns, false)},
                   {"notes", stream.notes},
                   {"columns", gaps_json(stream.gaps)}};
    if (!options.out.path.empty()) object["out"] = options.out.path;
    print_result(json_line(object));
    return {};
  }
  print_result(table_text(columns, "mean |contribution|", false));
  print_note(
      invocation,
      fmt::format("{} of {} explained: contributions to the {}{}", counted(stream.rows, "row"),
                  options.table.path, aim_of(predictor, options.scale),
                  options.out.path.empty() ? std::string()
                                           : fmt::format(", written to {}", options.out.path)));
  return {};
}

Status permute_columns(const Invocation& invocation, const ExplainOptions& options,
                       const NamedModel& model) {
  const Predictor& predictor = model.predictor;
  if (!options.out.path.empty()) {
    return fail(StatusCode::kInvalidArgument,
                "--out holds contributions of rows: it needs --method shap");
  }
  ASSAY_ASSIGN_OR_RETURN(const Metric metric, metric_of(predictor, options.metric));
  ASSAY_ASSIGN_OR_RETURN(auto engine, Engine::open({.threads = options.threads}));
  const kernels::ComputeContext context = engine->context(*invocation.stop);
  ASSAY_ASSIGN_OR_RETURN(ScoredRows scored, ScoredRows::make(predictor, metric));
  ShuffledTable rows(reads_dense(predictor.model()));
  auto streamed = predict_stream(
      predictor, options.table, {scored.extra_columns()}, *engine, *invocation.stop,
      [&](const PredictedBlock& block) -> Status {
        ASSAY_RETURN_IF_ERROR(scored.add(block));
        const std::shared_ptr<const datasets::Table> table(std::shared_ptr<void>(), &block.table);
        ASSAY_ASSIGN_OR_RETURN(const auto encoded, predictor.encoder().encode(table, &context));
        return rows.append(*encoded, scored.block_rows(), context);
      });
  const auto interrupted = [](const Error& error) {
    return error.code == StatusCode::kCancelled
               ? fail(StatusCode::kCancelled, "interrupted: nothing was explained")
               : tl::unexpected<Error>(error);
  };
  if (!streamed) return interrupted(streamed.error());
  rows.settle();
  PermutationRequest request;
  request.predictor = &predictor;
  request.table = &rows;
  request.targets = scored.targets();
  request.metric = &metric;
  request.repeats = options.repeats;
  request.seed = static_cast<uint64_t>(options.seed);
  auto permuted = permutation_importance(request, context);
  if (!permuted) {
    if (permuted.error().code == StatusCode::kCancelled) return interrupted(permuted.error());
    return fail_with(std::move(permuted.error()), options.table.path);
  }
  print_stream_notes(invocation, *streamed);
  std::vector<NamedImportance> columns;
  for (const ColumnImportance& column : permuted->columns) {
    columns.push_back({column.name, column.mean, column.deviation});
  }
  sort_by_value(columns);
  const int64_t count = rows.row_count();
  if (invocation.json) {
    const Json object = {{"model", model.name},
                         {"version", model.version},
                         {"method", options.method},
                         {"metric", std::string(metric.name())},
                         {"score", permuted->score},
                         {"rows", count},
                         {"rows_without_target", scored.missing()},
                         {"repeats", options.repeats},
                         {"importance", columns_json(columns, true)},
                         {"notes", streamed->notes},
                         {"columns", gaps_json(streamed->gaps)}};
    print_result(json_line(object));
    return {};
  }
  print_result(table_text(columns, fmt::format("loss of {}", metric.name()), true));
  print_note(invocation, fmt::format("{} rows of {}, {} {}; each column shuffled {} times", count,
                                     options.table.path, metric.name(), score_text(permuted->score),
                                     options.repeats));
  return {};
}

Status explain(Invocation& invocation, const ExplainOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(const NamedModel model, load_named_model(invocation, options.model));
  const auto run = options.method == "permutation" ? permute_columns : explain_rows;
  return run(invocation, options, model);
}

void add_method_options(CLI::App& command, ExplainOptions& options) {
  constexpr std::string_view kMethods[] = {"shap", "permutation"};
  constexpr std::string_view kScales[] = {"prediction", "score"};
  add_choice(command, "--method", options.method, kMethods,
             "shap: what each column contributes to each row's prediction. permutation: how much "
             "the metric loses when a column is shuffled; needs the target.");
  add_choice(command, "--scale", options.scale, kScales,
             "shap: contributions to the prediction, or to the score before the link (log-odds), "
             "for a model of one kind.");
  command
      .add_option("--out,-o", options.out.path, "shap: CSV file for the contributions of every row")
      ->type_name("FILE");
  options.out.made_anew = kBaseColumn;  // said in the help; open() knows the whole beginning
  add_force_option(command, options.out);
  std::vector<std::string_view> metrics;
  for (const std::string_view name : metric_choices()) {
    if (name != "auto") metrics.push_back(name);
  }
  add_choice(command, "--metric", options.metric, metrics,
             "permutation: the metric (default: the one the model was chosen by).");
  command.add_option("--repeats", options.repeats, "permutation: shuffles of each column")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--seed", options.seed, "permutation: seed of the shuffles")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
}

}  // namespace

void add_explain_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("explain", "Show what columns contribute to predictions");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<ExplainOptions>();
  add_prediction_options(*command, *options);
  add_method_options(*command, *options);
  command->footer(
      "Prints the columns by importance. With --out a row's contributions and `base_value` (what\n"
      "is predicted knowing nothing) sum to its `prediction`; a table of several classes has a\n"
      "line for each. For trees they are Shapley values (TreeSHAP); a GPU gives the same bits.\n"
      "Examples:\n"
      "  assay explain churn --data new.csv --out shap.csv\n"
      "  assay explain churn --data test.csv --method permutation --metric log_loss");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return explain(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
