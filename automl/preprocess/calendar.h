// Parts of a moment that recur: what a tree cannot read off the seconds since 1970, and a linear
// model not off the parts themselves, whose last value is next to the first (DenseEncoder puts them
// on a circle).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "automl/preprocess/column_transform.h"

namespace assay::automl {

inline constexpr double kDaySeconds = 86400;

// The number that a feature takes of its column. Files hold these numbers: new parts come last.
enum class FeaturePart { kValue, kYear, kMonth, kDay, kWeekday, kHour, kMinute, kYearDay };

// "", "year", "month", "day", "weekday", "hour", "minute", "yearday".
std::string_view name_of(FeaturePart part);
inline constexpr FeaturePart kCalendarParts[] = {
    FeaturePart::kYear, FeaturePart::kMonth,  FeaturePart::kDay,    FeaturePart::kWeekday,
    FeaturePart::kHour, FeaturePart::kMinute, FeaturePart::kYearDay};

// The part (UTC) of each moment, in seconds since 1970; NaN for NaN and for moments beyond the
// years -9999..9999. Months, days and days of the year count from 1, weekdays from 0 (Monday).
std::vector<double> calendar_part(datasets::NumberView seconds, FeaturePart part);

// The parts as outputs, each under its number. Has no state.
class CalendarTransform final : public ColumnTransform {
 public:
  int32_t output_count() const override;
  std::string output_name(int32_t output) const override;
  double period(int32_t output) const override;
  Status apply(const ColumnCells& cells, std::span<const int32_t> outputs,
               const kernels::ComputeContext* context,
               std::vector<std::vector<double>>& numbers) const override;
};

}  // namespace assay::automl
