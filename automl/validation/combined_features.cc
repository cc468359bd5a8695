// How a training set comes to features that two columns make together.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "automl/validation/feature_screen.h"
#include "automl/validation/training_set.h"
#include "kernels/base/names.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// A combined number and its bins in three forms.
constexpr int64_t kCombinedBytes = 11;

ScreenMode mode_of(const ExperimentConfig& config, std::string FeatureOptions::*member) {
  const std::string& option = config.features.*member;
  if (option == "true") return ScreenMode::kWanted;
  // People read columns, not what two of them make.
  if (option == "false" || config.constraints.interpretable) return ScreenMode::kOff;
  // Statistics of all rows tell earlier rows of later ones.
  const bool of_rows = member == &FeatureOptions::group_statistics;
  if (of_rows && !config.data.time_column.empty()) return ScreenMode::kOff;
  return ScreenMode::kChecked;
}

// Columns that the config says something about keep to it by themselves.
std::vector<uint8_t> barred_columns(const FeatureEncoder& encoder, const DataOptions& data) {
  const auto names_it = [](const TextMap& map, const std::string& name) {
    return std::any_of(map.begin(), map.end(),
                       [&](const auto& entry) { return entry.first == name; });
  };
  std::vector<uint8_t> barred;
  for (const InputColumn& column : encoder.columns()) {
    const bool named = column.name == data.time_column || names_it(data.monotone, column.name) ||
                       names_it(data.interactions, column.name);
    barred.push_back(named ? 1 : 0);
  }
  return barred;
}

}  // namespace

bool TrainingSet::wants_combinations(const ExperimentConfig& config) {
  const std::array options = {&FeatureOptions::pairs, &FeatureOptions::crosses,
                              &FeatureOptions::group_statistics};
  return std::any_of(options.begin(), options.end(), [&](std::string FeatureOptions::*option) {
    return mode_of(config, option) != ScreenMode::kOff;
  });
}

Status TrainingSet::make_combinations(const ExperimentConfig& config, const ScreenPlan& plan,
                                      const kernels::ComputeContext& screening,
                                      const kernels::ComputeContext& context) {
  std::vector<ScreenFold> folds;
  for (const Fold& fold : folds_) folds.push_back({fold.train_rows, fold.valid_rows});
  ScreenRequest request;
  request.encoder = encoder_.get();
  request.options = &options_;
  request.source = &features_->source();
  request.data = &data_;
  request.folds = folds;
  request.kin = kin();
  request.barred = barred_columns(*encoder_, config.data);
  request.pairs = mode_of(config, &FeatureOptions::pairs);
  request.crosses = mode_of(config, &FeatureOptions::crosses);
  request.group_statistics = mode_of(config, &FeatureOptions::group_statistics);
  request.learner = plan.learner;
  request.seed = derive_seed(static_cast<uint64_t>(config.run.seed), "screen");
  request.rows = plan.rows;
  while (request.rows >= kLeastScreenRows && screen_bytes(request) > plan.bytes) request.rows /= 2;
  if (request.rows < kLeastScreenRows) {
    notes_.push_back("memory: there is none for choosing features of two columns");
    return {};
  }
  ASSAY_ASSIGN_OR_RETURN(ScreenResult result, screen_features(request, screening));
  const auto most =
      static_cast<size_t>(plan.bytes / (kCombinedBytes * std::max<int64_t>(1, row_count_)));
  if (result.chosen.size() > most) {
    notes_.push_back(fmt::format("memory: {} of {} features of two columns are left out",
                                 result.chosen.size() - most, result.chosen.size()));
    result.chosen.resize(most);
  }
  if (result.chosen.empty()) return {};
  ASSAY_RETURN_IF_ERROR(add_combinations(std::move(result.chosen), context));
  std::vector<std::string> names;
  for (const Feature& feature : encoder_->features()) {
    if (feature.combination >= 0) names.push_back("'" + shortened(feature.name) + "'");
  }
  std::string gain;
  if (result.lowered > 0) {
    gain = fmt::format(" (trees' loss on rows that did not choose {} fell by {:.2g} %)",
                       names.size() == 1 ? "it" : "them", 100 * result.lowered);
  }
  notes_.push_back(fmt::format("feature{} of two columns: {}{}", names.size() == 1 ? "" : "s",
                               fmt::join(names.begin(), names.end(), ", "), gain));
  return {};
}

Status TrainingSet::add_combinations(std::vector<std::shared_ptr<const Combination>> chosen,
                                     const kernels::ComputeContext& context) {
  EncodedTable::Source source = features_->take_source();
  ASSAY_ASSIGN_OR_RETURN(FeatureEncoder encoder,
                         encoder_->with_combinations(std::move(chosen), options_, context, source));
  encoder_ = std::make_shared<const FeatureEncoder>(std::move(encoder));
  features_ = encoder_->encode(std::move(source));
  for (const auto& combination : encoder_->combinations()) {
    if (!constraints_.monotone.empty()) constraints_.monotone.push_back(0);
    if (constraints_.interactions.empty()) continue;
    // Neither side is named: both are of the group of the others.
    const auto left = static_cast<size_t>(combination->spec().left);
    constraints_.interactions.push_back(constraints_.interactions[left]);
  }
  data_.features = features_.get();
  data_.monotone = constraints_.monotone;
  data_.interactions = constraints_.interactions;
  return {};
}

}  // namespace assay::automl
