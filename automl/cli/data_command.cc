// assay data describe
#include <CLI/CLI.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/table_options.h"
#include "automl/report/text_table.h"
#include "datasets/column_findings.h"
#include "datasets/number_look.h"
#include "datasets/profile.h"
#include "datasets/target.h"
#include "kernels/base/names.h"
#include "kernels/base/plurals.h"

namespace assay::automl::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownLevel = 24;
constexpr size_t kShownName = 40;

struct DescribeOptions {
  TableOptions table;
  std::string target;
  std::string task = "auto";
};

Json column_json(const datasets::ColumnProfile& column) {
  Json object = {{"name", column.name},
                 {"type", std::string(datasets::name_of(column.type))},
                 {"missing", column.missing_count},
                 {"distinct", column.distinct_count}};
  if (!std::isnan(column.mean) && column.top_levels.empty()) {
    const bool moments = column.type == datasets::ColumnType::kDatetime;
    const auto value_json = [moments](double value) {
      return moments ? Json(datasets::datetime_text(value)) : number_json(value);
    };
    object["min"] = value_json(column.min);
    object["max"] = value_json(column.max);
    object["mean"] = value_json(column.mean);
    object["std"] = number_json(column.std);  // of moments: seconds
    Json quantiles = Json::object();
    for (size_t i = 0; i < column.quantiles.size(); ++i) {
      quantiles[fmt::format("{}", datasets::kProfileQuantiles[i])] =
          value_json(column.quantiles[i]);
    }
    object["quantiles"] = std::move(quantiles);
  }
  if (!column.top_levels.empty()) {
    Json levels = Json::object();
    for (const auto& [level, count] : column.top_levels) levels[level] = count;
    object["top_levels"] = std::move(levels);
  }
  return object;
}

Json target_json(const datasets::Target& target) {
  Json object = {{"name", target.name},
                 {"task", std::string(datasets::name_of(target.task))},
                 {"reason", target.reason},
                 {"missing", target.missing_count}};
  Json classes = Json::object();
  for (size_t i = 0; i < target.labels.size(); ++i) classes[target.labels[i]] = target.counts[i];
  if (target.classifies()) object["classes"] = std::move(classes);
  return object;
}

// Whole numbers as they are, others with `digits` significant digits.
std::string number_text(double value, int digits) {
  const bool whole = std::floor(value) == value && std::fabs(value) < 1e12;
  return whole ? fmt::format("{:.0f}", value) : fmt::format("{:.{}g}", value, digits);
}

std::string summary_of(const datasets::ColumnProfile& column) {
  if (!column.top_levels.empty()) {
    const size_t shown = column.type == datasets::ColumnType::kText ? 2 : 4;
    std::string text;
    for (size_t i = 0; i < column.top_levels.size() && i < shown; ++i) {
      text += fmt::format("{}{} ({})", i == 0 ? "" : ", ",
                          shortened(column.top_levels[i].first, kShownLevel),
                          column.top_levels[i].second);
    }
    return text;
  }
  if (std::isnan(column.mean)) return "no values";
  const double middle = column.quantiles.size() > 2 ? column.quantiles[2] : column.mean;
  if (column.type == datasets::ColumnType::kDatetime) {
    return fmt::format("{} .. {}, median {}", datasets::datetime_text(column.min),
                       datasets::datetime_text(column.max), datasets::datetime_text(middle));
  }
  // Six digits, unless they hide that the values differ.
  const bool hidden =
      column.min != column.max && number_text(column.min, 6) == number_text(column.max, 6);
  const int digits = hidden ? 16 : 6;
  return fmt::format("{} .. {}, median {}, mean {}", number_text(column.min, digits),
                     number_text(column.max, digits), number_text(middle, digits),
                     number_text(column.mean, digits));
}

std::string profile_text(const datasets::TableProfile& profile) {
  std::string out =
      fmt::format("{}: {}, {}\nsha256 {}\n\n", profile.source, counted(profile.row_count, "row"),
                  counted(std::ssize(profile.columns), "column"), profile.content_hash);
  TextTable table;
  table.add_column("column");
  table.add_column("type", Align::kLeft, Fit::kWhole);
  table.add_column("missing", Align::kRight);
  table.add_column("distinct", Align::kRight);
  table.add_column("values", Align::kLeft, Fit::kEnd);
  for (const auto& column : profile.columns) {
    const double share = profile.row_count > 0 ? 100.0 * static_cast<double>(column.missing_count) /
                                                     static_cast<double>(profile.row_count)
                                               : 0;
    table.add_row({shortened(column.name, kShownName), std::string(datasets::name_of(column.type)),
                   column.missing_count == 0 ? "-" : fmt::format("{:.1f} %", share),
                   std::to_string(column.distinct_count), summary_of(column)});
  }
  return out + table.render(terminal_width());
}

std::string target_text(const datasets::Target& target) {
  std::string out = fmt::format("\ntarget {}: {} ({}; --task overrides it)\n", target.name,
                                datasets::name_of(target.task), target.reason);
  if (target.missing_count > 0) {
    out += fmt::format("  {} without a target {} left out\n", counted(target.missing_count, "row"),
                       target.missing_count == 1 ? "is" : "are");
  }
  for (size_t i = 0; i < target.labels.size() && i < 20; ++i) {
    out += fmt::format("  class {:<20} {}\n", shortened(target.labels[i], kShownName),
                       counted(target.counts[i], "row"));
  }
  if (target.labels.size() > 20) {
    out += fmt::format("  ... {} more classes\n", target.labels.size() - 20);
  }
  return out;
}

// What a run would leave out, or warn of, of columns that can be told so without training.
Result<std::vector<std::string>> findings(const datasets::Table& table,
                                          const std::optional<datasets::Target>& target,
                                          Executor& executor, const StopToken& stop) {
  std::vector<std::string> warnings;
  std::vector<size_t> rest;
  for (size_t c = 0; c < table.columns().size(); ++c) {
    const datasets::Column& column = table.columns()[c];
    if (target && column.name == target->name) continue;
    const std::string name = shortened(column.name);
    if (column.missing_count == column.row_count()) {
      warnings.push_back(fmt::format("column '{}' has no values", name));
    } else if (datasets::is_constant(column)) {
      warnings.push_back(fmt::format("column '{}' is constant", name));
    } else {
      if (datasets::numbers_rows(column)) {
        warnings.push_back(fmt::format("column '{}' numbers the rows", name));
      } else if (datasets::ends_in_id(column.name) && datasets::differs_by_row(column)) {
        warnings.push_back(fmt::format("column '{}' is an id, another one in every row", name));
      }
      rest.push_back(c);
    }
  }
  ASSAY_ASSIGN_OR_RETURN(const std::vector<int64_t> first,
                         datasets::find_duplicates(table, rest, executor, &stop));
  for (size_t i = 0; i < rest.size(); ++i) {
    if (first[i] < 0) continue;
    warnings.push_back(fmt::format("column '{}' says the same as '{}'",
                                   shortened(table.columns()[rest[i]].name),
                                   shortened(table.columns()[static_cast<size_t>(first[i])].name)));
  }
  if (!target) return warnings;
  ASSAY_ASSIGN_OR_RETURN(const std::vector<datasets::AnsweringColumn> answers,
                         datasets::find_answers(table, *target, rest, executor, &stop));
  for (const datasets::AnsweringColumn& answer : answers) {
    warnings.push_back(datasets::answer_text(table, *target, answer));
  }
  return warnings;
}

Status describe(const Invocation& invocation, const DescribeOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto csv, csv_options(options.table));
  if (!options.target.empty()) csv.spelled_columns = csv.expected_names = {options.target};
  ASSAY_ASSIGN_OR_RETURN(auto engine, Engine::open({}));
  csv.max_bytes = engine->memory_bytes();
  ASSAY_ASSIGN_OR_RETURN(auto table, datasets::read_csv(options.table.path, csv, engine->executor(),
                                                        *invocation.stop));
  ASSAY_ASSIGN_OR_RETURN(const datasets::TableProfile profile,
                         datasets::profile_table(*table, engine->executor()));
  std::optional<datasets::Target> target;
  if (!options.target.empty()) {
    std::optional<datasets::Task> task;
    if (options.task != "auto") {
      ASSAY_ASSIGN_OR_RETURN(task, datasets::parse_task(options.task));
    }
    ASSAY_ASSIGN_OR_RETURN(target, datasets::extract_target(*table, options.target, task));
  }
  std::vector<std::string> notes;
  for (const datasets::Column& column : table->columns()) {
    if (std::string hint = datasets::reading_hint(column); !hint.empty()) {
      notes.push_back(std::move(hint));
      print_note(invocation, "note: " + notes.back());
    }
    if (column.misfits.count == 0) continue;
    const int64_t values = column.row_count() - column.missing_count + column.misfits.count;
    notes.push_back(datasets::misfit_note(table->source(), column, values));
    print_note(invocation, "warning: " + notes.back());
  }
  if (table->row_count() > 0) {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> warnings,
                           findings(*table, target, engine->executor(), *invocation.stop));
    for (const std::string& warning : warnings) {
      notes.push_back(warning);
      print_note(invocation, "warning: " + warning);
    }
  }
  if (!invocation.json) {
    print_result(profile_text(profile) + (target ? target_text(*target) : std::string()));
    return {};
  }
  Json object = {{"source", profile.source},
                 {"content_hash", profile.content_hash},
                 {"rows", profile.row_count}};
  object["columns"] = Json::array();
  for (const auto& column : profile.columns) object["columns"].push_back(column_json(column));
  if (target) object["target"] = target_json(*target);
  object["notes"] = notes;
  print_result(json_line(object));
  return {};
}

}  // namespace

void add_data_command(CLI::App& app, Invocation& invocation) {
  CLI::App* data = app.add_subcommand("data", "Look at data sets");
  data->require_subcommand(1);
  CLI::App* command =
      data->add_subcommand("describe", "Types, missing values and ranges of a table");
  add_output_options(*command, invocation);
  auto options = std::make_shared<DescribeOptions>();
  add_table_argument(*command, options->table);
  command->add_option("--target", options->target, "Also say what predicting this column would be")
      ->type_name("COLUMN");
  add_task_option(*command, options->task);
  command->footer(
      "Examples:\n"
      "  assay data describe train.csv\n"
      "  assay data describe --data train.csv --target churn");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return describe(invocation, *options); };
  });
  add_data_sets(*data, invocation);
}

}  // namespace assay::automl::cli
