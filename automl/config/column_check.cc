#include "automl/config/column_check.h"

#include <algorithm>
#include <filesystem>

#include "kernels/base/names.h"

namespace assay::automl {

std::vector<ColumnMistake> check_columns(const DataOptions& data,
                                         std::span<const std::string> names,
                                         const std::string& file) {
  std::vector<ColumnMistake> mistakes;
  const auto check = [&](std::string path, const std::string& name) {
    if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return;
    // Of many columns only a near one is worth naming.
    const std::string_view near = nearest_name(name, names);
    constexpr size_t kFew = 20;
    mistakes.push_back({std::move(path),
                        fmt::format("{} has no column '{}'{}", file, name,
                                    near.empty() && names.size() > kFew ? std::string()
                                                                        : name_hint(name, names))});
  };
  check("data.target", data.target);
  check("data.weight", data.weight);
  check("data.group", data.group);
  check("data.time_column", data.time_column);
  for (const std::string& name : data.drop) check("data.drop." + name, name);
  for (const auto& [name, type] : data.column_types) check("data.column_types." + name, name);
  for (const auto& [name, way] : data.monotone) check("data.monotone." + name, name);
  for (const auto& [name, group] : data.interactions) {
    const size_t before = mistakes.size();
    check("data.interactions." + name, name);
    const bool turned = std::find(names.begin(), names.end(), group) != names.end();
    if (mistakes.size() == before || !turned) continue;
    mistakes.back().text +=
        fmt::format("; interactions are COLUMN: GROUP, here {}: {}", group, name);
  }
  return mistakes;
}

Result<datasets::CsvOptions> csv_options(const DataOptions& data) {
  datasets::CsvOptions options;
  if (data.delimiter == "comma") options.delimiter = ',';
  if (data.delimiter == "semicolon") options.delimiter = ';';
  if (data.delimiter == "tab") options.delimiter = '\t';
  if (data.delimiter == "pipe") options.delimiter = '|';
  if (data.header != "auto") options.has_header = data.header == "true";
  options.missing_tokens = data.missing_tokens;
  for (const auto& [name, type] : data.column_types) {
    ASSAY_ASSIGN_OR_RETURN(const datasets::ColumnType parsed, datasets::parse_column_type(type));
    options.column_types.emplace_back(name, parsed);
  }
  options.drop = data.drop;
  options.spelled_columns = {data.target};
  for (const std::string& name : {data.target, data.weight, data.group, data.time_column}) {
    if (!name.empty()) options.expected_names.push_back(name);
  }
  options.expected_names.insert(options.expected_names.end(), data.drop.begin(), data.drop.end());
  for (const TextMap* map : {&data.column_types, &data.monotone, &data.interactions}) {
    for (const auto& [name, value] : *map) options.expected_names.push_back(name);
  }
  return options;
}

Status check_table_columns(const ExperimentConfig& config, const ConfigPlaces& places,
                           bool by_config) {
  ASSAY_ASSIGN_OR_RETURN(const datasets::CsvOptions csv, csv_options(config.data));
  // A pipe can be read only once.
  std::error_code error;
  const std::string& path = config.data.train;
  const bool is_file = std::filesystem::is_regular_file(path, error);
  if (path == "-" || (!is_file && std::filesystem::exists(path, error))) return {};
  const auto names = datasets::read_csv_names(config.data.train, csv);
  if (!names) {
    return tl::unexpected<Error>(
        {names.error().code, places.message("data.train", names.error().message)});
  }
  std::string lines;
  constexpr std::string_view kLists[] = {"data.drop.", "data.column_types.", "data.monotone.",
                                         "data.interactions."};
  StatusCode code = StatusCode::kConfig;
  std::vector<ColumnMistake> mistakes = check_columns(config.data, *names, config.data.train);
  std::stable_sort(mistakes.begin(), mistakes.end(), [&](const auto& a, const auto& b) {
    return places.line_of(a.path) < places.line_of(b.path);
  });
  for (const ColumnMistake& mistake : mistakes) {
    const bool list =
        std::any_of(std::begin(kLists), std::end(kLists),
                    [&](std::string_view prefix) { return mistake.path.rfind(prefix, 0) == 0; });
    if (!list && !by_config) code = StatusCode::kData;
    lines += (lines.empty() ? "" : "\n") + places.message(mistake.path, mistake.text);
  }
  if (lines.empty()) return {};
  return tl::unexpected<Error>({code, std::move(lines)});
}

}  // namespace assay::automl
