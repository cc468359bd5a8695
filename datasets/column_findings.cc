#include "datasets/column_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "datasets/column_types.h"
#include "datasets/correlation.h"
#include "kernels/base/names.h"

namespace assay::datasets {
namespace {

constexpr uint64_t kMissingBits = 0x7ff8000000000000ULL;

uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

// Equal numbers have equal bits: one zero, one missing value.
uint64_t bits_of(double x) {
  if (std::isnan(x)) return kMissingBits;
  if (x == 0) return 0;
  uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

// Codes in the order of their first rows, so that columns of other levels can be compared.
class FirstSeen {
 public:
  explicit FirstSeen(const Column& column)
      : numbers_(column.levels.size() + static_cast<size_t>(kFirstLevelCode), -1) {}
  uint64_t number(int32_t code) {
    if (code == kMissingCode) return kMissingBits;
    int64_t& number = numbers_[static_cast<size_t>(code)];
    if (number < 0) number = next_++;
    return static_cast<uint64_t>(number);
  }

 private:
  std::vector<int64_t> numbers_;
  int64_t next_ = 0;
};

uint64_t hash_of(const Column& column) {
  uint64_t hash = column.is_numbers() ? 1 : 2;
  if (column.is_numbers()) {
    column.numbers.for_each([&](double x) { hash = mixed(hash, bits_of(x)); });
    return hash;
  }
  if (column.type == ColumnType::kText) {
    for (const int32_t code : column.codes) hash = mixed(hash, static_cast<uint64_t>(code));
    return hash;
  }
  FirstSeen seen(column);
  for (const int32_t code : column.codes) hash = mixed(hash, seen.number(code));
  return hash;
}

bool same_numbers(NumberView a, NumberView b) {
  if (a.size() != b.size()) return false;
  std::vector<double> other;
  for (size_t row = 0; row < a.size(); row += other.size()) {
    other.resize(std::min(NumberView::kBlock, a.size() - row));
    b.read(row, other);
    bool same = true;
    a.for_blocks(row, row + other.size(), [&](std::span<const double> block) {
      same = std::equal(block.begin(), block.end(), other.begin(),
                        [](double x, double y) { return bits_of(x) == bits_of(y); });
    });
    if (!same) return false;
  }
  return true;
}

bool same_rows(const Column& a, const Column& b) {
  if (a.is_numbers() != b.is_numbers()) return false;
  if (a.is_numbers()) return same_numbers(a.numbers, b.numbers);
  if (a.type == ColumnType::kText || b.type == ColumnType::kText) {
    return a.type == b.type && a.levels == b.levels && a.codes == b.codes;
  }
  FirstSeen of_a(a);
  FirstSeen of_b(b);
  for (size_t row = 0; row < a.codes.size(); ++row) {
    if (of_a.number(a.codes[row]) != of_b.number(b.codes[row])) return false;
  }
  return true;
}

// Rows that answers are looked for in.
constexpr size_t kMostRows = 20000;
constexpr size_t kMostCells = 2'000'000;
constexpr size_t kLeastRows = 500;
constexpr size_t kGroupRows = 10;
constexpr double kLeastErrors = 20;
constexpr double kErrorsLeft = 0.01;
constexpr double kVarianceTold = 0.999;

// Places in the target's lists, evenly spread.
std::vector<size_t> spread_places(size_t count, size_t columns) {
  const size_t most = std::clamp(kMostCells / std::max<size_t>(columns, 1), kLeastRows, kMostRows);
  std::vector<size_t> places;
  const size_t taken = std::min(count, most);
  for (size_t i = 0; i < taken; ++i) places.push_back(i * count / taken);
  return places;
}

// Groups of places whose rows look alike in a column: of one level, or about kGroupRows rows in the
// order of their numbers, equal numbers never apart; missing values are a group.
std::vector<std::vector<size_t>> groups_of(const Column& column, const Target& target,
                                           std::span<const size_t> places) {
  struct Cell {
    double key;
    size_t place;
  };
  std::vector<Cell> cells;
  std::vector<std::vector<size_t>> groups(1);
  for (const size_t place : places) {
    const uint32_t row = target.rows[place];
    const double key = column.is_numbers() ? column.numbers[row] : column.codes[row];
    if (std::isnan(key)) {
      groups[0].push_back(place);
    } else {
      cells.push_back({key, place});
    }
  }
  std::sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) {
    return a.key != b.key ? a.key < b.key : a.place < b.place;
  });
  const size_t least = column.is_numbers() ? kGroupRows : 1;
  for (size_t i = 0; i < cells.size(); ++i) {
    const bool same = i > 0 && cells[i].key == cells[i - 1].key;
    if (!same && (i == 0 || groups.back().size() >= least)) groups.emplace_back();
    groups.back().push_back(cells[i].place);
  }
  return groups;
}

// Rows that naming each group's most frequent class gets right; a group of one row teaches nothing.
double right_rows(const std::vector<std::vector<size_t>>& groups, const Target& target) {
  double right = 0;
  std::unordered_map<int32_t, int64_t> counts;
  for (const std::vector<size_t>& group : groups) {
    if (group.size() < 2) continue;
    counts.clear();
    int64_t most = 0;
    for (const size_t place : group) most = std::max(most, ++counts[target.codes[place]]);
    right += static_cast<double>(most);
  }
  return right;
}

double mean_of(std::span<const size_t> places, const Target& target, double unit) {
  double sum = 0;
  for (const size_t place : places) sum += target.values[place] / unit;
  return places.empty() ? 0 : sum / static_cast<double>(places.size());
}

double squares_of(std::span<const size_t> places, const Target& target, double unit, double mean) {
  double sum = 0;
  for (const size_t place : places) {
    const double d = target.values[place] / unit - mean;
    sum += d * d;
  }
  return sum;
}

// What is known of the target alone.
struct Known {
  double unit = 1;     // regression: the greatest magnitude
  double mean = 0;     // in units
  double squares = 0;  // about the mean
  double right = 0;    // classification: rows of the most frequent class
};

Known known_of(const Target& target, const std::vector<size_t>& places) {
  Known known;
  if (target.classifies()) {
    std::vector<int64_t> counts(target.labels.size(), 0);
    for (const size_t place : places) ++counts[static_cast<size_t>(target.codes[place])];
    known.right = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
    return known;
  }
  double most = 0;
  for (const size_t place : places) most = std::max(most, std::abs(target.values[place]));
  if (most > 0) known.unit = most;
  known.mean = mean_of(places, target, known.unit);
  known.squares = squares_of(places, target, known.unit, known.mean);
  return known;
}

// The ranks of numbers, equal ones in the middle of theirs.
std::vector<double> ranks_of(std::span<const double> numbers) {
  std::vector<size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return numbers[a] < numbers[b]; });
  std::vector<double> ranks(numbers.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && numbers[order[end]] == numbers[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end - 1) / 2;
  }
  return ranks;
}

// Whether more than half of the numbers are equal: ranks of such columns agree whatever the others
// are.
bool mostly_one(std::span<const double> numbers) {
  std::vector<double> sorted(numbers.begin(), numbers.end());
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  const auto equal = std::count(sorted.begin(), sorted.end(), *middle);
  return 2 * static_cast<size_t>(equal) > sorted.size();
}

// Of a column's numbers: the share of the target's variance that a straight line through them
// tells, or a line through their ranks of the variance of the target's ranks. So a copy of the
// target, stretched in any way that keeps its order, is told by few rows and with the longest
// tails. Missing ones tell nothing.
struct Told {
  double share = 0;
  bool of_ranks = false;
};

Told told_by_a_line(const Column& column, const Target& target, std::span<const size_t> places,
                    double unit) {
  std::vector<double> numbers, values;
  double greatest = 0;
  for (const size_t place : places) {
    const double number = column.numbers[target.rows[place]];
    if (!std::isfinite(number)) continue;
    greatest = std::max(greatest, std::abs(number));
    numbers.push_back(number);
    values.push_back(target.values[place] / unit);
  }
  if (static_cast<double>(numbers.size()) < kLeastErrors || !(greatest > 0)) return {};
  for (double& number : numbers) number /= greatest;
  const double line = correlation(numbers, values);
  const double straight = line * line;
  double ordered = 0;
  if (straight < kVarianceTold && !mostly_one(numbers) && !mostly_one(values)) {
    const double ranks = correlation(ranks_of(numbers), ranks_of(values));
    ordered = ranks * ranks;
  }
  const double present = static_cast<double>(numbers.size()) / static_cast<double>(places.size());
  return {std::max(straight, ordered) * present, ordered > straight};
}

// Whether the column answers; fills the shares.
bool answers(const Column& column, const Target& target, const std::vector<size_t>& places,
             const Known& known, AnsweringColumn& answer) {
  const auto groups = groups_of(column, target, places);
  const auto count = static_cast<double>(places.size());
  if (target.classifies()) {
    const double right = right_rows(groups, target);
    answer.share = right / count;
    answer.without = known.right / count;
    const double errors = count - known.right;
    return errors >= kLeastErrors && count - right <= kErrorsLeft * errors;
  }
  double left = 0;
  for (const std::vector<size_t>& group : groups) {
    const bool alone = group.size() < 2;
    const double mean = alone ? known.mean : mean_of(group, target, known.unit);
    left += squares_of(group, target, known.unit, mean);
  }
  if (!(known.squares > 0) || count < kLeastErrors) return false;
  answer.share = 1 - left / known.squares;
  if (column.is_numbers()) {
    const Told told = told_by_a_line(column, target, places, known.unit);
    answer.of_ranks = told.share > answer.share && told.of_ranks;
    answer.share = std::max(answer.share, told.share);
  }
  return answer.share >= kVarianceTold;
}

// Calls body(i) for each of `count` columns.
Status for_columns(size_t count, Executor& executor, const StopToken* stop,
                   FunctionRef<void(size_t)> body) {
  std::atomic<bool> stopped{false};
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(static_cast<int64_t>(count), [&](int64_t i, int) {
    if (stop != nullptr && stop->requested()) stopped = true;
    if (!stopped) body(static_cast<size_t>(i));
  }));
  if (stopped) return fail(StatusCode::kCancelled, "stopped while looking at columns");
  return {};
}

}  // namespace

bool is_constant(const Column& column) {
  if (column.missing_count > 0) return false;
  const auto alike = [](const auto& values) {
    return std::all_of(values.begin(), values.end(),
                       [&](const auto& value) { return value == values[0]; });
  };
  return column.is_numbers() ? alike(column.numbers) : alike(column.codes);
}

Result<std::vector<int64_t>> find_duplicates(const Table& table, std::span<const size_t> among,
                                             Executor& executor, const StopToken* stop) {
  std::vector<uint64_t> hashes(among.size());
  ASSAY_RETURN_IF_ERROR(for_columns(among.size(), executor, stop, [&](size_t i) {
    hashes[i] = hash_of(table.columns()[among[i]]);
  }));
  std::vector<int64_t> first(among.size(), -1);
  std::unordered_map<uint64_t, std::vector<size_t>> seen;
  for (size_t i = 0; i < among.size(); ++i) {
    std::vector<size_t>& alike = seen[hashes[i]];
    for (const size_t other : alike) {
      if (!same_rows(table.columns()[among[other]], table.columns()[among[i]])) continue;
      first[i] = static_cast<int64_t>(among[other]);
      break;
    }
    if (first[i] < 0) alike.push_back(i);
  }
  return first;
}

bool numbers_rows(const Column& column) {
  constexpr size_t kLeast = 50;
  const size_t rows = column.numbers.size();
  if (column.type != ColumnType::kNumeric || !column.all_integers || column.missing_count > 0 ||
      rows < kLeast) {
    return false;
  }
  double low = column.numbers[0];
  double high = low;
  column.numbers.for_each([&](double number) {
    low = std::min(low, number);
    high = std::max(high, number);
  });
  const double range = high - low + 1;
  if (!(range <= 2 * static_cast<double>(rows))) return false;
  std::vector<bool> met(static_cast<size_t>(range), false);
  for (const double number : column.numbers) {
    const auto at = static_cast<size_t>(number - low);
    if (met[at]) return false;
    met[at] = true;
  }
  return true;
}

namespace {

// 20240131, as days are written in one number.
bool reads_as_day(double number) {
  const auto whole = static_cast<int64_t>(number);
  const int64_t year = whole / 10000;
  const int64_t month = whole / 100 % 100;
  const int64_t day = whole % 100;
  return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

}  // namespace

bool differs_by_row(const Column& column) {
  constexpr size_t kLeast = 100;
  if (column.type != ColumnType::kNumeric || !column.all_integers || column.missing_count > 0 ||
      column.numbers.size() < kLeast) {
    return false;
  }
  if (std::all_of(column.numbers.begin(), column.numbers.end(), reads_as_day)) return false;
  std::vector<double> sorted = column.numbers.view().to_vector();
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

bool is_id_name(std::string_view name) {
  constexpr std::array<std::string_view, 15> kWhole = {
      "index",     "idx",      "row", "rows", "rownum",     "rowno",  "row number", "row_number",
      "rownumber", "rownames", "no",  "nr",   "unnamed: 0", "number", "#"};
  const std::string lower = lower_case(trimmed(name));
  if (lower.empty() || std::find(kWhole.begin(), kWhole.end(), lower) != kWhole.end()) return true;
  return ends_in_id(name);
}

bool ends_in_id(std::string_view name) {
  const std::string_view own = trimmed(name);
  const std::string lower = lower_case(own);
  if (lower == "id" || lower == "ids" || lower == "rowid") return true;
  if (lower.size() < 3 || lower.substr(lower.size() - 2) != "id") return false;
  // "customer_id" and "customerId", not "paid" or "PAID".
  const char before = own[own.size() - 3];
  const bool small = before >= 'a' && before <= 'z';
  const bool letter = small || (before >= 'A' && before <= 'Z');
  return !letter || (small && own[own.size() - 2] == 'I');
}

Result<std::vector<AnsweringColumn>> find_answers(const Table& table, const Target& target,
                                                  std::span<const size_t> among, Executor& executor,
                                                  const StopToken* stop) {
  const std::vector<size_t> places = spread_places(target.rows.size(), among.size());
  if (places.empty()) return std::vector<AnsweringColumn>();
  const Known known = known_of(target, places);
  std::vector<AnsweringColumn> looked(among.size());
  std::vector<uint8_t> found(among.size(), 0);
  ASSAY_RETURN_IF_ERROR(for_columns(among.size(), executor, stop, [&](size_t i) {
    const Column& column = table.columns()[among[i]];
    looked[i].column = among[i];
    if (column.type == ColumnType::kText || column.missing_count == column.row_count()) return;
    found[i] = answers(column, target, places, known, looked[i]) ? 1 : 0;
  }));
  std::vector<AnsweringColumn> result;
  for (size_t i = 0; i < looked.size(); ++i) {
    if (found[i] != 0) result.push_back(looked[i]);
  }
  return result;
}

std::string answer_text(const Table& table, const Target& target, const AnsweringColumn& answer) {
  const std::string name = shortened(table.columns()[answer.column].name);
  const std::string share = target.classifies()
                                ? fmt::format("{:.4g} % of the rows right, {:.4g} % without it",
                                              100 * answer.share, 100 * answer.without)
                                : fmt::format("{:.6g} % of the variance{}", 100 * answer.share,
                                              answer.of_ranks ? " of its ranks" : "");
  return fmt::format(
      "column '{}' alone tells the target ({}): does it hold what is to be predicted?", name,
      share);
}

}  // namespace assay::datasets
