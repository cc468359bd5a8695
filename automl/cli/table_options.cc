#include "automl/cli/table_options.h"

#include <CLI/CLI.hpp>
#include <array>

#include "automl/cli/help_format.h"
#include "datasets/task.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

struct DelimiterName {
  std::string_view name;
  char character;
};
constexpr std::array<DelimiterName, 4> kDelimiters = {
    {{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"pipe", '|'}}};

void add_table(CLI::App& command, const std::string& names, TableOptions& options) {
  command.add_option(names, options.path, "The table: CSV, plain or gzip; - is standard input")
      ->type_name("FILE")
      ->required();
  std::vector<std::string_view> delimiters = {"auto"};
  for (const DelimiterName& known : kDelimiters) delimiters.push_back(known.name);
  add_choice(command, "--delimiter", options.delimiter, delimiters, "What separates the fields");
  constexpr std::array<std::string_view, 3> kHeader = {"auto", "true", "false"};
  add_choice(command, "--header", options.header, kHeader,
             "Whether the first line names the columns");
}

}  // namespace

void add_table_options(CLI::App& command, TableOptions& options) {
  add_table(command, "--data", options);
}

void add_table_argument(CLI::App& command, TableOptions& options) {
  add_table(command, "data,--data", options);
}

void add_task_option(CLI::App& command, std::string& task) {
  std::vector<std::string_view> tasks = {"auto"};
  for (const std::string_view name : datasets::task_names()) tasks.push_back(name);
  add_choice(command, "--task", task, tasks, "What to predict it as");
}

Result<datasets::CsvOptions> csv_options(const TableOptions& options) {
  datasets::CsvOptions csv;
  if (options.delimiter != "auto") {
    std::vector<std::string_view> names = {"auto"};
    for (const DelimiterName& known : kDelimiters) {
      if (known.name == options.delimiter) csv.delimiter = known.character;
      names.push_back(known.name);
    }
    if (!csv.delimiter) {
      return fail(StatusCode::kInvalidArgument, "unknown delimiter '{}'{}", options.delimiter,
                  name_hint(options.delimiter, names));
    }
  }
  if (options.header == "true" || options.header == "false") {
    csv.has_header = options.header == "true";
  } else if (options.header != "auto") {
    return fail(StatusCode::kInvalidArgument, "header='{}' (must be auto, true or false)",
                options.header);
  }
  return csv;
}

}  // namespace assay::automl::cli
