// Parts of a moment that recur: what a tree cannot read off the seconds since 1970.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace assay::automl {

// The number that a feature takes of its column.
enum class FeaturePart { kValue, kYear, kMonth, kDay, kWeekday, kHour };

// "", "year", "month", "day", "weekday", "hour".
std::string_view name_of(FeaturePart part);
inline constexpr FeaturePart kCalendarParts[] = {FeaturePart::kYear, FeaturePart::kMonth,
                                                 FeaturePart::kDay, FeaturePart::kWeekday,
                                                 FeaturePart::kHour};

// The part (UTC) of each moment, in seconds since 1970; NaN for NaN and for moments beyond the
// years -9999..9999. Months and days count from 1, weekdays from 0 (Monday).
std::vector<double> calendar_part(std::span<const double> seconds, FeaturePart part);

}  // namespace assay::automl
