#include "automl/cli/table_options.h"

#include <CLI/CLI.hpp>
#include <array>

#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

struct DelimiterName {
  std::string_view name;
  char character;
};
constexpr std::array<DelimiterName, 4> kDelimiters = {
    {{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"pipe", '|'}}};

}  // namespace

void add_table_options(CLI::App& command, TableOptions& options) {
  command.add_option("--data", options.path, "The table: CSV, plain or gzip; - is standard input")
      ->required();
  command.add_option("--delimiter", options.delimiter, "auto, comma, semicolon, tab or pipe")
      ->capture_default_str();
  command
      .add_option("--header", options.header,
                  "Whether the first line names the columns: auto, "
                  "true or false")
      ->capture_default_str();
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
