// The way back from a trial's run to what the search knew of it; trial_record.cc is the way there.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "automl/scheduler/trial_record.h"
#include "automl/scheduler/trial_record_internal.h"

namespace assay::automl {
namespace {

using tracking::RunRecord;
using tracking::Value;

std::optional<std::string> text_tag(const RunRecord& record, const char* key) {
  const auto at = record.tags.find(key);
  if (at == record.tags.end()) return std::nullopt;
  const auto* text = std::get_if<std::string>(&at->second.data());
  return text == nullptr ? std::nullopt : std::optional(*text);
}

// The alternative of that name, of so many.
template <class Enum, size_t Count>
std::optional<Enum> parse_name(const std::optional<std::string>& name) {
  for (size_t i = 0; name && i < Count; ++i) {
    if (name_of(static_cast<Enum>(i)) == *name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

std::optional<TrialSpec> read_spec(const RunRecord& record) {
  TrialSpec spec;
  const auto number = record.tags.find("trial");
  const auto learner = text_tag(record, "learner");
  const auto origin = parse_name<TrialOrigin, kTrialOrigins>(text_tag(record, "origin"));
  const auto seed = text_tag(record, "seed");
  if (number == record.tags.end() || !learner || !origin || !seed) return std::nullopt;
  const auto* whole = std::get_if<int64_t>(&number->second.data());
  if (whole == nullptr || *whole < 0) return std::nullopt;
  const char* const end = seed->data() + seed->size();
  const auto read = std::from_chars(seed->data(), end, spec.seed);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  spec.number = *whole;
  spec.learner = *learner;
  spec.origin = *origin;
  for (const auto& param : record.params) {
    std::visit([&](const auto& held) { spec.params.emplace(param.first, ParamValue(held)); },
               param.second.data());
  }
  return spec;
}

double point_at(const RunRecord& record, const std::string& key, int64_t step) {
  const auto found = record.metrics.find(key);
  if (found == record.metrics.end()) return std::nan("");
  for (const tracking::MetricPoint& point : found->second) {
    if (point.step == step) return point.value;
  }
  return std::nan("");
}

void read_folds(const RunRecord& record, TrialOutcome& outcome) {
  const auto fits = record.metrics.find("fit_seconds/fold");
  if (fits == record.metrics.end()) return;
  const auto whole = [](double value) {
    return std::isfinite(value) ? static_cast<int64_t>(value) : 0;
  };
  for (size_t fold = 0; fold < fits->second.size(); ++fold) {
    const auto step = static_cast<int64_t>(fold);
    FoldRecord& read = outcome.folds.emplace_back();
    read.fit_seconds = fits->second[fold].value;
    const double score = point_at(record, record.info.metric + "/fold", step);
    if (std::isfinite(score)) read.score = score;
    read.iterations = whole(point_at(record, "iterations/fold", step));
    read.best_iteration = whole(point_at(record, "best_iteration/fold", step));
  }
}

// Fills what the table says; false if it is not as write_trial makes it.
bool read_outcome_table(const tracking::NamedTable& table, TrialOutcome& outcome) {
  if (table.columns.size() != 3) return false;
  const auto* names = std::get_if<std::vector<std::string>>(&table.columns[0].values);
  const auto* steps = std::get_if<std::vector<int64_t>>(&table.columns[1].values);
  const auto* values = std::get_if<std::vector<double>>(&table.columns[2].values);
  if (names == nullptr || steps == nullptr || values == nullptr) return false;
  bool has_cost = false;
  for (size_t i = 0; i < names->size(); ++i) {
    const std::string& name = (*names)[i];
    const double value = (*values)[i];
    for (size_t ladder = 0; ladder < kLadderNames.size(); ++ladder) {
      if (name != kLadderNames[ladder]) continue;
      const Rung rung{static_cast<Rung::Ladder>(ladder), static_cast<int>((*steps)[i])};
      outcome.result.rungs.push_back({rung, value});
    }
    // Sizes are whole and far below 2^53.
    if (name == "cost") outcome.result.cost = value;
    if (name == "loss") outcome.result.loss = value;
    if (name == "seconds") outcome.seconds = value;
    if (name == "score_seconds") outcome.score_seconds = value;
    if (name == "ended_seconds") outcome.ended_seconds = value;
    if (name == "model_bytes") outcome.model_bytes = static_cast<int64_t>(value);
    if (name == "latency_us") outcome.result.footprint.latency_us = value;
    if (name == "file_bytes") outcome.result.footprint.file_bytes = static_cast<int64_t>(value);
    if (name == "prediction_bytes") outcome.prediction_bytes = static_cast<int64_t>(value);
    has_cost = has_cost || name == "cost";
  }
  return has_cost;
}

// Whether the trial would have come to the same in an unbroken sweep.
bool came_to_its_end(const TrialResult& result) {
  if (result.status == TrialStatus::kRunning || result.status == TrialStatus::kCancelled) {
    return false;
  }
  return result.status != TrialStatus::kPartial || result.message != kCutByStop;
}

}  // namespace

std::optional<TrialOutcome> read_trial(const RunRecord& record) {
  if (record.info.kind != "trial" || !record.info.finished) return std::nullopt;
  auto spec = read_spec(record);
  const auto status = parse_name<TrialStatus, kTrialStatuses>(text_tag(record, "trial_status"));
  if (!spec || !status) return std::nullopt;
  TrialOutcome outcome;
  outcome.known = true;
  outcome.run_id = record.info.run_id;
  outcome.result.spec = std::move(*spec);
  outcome.result.status = *status;
  outcome.result.message = record.info.message;
  outcome.score = record.info.score;
  outcome.device = text_tag(record, "device").value_or("");
  const auto table = std::find_if(record.tables.begin(), record.tables.end(),
                                  [](const auto& each) { return each->name == kOutcomeTable; });
  if (table == record.tables.end() || !read_outcome_table(**table, outcome)) return std::nullopt;
  const bool scored = outcome.score && outcome.result.loss;
  const bool scores = has_score(*status) || *status == TrialStatus::kOverLimit;
  if (scores != scored || !came_to_its_end(outcome.result)) return std::nullopt;
  read_folds(record, outcome);
  outcome.usage = read_kernel_table(record);
  return outcome;
}

std::vector<kernels::KernelUse> read_kernel_table(const RunRecord& record) {
  const auto table = std::find_if(record.tables.begin(), record.tables.end(),
                                  [](const auto& each) { return each->name == kKernelTable; });
  if (table == record.tables.end() || (*table)->columns.size() != 5) return {};
  const auto texts = [&](size_t column) {
    return std::get_if<std::vector<std::string>>(&(*table)->columns[column].values);
  };
  const auto numbers = [&](size_t column) {
    return std::get_if<std::vector<int64_t>>(&(*table)->columns[column].values);
  };
  const auto* devices = texts(0);
  const auto* ops = texts(1);
  const auto* names = texts(2);
  const auto* calls = numbers(3);
  const auto* bytes = numbers(4);
  if (devices == nullptr || ops == nullptr || names == nullptr || calls == nullptr ||
      bytes == nullptr) {
    return {};
  }
  std::vector<kernels::KernelUse> usage;
  for (size_t i = 0; i < devices->size(); ++i) {
    usage.push_back({(*devices)[i], (*ops)[i], (*names)[i], (*calls)[i], (*bytes)[i]});
  }
  return usage;
}

}  // namespace assay::automl
