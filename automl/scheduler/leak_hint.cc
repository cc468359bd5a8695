#include "automl/scheduler/leak_hint.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "kernels/base/names.h"

namespace assay::automl {
namespace {

constexpr double kNearlyAll = 0.9;     // share of the importance
constexpr double kNearlyOne = 0.999;   // of metrics whose best value is 1
constexpr double kNearlyZero = 0.005;  // of log_loss

bool is_nearly_perfect(const Metric& metric, double score) {
  if (metric.name() == "log_loss") return score <= kNearlyZero;
  return metric.maximise() && score >= kNearlyOne;
}

}  // namespace

std::string leak_hint(const Metric& metric, double score, std::span<const double> importance,
                      const FeatureEncoder& encoder) {
  if (!is_nearly_perfect(metric, score) || encoder.columns().size() < 2) return {};
  std::vector<double> shares(encoder.part_count(), 0.0);
  double sum = 0;
  const size_t count = std::min(importance.size(), encoder.features().size());
  for (size_t i = 0; i < count; ++i) {
    shares[encoder.part_of(encoder.features()[i])] += importance[i];
    sum += importance[i];
  }
  const auto top = std::max_element(shares.begin(), shares.end());
  if (!(*top >= kNearlyAll * sum) || !(sum > 0)) return {};
  const std::string name = shortened(encoder.part_name(static_cast<size_t>(top - shares.begin())));
  return fmt::format(
      "warning: {} {:.6g} comes almost from column '{}' alone ({:.0f} % of the importance): does "
      "it "
      "hold what is to be predicted? data.drop (--drop) leaves it out",
      metric.name(), score, name, 100 * *top / sum);
}

}  // namespace assay::automl
