#include "automl/preprocess/calendar.h"

#include <array>
#include <chrono>
#include <cmath>
#include <limits>

namespace assay::automl {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"", "year", "month", "day", "weekday", "hour"};
constexpr double kDaySeconds = 86400;
constexpr double kMostSeconds = 9999 * 365.0 * kDaySeconds;

double part_of(double seconds, FeaturePart part) {
  namespace chr = std::chrono;
  if (!(std::abs(seconds) <= kMostSeconds)) return std::numeric_limits<double>::quiet_NaN();
  const double days = std::floor(seconds / kDaySeconds);
  const chr::sys_days date{chr::days{static_cast<int>(days)}};
  const chr::year_month_day civil{date};
  switch (part) {
    case FeaturePart::kValue:
      return seconds;
    case FeaturePart::kYear:
      return static_cast<int>(civil.year());
    case FeaturePart::kMonth:
      return static_cast<unsigned>(civil.month());
    case FeaturePart::kDay:
      return static_cast<unsigned>(civil.day());
    case FeaturePart::kWeekday:
      return chr::weekday{date}.iso_encoding() - 1;
    case FeaturePart::kHour:
      return std::floor((seconds - days * kDaySeconds) / 3600);
  }
  return 0;
}

}  // namespace

std::string_view name_of(FeaturePart part) { return kNames[static_cast<size_t>(part)]; }

std::vector<double> calendar_part(std::span<const double> seconds, FeaturePart part) {
  std::vector<double> values;
  values.reserve(seconds.size());
  for (const double moment : seconds) values.push_back(part_of(moment, part));
  return values;
}

}  // namespace assay::automl
