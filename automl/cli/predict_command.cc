// assay predict: a model's predictions for a table, streamed to a CSV file.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "automl/cli/json_text.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/cli/prediction_stream.h"
#include "datasets/csv_writer.h"
#include "kernels/base/plurals.h"

namespace assay::automl::cli {
namespace {

constexpr std::string_view kFirstColumn = "prediction";

struct PredictOptions : PredictionOptions {
  OutputPlace out;
  bool labels_only = false;
};

// Standard output, or a file.
class PredictionSink {
 public:
  static Result<PredictionSink> open(const OutputPlace& place) {
    PredictionSink sink;
    if (place.path.empty() || place.path == "-") return sink;
    ASSAY_ASSIGN_OR_RETURN(auto file, OutputFile::open(place));
    sink.file_.emplace(std::move(file));
    return sink;
  }
  Status write(std::string_view text) {
    if (file_) return file_->write(text);
    print_result(text);
    return flush_output();
  }
  Status close() { return file_ ? file_->close() : Status(); }
  bool to_stdout() const { return !file_; }

 private:
  std::optional<OutputFile> file_;
};

std::string header_of(const Predictor& predictor, bool labels_only) {
  std::string line(kFirstColumn);
  if (labels_only) return line + '\n';
  for (const std::string& label : predictor.labels()) {
    line += ',';
    datasets::append_csv_field(line, "proba_" + label);
  }
  return line + '\n';
}

void append_row(const Predictor& predictor, std::span<const float> row, bool labels_only,
                std::string& out) {
  if (predictor.labels().empty()) {
    const TargetScale& frame = predictor.frame();
    if (frame == TargetScale{}) {
      datasets::append_csv_number(out, row[0]);
    } else {
      datasets::append_csv_number(out, frame.value(double{row[0]}));
    }
  } else {
    datasets::append_csv_field(out, predictor.labels()[predictor.decide(row)]);
    for (const float probability : labels_only ? std::span<const float>() : row) {
      out += ',';
      datasets::append_csv_number(out, probability);
    }
  }
  out += '\n';
}

Status predict(Invocation& invocation, const PredictOptions& options) {
  if (invocation.json && (options.out.path.empty() || options.out.path == "-")) {
    return fail(StatusCode::kInvalidArgument, "--json wants --out FILE: predictions are CSV");
  }
  ASSAY_ASSIGN_OR_RETURN(const NamedModel model, load_named_model(invocation, options.model));
  const Predictor& predictor = model.predictor;
  if (options.labels_only && predictor.labels().empty()) {
    return fail(StatusCode::kInvalidArgument,
                "--labels-only: {} predicts the numbers of '{}', and has no labels", model.name,
                predictor.target());
  }
  ASSAY_ASSIGN_OR_RETURN(auto engine, open_prediction_engine(invocation, options));
  ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.out.path, options.table.path, "--data"));
  ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.out.path, model.file, "the model"));
  ASSAY_ASSIGN_OR_RETURN(PredictionSink sink, PredictionSink::open(options.out));
  const auto width = static_cast<size_t>(predictor.output_count());
  // The header waits for the first rows: a table that does not fit leaves no output at all.
  std::string text = header_of(predictor, options.labels_only);
  int64_t written_rows = 0;
  auto write_block = [&](const PredictedBlock& block) {
    for (size_t at = 0; at < block.predictions.size(); at += width) {
      append_row(predictor, block.predictions.subspan(at, width), options.labels_only, text);
    }
    written_rows += block.table.row_count();
    Status written = sink.write(text);
    text.clear();
    return written;
  };
  StreamWants wants;
  if (options.labels_only) wants.predictions = Predictor::Wanted::kDecisions;
  auto predicted =
      predict_stream(predictor, options.table, wants, *engine, *invocation.stop, write_block);
  if (!predicted && predicted.error().code == StatusCode::kCancelled) {
    return fail(StatusCode::kCancelled, "interrupted: {}",
                sink.to_stdout() ? fmt::format("{} {} written", counted(written_rows, "row"),
                                               written_rows == 1 ? "was" : "were")
                                 : fmt::format("'{}' was not written", options.out.path));
  }
  ASSAY_ASSIGN_OR_RETURN(const StreamSummary stream, std::move(predicted));
  if (!text.empty()) ASSAY_RETURN_IF_ERROR(sink.write(text));
  ASSAY_RETURN_IF_ERROR(sink.close());
  for (const std::string& note : stream.notes) print_note(invocation, "warning: " + note);
  for (const std::string& note : gap_notes(stream.gaps)) print_note(invocation, note);
  if (sink.to_stdout()) return {};
  if (invocation.json) {
    const nlohmann::ordered_json object = {{"model", model.name},
                                           {"version", model.version},
                                           {"rows", stream.rows},
                                           {"out", options.out.path},
                                           {"device", engine->chosen().front()->info().id},
                                           {"emulated", engine->chosen().front()->info().emulated},
                                           {"notes", stream.notes},
                                           {"columns", gaps_json(stream.gaps)}};
    print_result(json_line(object));
  } else {
    print_note(invocation, fmt::format("{} predicted by {} written to {}",
                                       counted(stream.rows, "row"), model.name, options.out.path));
  }
  return {};
}

}  // namespace

void add_predict_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("predict", "Predict the rows of a table");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<PredictOptions>();
  add_prediction_options(*command, *options);
  command->add_option("--out,-o", options->out.path, "CSV file to write (default: standard output)")
      ->type_name("FILE");
  command->add_flag("--labels-only", options->labels_only,
                    "Classification: write the column `prediction` alone; the labels are the same, "
                    "and come sooner where the model can tell them from some of its trees");
  options->out.made_anew = kFirstColumn;
  add_force_option(*command, options->out);
  command->footer(
      "Writes a column `prediction`, and for classification `proba_<class>` for each class, but\n"
      "for --labels-only. Rows keep their order. The prediction is the most probable class; a\n"
      "model of two classes that was chosen by accuracy, balanced_accuracy or f1 has a threshold\n"
      "of its own (see assay models show). Cells that are no numbers, in a column of numbers,\n"
      "count as missing, with a warning: one of a column beside others, 0.1 % of them, or 1 % up\n"
      "to 5. More are an error.\n"
      "Example:\n  assay predict churn --data new.csv --out predictions.csv");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return predict(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
