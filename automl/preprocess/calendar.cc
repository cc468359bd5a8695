#include "automl/preprocess/calendar.h"

#include <array>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>

namespace assay::automl {
namespace {

constexpr std::array<std::string_view, 8> kNames = {"",        "year", "month",  "day",
                                                    "weekday", "hour", "minute", "yearday"};
// In the same order; a year does not come again.
constexpr std::array<double, 8> kPeriods = {0, 0, 12, 31, 7, 24, 60, 365.25};
constexpr double kMostSeconds = 9999 * 365.0 * kDaySeconds;
constexpr int64_t kMomentChunk = 16384;

double part_of_moment(double seconds, FeaturePart part) {
  namespace chr = std::chrono;
  if (!(std::abs(seconds) <= kMostSeconds)) return std::numeric_limits<double>::quiet_NaN();
  const double days = std::floor(seconds / kDaySeconds);
  const double of_day = seconds - days * kDaySeconds;
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
      return std::floor(of_day / 3600);
    case FeaturePart::kMinute:
      return std::floor(of_day / 60) - 60 * std::floor(of_day / 3600);
    case FeaturePart::kYearDay:
      return static_cast<double>((date - chr::sys_days{civil.year() / chr::January / 1}).count() +
                                 1);
  }
  return 0;
}

}  // namespace

std::string_view name_of(FeaturePart part) { return kNames[static_cast<size_t>(part)]; }

std::vector<double> calendar_part(datasets::NumberView seconds, FeaturePart part) {
  std::vector<double> values;
  values.reserve(seconds.size());
  seconds.for_each([&](double moment) { values.push_back(part_of_moment(moment, part)); });
  return values;
}

int32_t CalendarTransform::output_count() const {
  return static_cast<int32_t>(std::size(kCalendarParts));
}

std::string CalendarTransform::output_name(int32_t output) const {
  return std::string(kNames[static_cast<size_t>(output)]);
}

double CalendarTransform::period(int32_t output) const {
  return kPeriods[static_cast<size_t>(output)];
}

Status CalendarTransform::apply(const ColumnCells& cells, std::span<const int32_t> outputs,
                                const kernels::ComputeContext* context,
                                std::vector<std::vector<double>>& numbers) const {
  const size_t first = numbers.size();
  const auto rows = static_cast<int64_t>(cells.numbers.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    numbers.emplace_back(static_cast<size_t>(rows));
  }
  return for_chunks(chunk_count_of(rows, kMomentChunk), context, [&](int64_t chunk) {
    const ChunkRange range = chunk_range(rows, kMomentChunk, chunk);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto part = static_cast<FeaturePart>(outputs[i]);
      auto row = static_cast<size_t>(range.begin);
      cells.numbers.for_blocks(row, static_cast<size_t>(range.end),
                               [&](std::span<const double> block) {
                                 for (const double moment : block) {
                                   numbers[first + i][row++] = part_of_moment(moment, part);
                                 }
                               });
    }
  });
}

}  // namespace assay::automl
