#include "datasets/profile.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace assay::datasets {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// Doubles as integers in the same order: the sign bit flipped, negative ones turned round.
uint64_t key_of(double x) {
  uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits >> 63 != 0 ? ~bits : bits | uint64_t{1} << 63;
}
double value_of(uint64_t key) {
  const uint64_t bits = key >> 63 != 0 ? key & ~(uint64_t{1} << 63) : ~key;
  double x = 0;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// Radix sort by bytes, lowest first; bytes that all keys share cost nothing. An order of magnitude
// faster than comparing on a million values.
void sort_keys(std::vector<uint64_t>& keys) {
  std::array<std::array<size_t, 256>, 8> counts{};
  for (const uint64_t key : keys) {
    for (size_t b = 0; b < 8; ++b) ++counts[b][key >> (8 * b) & 0xFF];
  }
  std::vector<uint64_t> other(keys.size());
  for (size_t b = 0; b < 8; ++b) {
    auto& count = counts[b];
    if (std::find(count.begin(), count.end(), keys.size()) != count.end()) continue;
    size_t offset = 0;
    for (size_t& c : count) {
      const size_t here = c;
      c = offset;
      offset += here;
    }
    for (const uint64_t key : keys) other[count[key >> (8 * b) & 0xFF]++] = key;
    keys.swap(other);
  }
}

std::vector<double> sorted_values(NumberView numbers) {
  std::vector<uint64_t> keys;
  keys.reserve(numbers.size());
  // Adding 0 makes -0 the same value as 0.
  numbers.for_each([&](double x) {
    if (!std::isnan(x)) keys.push_back(key_of(x + 0.0));
  });
  sort_keys(keys);
  std::vector<double> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) values[i] = value_of(keys[i]);
  return values;
}

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return kNothing;
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const double share = at - static_cast<double>(below);
  const double low = sorted[below];
  const double high = sorted[std::min(below + 1, sorted.size() - 1)];
  return share == 0 || low == high ? low : low * (1 - share) + high * share;
}

void describe_numbers(const std::vector<double>& sorted, ColumnProfile& profile) {
  for (const double q : kProfileQuantiles) profile.quantiles.push_back(quantile(sorted, q));
  profile.min = profile.max = profile.mean = profile.std = kNothing;
  if (sorted.empty()) return;
  profile.min = sorted.front();
  profile.max = sorted.back();
  profile.distinct_count = 1;
  // Summed as shares of a power of two near the largest value, which is exact and cannot overflow.
  const double largest = std::max(std::fabs(profile.min), std::fabs(profile.max));
  const double unit = largest > 0 ? std::ldexp(1.0, std::ilogb(largest)) : 1.0;
  const auto count = static_cast<double>(sorted.size());
  double sum = 0;
  for (const double x : sorted) sum += x / unit;
  const double mean = sum / count;
  double squares = 0;
  for (const double x : sorted) squares += (x / unit - mean) * (x / unit - mean);
  for (size_t i = 1; i < sorted.size(); ++i) {
    profile.distinct_count += sorted[i - 1] != sorted[i];
  }
  profile.mean = mean * unit;
  profile.std = std::sqrt(squares / count) * unit;
}

// `counts[k]` rows of `levels[k]`.
void rank_levels(const std::vector<std::string>& levels, const std::vector<int64_t>& counts,
                 int top, ColumnProfile& profile) {
  std::vector<size_t> order;
  for (size_t k = 0; k < levels.size(); ++k) {
    if (counts[k] > 0) order.push_back(k);
  }
  profile.distinct_count = static_cast<int64_t>(order.size());
  const size_t shown = std::min(order.size(), static_cast<size_t>(std::max(top, 0)));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](size_t a, size_t b) {
                      return counts[a] != counts[b] ? counts[a] > counts[b] : levels[a] < levels[b];
                    });
  for (size_t i = 0; i < shown; ++i) {
    profile.top_levels.emplace_back(levels[order[i]], counts[order[i]]);
  }
}

}  // namespace

std::string datetime_text(double seconds) {
  constexpr double kFirst = -62135596800;  // 0001-01-01
  constexpr double kEnd = 253402300800;    // 10000-01-01
  const double rounded = std::round(seconds);
  if (!(rounded >= kFirst && rounded < kEnd)) return "-";
  const auto moment = std::chrono::seconds(static_cast<int64_t>(rounded));
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date{std::chrono::sys_days(day)};
  const auto rest = (moment - day).count();
  std::string text =
      fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  if (rest == 0) return text;
  return text + fmt::format(" {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
}

ColumnProfile profile_column(const Column& column, int top) {
  ColumnProfile profile;
  profile.name = column.name;
  profile.type = column.type;
  profile.row_count = column.row_count();
  profile.missing_count = column.missing_count;
  profile.all_integers = column.all_integers;
  profile.min = profile.max = profile.mean = profile.std = kNothing;
  if (column.is_numbers()) describe_numbers(sorted_values(column.numbers), profile);
  if (column.type == ColumnType::kNumeric || column.type == ColumnType::kDatetime) return profile;
  std::vector<int64_t> counts(column.levels.size(), 0);
  for (const int32_t code : column.codes) {
    if (code >= kFirstLevelCode) ++counts[static_cast<size_t>(code - kFirstLevelCode)];
  }
  if (column.type == ColumnType::kBoolean) {
    column.numbers.for_each([&](double x) {
      if (!std::isnan(x) && column.levels.size() == 2) ++counts[x != 0 ? 1 : 0];
    });
  }
  rank_levels(column.levels, counts, top, profile);
  return profile;
}

Result<TableProfile> profile_table(const Table& table, Executor& executor, int top) {
  TableProfile profile;
  profile.source = table.source();
  profile.content_hash = table.content_hash();
  profile.row_count = table.row_count();
  profile.columns.resize(table.columns().size());
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(table.column_count(), [&](int64_t c, int) {
    const auto at = static_cast<size_t>(c);
    profile.columns[at] = profile_column(table.columns()[at], top);
  }));
  return profile;
}

}  // namespace assay::datasets
