#include "bench/search/trial_table.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

namespace assay::bench {
namespace {

using automl::OptionInfo;
using automl::OptionKind;
using automl::ParamMap;
using automl::SearchFunction;
using automl::SearchRange;
using automl::SearchSpace;

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  return fields;
}

// Rows of one data set: settings as numbers, and losses.
struct Rows {
  std::vector<std::vector<double>> settings;
  std::vector<double> losses;
};

// What a problem's function looks in; shared by its copies.
struct Grid {
  std::vector<std::string> names;
  std::map<std::vector<int64_t>, double> regrets;
  double worst = 0;
};

Result<SearchFunction> problem_of(const std::string& set, const std::vector<std::string>& names,
                                  const Rows& rows) {
  std::vector<std::vector<double>> levels(names.size());
  for (size_t j = 0; j < names.size(); ++j) {
    std::set<double> values;
    for (const auto& setting : rows.settings) values.insert(setting[j]);
    levels[j].assign(values.begin(), values.end());
  }
  std::vector<double> sorted = rows.losses;
  std::sort(sorted.begin(), sorted.end());
  const double least = sorted.front();
  const double median = sorted[sorted.size() / 2];
  if (!(median > least)) return fail(StatusCode::kData, "{}: all losses are alike", set);
  auto grid = std::make_shared<Grid>();
  grid->names = names;
  for (size_t i = 0; i < rows.settings.size(); ++i) {
    std::vector<int64_t> places;
    for (size_t j = 0; j < names.size(); ++j) {
      const auto at = std::lower_bound(levels[j].begin(), levels[j].end(), rows.settings[i][j]);
      places.push_back(at - levels[j].begin());
    }
    grid->regrets[places] = (rows.losses[i] - least) / (median - least);
  }
  grid->worst = (sorted.back() - least) / (median - least);
  std::vector<OptionInfo> options;
  for (size_t j = 0; j < names.size(); ++j) {
    OptionInfo info;
    info.name = grid->names[j];
    info.kind = OptionKind::kInteger;
    const auto last = static_cast<int64_t>(levels[j].size()) - 1;
    info.default_value = last / 2;
    info.search = SearchRange{.low = 0, .high = static_cast<double>(last)};
    options.push_back(info);
  }
  ASSAY_ASSIGN_OR_RETURN(SearchSpace space, SearchSpace::make(options));
  SearchFunction function{set, std::move(space), {}, 0};
  function.value = [grid](const ParamMap& params) {
    std::vector<int64_t> places;
    for (const std::string& name : grid->names) {
      places.push_back(std::get<int64_t>(params.find(name)->second));
    }
    const auto found = grid->regrets.find(places);
    return found == grid->regrets.end() ? grid->worst : found->second;
  };
  return function;
}

}  // namespace

Result<std::vector<SearchFunction>> read_trial_table(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return fail(StatusCode::kIo, "{} cannot be read", path);
  std::vector<std::string> header = fields_of(line);
  if (header.size() < 3 || header.front() != "set" || header.back() != "loss") {
    return fail(StatusCode::kData, "{}: '{}' (must be set, parameters, loss)", path, line);
  }
  const std::vector<std::string> names(header.begin() + 1, header.end() - 1);
  std::map<std::string, Rows> sets;
  while (std::getline(file, line)) {
    const std::vector<std::string> fields = fields_of(line);
    if (fields.size() != header.size()) {
      return fail(StatusCode::kData, "{}: '{}' (must have {} fields)", path, line, header.size());
    }
    std::vector<double> setting;
    for (size_t j = 1; j + 1 < fields.size(); ++j) setting.push_back(std::stod(fields[j]));
    sets[fields[0]].settings.push_back(std::move(setting));
    sets[fields[0]].losses.push_back(std::stod(fields.back()));
  }
  std::vector<SearchFunction> problems;
  for (const auto& [set, rows] : sets) {
    ASSAY_ASSIGN_OR_RETURN(SearchFunction problem, problem_of(set, names, rows));
    problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace assay::bench
