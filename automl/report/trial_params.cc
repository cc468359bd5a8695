#include "automl/report/trial_params.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace assay::automl {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kLogFactor = 20;

using ParamJson = nlohmann::json;

std::string word_of(const ParamJson& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, ParamJson::error_handler_t::replace);
}

void fill_numbers(ParamColumn& column, const std::vector<ParamJson>& settings) {
  for (const ParamJson& params : settings) {
    const auto it = params.find(column.name);
    column.values.push_back(it != params.end() ? it->get<double>() : kMissing);
  }
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : column.values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  column.low = low;
  column.high = high;
  column.log = low > 0 && high / low >= kLogFactor;
}

void fill_choices(ParamColumn& column, const std::vector<ParamJson>& settings) {
  std::set<std::string> words;
  for (const ParamJson& params : settings) {
    if (const auto it = params.find(column.name); it != params.end()) words.insert(word_of(*it));
  }
  column.choices.assign(words.begin(), words.end());
  for (const ParamJson& params : settings) {
    const auto it = params.find(column.name);
    if (it == params.end()) {
      column.values.push_back(kMissing);
      continue;
    }
    const auto at = std::lower_bound(column.choices.begin(), column.choices.end(), word_of(*it));
    column.values.push_back(static_cast<double>(at - column.choices.begin()));
  }
  column.high = static_cast<double>(column.choices.size()) - 1;
}

bool varies(const ParamColumn& column) {
  if (!column.is_number) return column.choices.size() > 1;
  return column.high > column.low;
}

std::vector<ParamColumn> columns_of(const std::vector<ParamJson>& settings) {
  std::map<std::string, bool> is_number;
  for (const ParamJson& params : settings) {
    for (const auto& [name, value] : params.items()) {
      const auto [it, fresh] = is_number.emplace(name, value.is_number());
      if (!fresh) it->second = it->second && value.is_number();
    }
  }
  std::vector<ParamColumn> columns;
  for (const auto& [name, number] : is_number) {
    ParamColumn column;
    column.name = name;
    column.is_number = number;
    if (number) {
      fill_numbers(column, settings);
    } else {
      fill_choices(column, settings);
    }
    if (varies(column)) columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace

double ParamColumn::place(size_t trial) const {
  const double value = values[trial];
  if (std::isnan(value) || !(high > low)) return value;
  if (log) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

std::vector<LearnerTrials> trials_by_learner(const Leaderboard& board) {
  std::map<std::string, LearnerTrials> learners;
  std::map<std::string, std::vector<ParamJson>> settings;
  for (const LeaderboardRow& row : board.rows) {
    if (row.trial < 0 || !row.score) continue;
    ParamJson params = ParamJson::parse(row.params, nullptr, false);
    if (!params.is_object()) params = ParamJson::object();
    LearnerTrials& trials = learners[row.learner];
    trials.learner = row.learner;
    trials.scores.push_back(*row.score);
    trials.numbers.push_back(row.trial);
    settings[row.learner].push_back(std::move(params));
  }
  std::vector<LearnerTrials> result;
  for (auto& [name, trials] : learners) {
    trials.columns = columns_of(settings[name]);
    result.push_back(std::move(trials));
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.scores.size() > b.scores.size(); });
  return result;
}

}  // namespace assay::automl
