// assay report: one page about a sweep, from its records.
#include <CLI/CLI.hpp>
#include <cctype>
#include <nlohmann/json.hpp>

#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/cli/prediction_stream.h"
#include "automl/report/html_page.h"
#include "automl/report/report_page.h"
#include "automl/report/text_table.h"
#include "tracking/model_registry.h"

namespace assay::automl::cli {
namespace {

struct ReportOptions {
  std::string run;
  OutputPlace out;
  OutputPlace markdown;
  std::string data;
  int64_t explain_rows = -1;  // below 0: not given
  int64_t threads = 0;
};

// Explained where nothing else is asked for, as far as this time allows.
constexpr int64_t kExplainRows = 400;
constexpr int64_t kExplainNs = 10'000'000'000;

Result<std::optional<Predictor>> registered_model(
    const std::shared_ptr<tracking::Workspace>& workspace, const tracking::RunRecord& sweep,
    std::string& missing) {
  // A sweep that went on after a stop has registered several.
  for (auto at = sweep.models.rbegin(); at != sweep.models.rend(); ++at) {
    const tracking::ModelUse& use = *at;
    if (use.version <= 0) continue;
    tracking::ModelRegistry registry(workspace);
    const std::string reference = fmt::format("{}:{}", use.name, use.version);
    const auto model = registry.resolve(reference);
    if (!model) {
      missing = model.error().message;
      return std::optional<Predictor>();
    }
    if (model->sha256 != use.sha256) {
      missing = fmt::format("{} is not the model that the sweep registered", reference);
      return std::optional<Predictor>();
    }
    auto bytes = registry.read_model(*model);
    if (!bytes) {
      missing = bytes.error().message;
      return std::optional<Predictor>();
    }
    ASSAY_ASSIGN_OR_RETURN(auto predictor, Predictor::from_bytes(std::move(*bytes), reference));
    return std::optional<Predictor>(std::move(predictor));
  }
  missing = "the sweep registered no model";
  return std::optional<Predictor>();
}

Status explain_sample(const Invocation& invocation, const ReportOptions& options,
                      const std::shared_ptr<tracking::Workspace>& workspace, Engine& engine,
                      ReportInputs& inputs) {
  if (options.explain_rows == 0) {
    inputs.shap_missing = "--explain-rows 0 was given";
    return {};
  }
  auto predictor = registered_model(workspace, inputs.data.sweep, inputs.shap_missing);
  if (!predictor) {
    inputs.shap_missing = predictor.error().message;
    return {};
  }
  if (!predictor->has_value()) return {};
  if (inputs.file.table == nullptr) {
    inputs.shap_missing = inputs.file.missing;
    return {};
  }
  const bool given = options.explain_rows > 0;
  ShapRequest request;
  request.predictor = &**predictor;
  request.table = inputs.file.table;
  request.rows = given ? options.explain_rows : kExplainRows;
  request.clock = &invocation.clock;
  if (!given) request.deadline_ns = invocation.clock.now_ns() + kExplainNs;
  auto sample = shap_sample(request, engine.context(*invocation.stop));
  if (sample) {
    inputs.shap = std::move(*sample);
  } else if (sample.error().code == StatusCode::kCancelled) {
    return tl::unexpected<Error>(std::move(sample.error()));
  } else {
    inputs.shap_missing = sample.error().message;
  }
  return {};
}

Result<ReportInputs> gather(const Invocation& invocation, const ReportOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ReportInputs inputs;
  ASSAY_ASSIGN_OR_RETURN(inputs.data, gather_report(*workspace, options.run));
  ASSAY_ASSIGN_OR_RETURN(auto engine, Engine::open({.threads = options.threads}));
  ASSAY_ASSIGN_OR_RETURN(inputs.file, read_training_file(inputs.data.sweep, options.data,
                                                         engine->executor(), *invocation.stop));
  if (const auto* predictions = predictions_of(inputs.data.sweep, "oof")) {
    const bool classifies = inputs.data.task && is_classification(*inputs.data.task);
    inputs.truth = oof_truth_of(inputs.data.sweep, *predictions, inputs.file, classifies);
  }
  ASSAY_RETURN_IF_ERROR(explain_sample(invocation, options, workspace, *engine, inputs));
  return inputs;
}

// A file name after the run's: letters, digits, dots and dashes of it.
std::string file_name_of(const tracking::RunInfo& info) {
  std::string name = info.name.empty() ? info.run_id : info.name;
  for (char& c : name) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    if (!plain) c = '-';
  }
  if (name.starts_with('.') || name.starts_with('-')) name = "run" + name;
  return name + ".html";
}

Status write_file(const OutputPlace& place, const std::string& text) {
  ASSAY_ASSIGN_OR_RETURN(OutputFile file, OutputFile::open(place));
  ASSAY_RETURN_IF_ERROR(file.write(text));
  return file.close();
}

Status check_places(const ReportOptions& options) {
  ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.out.path, options.data, "--data"));
  ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.markdown.path, options.data, "--data"));
  if (!options.out.path.empty() && options.out.path == options.markdown.path) {
    return fail(StatusCode::kInvalidArgument, "--out and --markdown are one file, '{}'",
                options.out.path);
  }
  for (const OutputPlace* place : {&options.out, &options.markdown}) {
    if (!place->path.empty()) ASSAY_RETURN_IF_ERROR(OutputFile::check(*place));
  }
  return {};
}

Status report_command(const Invocation& invocation, ReportOptions options) {
  options.markdown.force = options.out.force;
  ASSAY_RETURN_IF_ERROR(check_places(options));
  ASSAY_ASSIGN_OR_RETURN(const ReportInputs inputs, gather(invocation, options));
  const tracking::RunInfo& info =
      inputs.data.trial ? inputs.data.trial->info : inputs.data.sweep.info;
  if (options.out.path.empty()) options.out.path = file_name_of(info);
  // Not even --force replaces the table that the report was made from.
  const std::string train = value_of(inputs.data.sweep.params, "data.train");
  for (const OutputPlace* place : {&options.out, &options.markdown}) {
    ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(place->path, train, "the table"));
  }
  const std::string page = report_html(inputs);
  ASSAY_RETURN_IF_ERROR(write_file(options.out, page));
  if (!options.markdown.path.empty()) {
    ASSAY_RETURN_IF_ERROR(write_file(options.markdown, report_markdown(inputs)));
  }
  const std::vector<std::string> gaps = report_gaps(inputs);
  if (invocation.json) {
    nlohmann::ordered_json object = {{"run_id", inputs.data.sweep.info.run_id},
                                     {"out", options.out.path},
                                     {"bytes", page.size()},
                                     {"trials", inputs.data.times.size()},
                                     {"explained_rows", inputs.shap ? inputs.shap->rows : 0},
                                     {"missing", gaps},
                                     {"damaged", inputs.data.damaged}};
    if (inputs.data.trial) object["trial_run_id"] = inputs.data.trial->info.run_id;
    if (!options.markdown.path.empty()) object["markdown"] = options.markdown.path;
    print_result(json_line(object));
    return {};
  }
  print_result(
      fmt::format("{} ({})\n", options.out.path, size_text(static_cast<double>(page.size()))));
  if (!options.markdown.path.empty()) print_result(options.markdown.path + "\n");
  for (const std::string& gap : gaps) print_note(invocation, gap);
  for (const std::string& message : inputs.data.damaged) {
    print_note(invocation, "warning: " + message);
  }
  return {};
}

}  // namespace

void add_report_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("report", "Write a page about a sweep");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<ReportOptions>();
  command
      ->add_option("run", options->run,
                   "A sweep: its id, the beginning of it, or its name; or one of its trials")
      ->type_name("RUN")
      ->required();
  options->out.made_anew = HtmlPage::kStart;
  options->markdown.made_anew = kMarkdownStart;
  command->add_option("--out", options->out.path, "The page (else the run's name with .html)")
      ->type_name("FILE");
  command->add_option("--markdown", options->markdown.path, "Also a shorter report in Markdown")
      ->type_name("FILE");
  add_force_option(*command, options->out)
      ->description("Replace files even if they are not reports");
  command
      ->add_option("--data", options->data,
                   "The training table, where it is not where the run found it")
      ->type_name("FILE");
  command
      ->add_option("--explain-rows", options->explain_rows,
                   "Rows to explain by Shapley values; 0: none (else 400, or what 10 s allow)")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{1000000}));
  add_threads_option(*command, options->threads);
  command->footer(
      "The page is one HTML file that needs nothing else: no network, no scripts. For a trial it\n"
      "is about its sweep, with a section on the trial. Histograms and Shapley values need the\n"
      "training table as it was; without it the page says what is missing.\n"
      "Examples:\n"
      "  assay report sweep-2fsa0ern --out sweep.html\n"
      "  assay report 01M8AZ73 --markdown sweep.md");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return report_command(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
