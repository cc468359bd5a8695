#include "automl/preprocess/dense_encoder.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "automl/preprocess/cycle.h"
#include "datasets/table.h"

namespace assay::automl {
namespace {

using datasets::FeatureColumn;
using kernels::FeatureKind;

constexpr int64_t kEncodedRows = 256;
// Scaled values are held within this, whatever a later table has.
constexpr double kMostScaled = 1e4;
constexpr double kMostDouble = std::numeric_limits<double>::max();
constexpr int32_t kMaxWidth = kMaxOneHotLevels + 2;
constexpr int32_t kCircleColumns = 2;
// Calendars need no shorter ones.
constexpr double kLeastPeriod = 1e-3;

// The `count`-th least of many numbers, of which only the least are kept.
class LeastNumbers {
 public:
  explicit LeastNumbers(size_t count) : count_(count) {}
  void add(double x) {
    if (full_ && x >= bound_) return;
    kept_.push_back(x);
    if (kept_.size() == 2 * count_) cut();
  }
  // At least `count` were added.
  double greatest() {
    cut();
    return bound_;
  }

 private:
  void cut() {
    const auto nth = kept_.begin() + static_cast<ptrdiff_t>(count_) - 1;
    std::nth_element(kept_.begin(), nth, kept_.end());
    bound_ = *nth;
    kept_.resize(count_);
    full_ = true;
  }

  size_t count_;
  std::vector<double> kept_;
  bool full_ = false;
  double bound_ = 0;
};

// The clip: one range beyond the order statistics at 0.1 % and 99.9 %, or the extremes where these
// coincide. `count` of the numbers are not missing, one at least.
void choose_clip(datasets::NumberView numbers, size_t count, DenseFeature& rule) {
  const auto last = static_cast<double>(count - 1);
  LeastNumbers least(static_cast<size_t>(std::floor(0.001 * last)) + 1);
  LeastNumbers most(count - static_cast<size_t>(std::ceil(0.999 * last)));  // of their negatives
  double lowest = kMostDouble;
  double highest = -kMostDouble;
  numbers.for_each([&](double number) {
    if (std::isnan(number)) return;
    const double x = std::clamp(number, -kMostDouble, kMostDouble);
    least.add(x);
    most.add(-x);
    lowest = std::min(lowest, x);
    highest = std::max(highest, x);
  });
  double low = least.greatest();
  double high = -most.greatest();
  if (low == high) {
    low = lowest;
    high = highest;
  }
  rule.low = std::clamp(low - (high - low), -kMostDouble, kMostDouble);
  rule.high = std::clamp(high + (high - low), -kMostDouble, kMostDouble);
}

// Mean and standard deviation of clipped values, in units of the greatest magnitude, so that
// nothing overflows.
void choose_scale(datasets::NumberView numbers, DenseFeature& rule) {
  const auto each_clipped = [&](auto&& body) {
    numbers.for_each([&](double x) {
      if (!std::isnan(x)) body(std::clamp(x, rule.low, rule.high));
    });
  };
  double most = 0;
  double count = 0;
  each_clipped([&](double x) {
    most = std::max(most, std::abs(x));
    ++count;
  });
  if (most == 0) return;
  double sum = 0;
  each_clipped([&](double x) { sum += x / most; });
  const double mean = sum / count;
  double squares = 0;
  each_clipped([&](double x) {
    const double d = x / most - mean;
    squares += d * d;
  });
  const double deviation = std::sqrt(squares / count) * most;
  rule.mean = mean * most;
  // A deviation of rounding errors is none.
  if (deviation > 1e-12 * most && std::isfinite(1 / deviation)) rule.scale = 1 / deviation;
}

DenseFeature numeric_rule(const FeatureColumn& column, double period) {
  DenseFeature rule;
  rule.period = period;
  size_t count = 0;
  column.numbers.for_each([&](double x) { count += std::isnan(x) ? 0 : 1; });
  // Neither numbers nor gaps: a place that is filled elsewhere.
  if (count == 0) {
    rule.period = 0;
    return rule;
  }
  if (count < column.numbers.size()) {
    rule.missing_column = 1;
    rule.width = 2;
  }
  if (period > 0) rule.width += kCircleColumns;
  choose_clip(column.numbers, count, rule);
  choose_scale(column.numbers, rule);
  return rule;
}

DenseFeature categorical_rule(const FeatureColumn& column, int32_t cap) {
  DenseFeature rule;
  rule.kind = FeatureKind::kCategorical;
  const int32_t code_count = std::max(column.code_count, datasets::kFirstLevelCode);
  std::vector<int64_t> counts(static_cast<size_t>(code_count));
  for (const int32_t code : column.codes) ++counts[static_cast<size_t>(code)];
  std::vector<int32_t> levels;
  for (int32_t code = datasets::kFirstLevelCode; code < code_count; ++code) {
    if (counts[static_cast<size_t>(code)] > 0) levels.push_back(code);
  }
  std::stable_sort(levels.begin(), levels.end(), [&](int32_t a, int32_t b) {
    return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
  });
  const bool others = levels.size() > static_cast<size_t>(cap);
  if (others) levels.resize(static_cast<size_t>(cap));
  std::sort(levels.begin(), levels.end());
  const auto own = static_cast<int32_t>(levels.size());
  rule.level_columns.assign(static_cast<size_t>(code_count), others ? own : -1);
  for (int32_t i = 0; i < own; ++i) {
    rule.level_columns[static_cast<size_t>(levels[static_cast<size_t>(i)])] = i;
  }
  rule.width = own + (others ? 1 : 0);
  rule.level_columns[datasets::kMissingCode] = -1;
  if (counts[datasets::kMissingCode] > 0) {
    rule.missing_column = rule.width++;
    rule.level_columns[datasets::kMissingCode] = rule.missing_column;
  }
  rule.width = std::max(rule.width, 1);
  return rule;
}

// Levels that each categorical feature may have columns for.
int32_t level_cap(std::span<const FeatureColumn> columns) {
  int64_t categorical = 0;
  for (const FeatureColumn& column : columns) {
    if (column.kind == FeatureKind::kCategorical) ++categorical;
  }
  if (categorical == 0) return kMaxOneHotLevels;
  const int64_t numeric = static_cast<int64_t>(columns.size()) - categorical;
  const int64_t share = (kMaxDenseColumns - 2 * numeric) / categorical - 2;
  return static_cast<int32_t>(std::clamp<int64_t>(share, 1, kMaxOneHotLevels));
}

// One feature's columns of rows [begin, end), kEncodedRows at most; `out` is that feature's first
// column of row 0.
void encode_rows(const FeatureColumn& column, const DenseFeature& rule, ChunkRange rows, float* out,
                 int64_t stride) {
  std::array<double, kEncodedRows> numbers;
  if (rule.kind == FeatureKind::kNumeric) {
    column.numbers.read(static_cast<size_t>(rows.begin),
                        {numbers.data(), static_cast<size_t>(rows.end - rows.begin)});
  }
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    float* cell = out + row * stride;
    if (rule.kind == FeatureKind::kCategorical) {
      const auto code = static_cast<size_t>(column.codes[static_cast<size_t>(row)]);
      const int32_t at = rule.level_columns[code < rule.level_columns.size()
                                                ? code
                                                : static_cast<size_t>(datasets::kUnseenCode)];
      if (at >= 0) cell[at] = 1;
      continue;
    }
    const double x = numbers[static_cast<size_t>(row - rows.begin)];
    if (std::isnan(x)) {
      if (rule.missing_column >= 0) cell[rule.missing_column] = 1;
      continue;
    }
    const double scaled = (std::clamp(x, rule.low, rule.high) - rule.mean) * rule.scale;
    cell[0] = static_cast<float>(std::clamp(scaled, -kMostScaled, kMostScaled));
    if (rule.period > 0) {
      const CirclePoint point = on_circle(x, rule.period);
      cell[rule.width - 2] = static_cast<float>(point.sine);
      cell[rule.width - 1] = static_cast<float>(point.cosine);
    }
  }
}

Status check_rule(const DenseFeature& rule, size_t index) {
  const bool numbers = std::isfinite(rule.low) && std::isfinite(rule.high) &&
                       rule.low <= rule.high && std::isfinite(rule.mean) &&
                       std::isfinite(rule.scale) && rule.scale > 0;
  const bool numeric = rule.kind == FeatureKind::kNumeric;
  const bool circle = rule.period != 0;
  const int32_t beside = circle ? kCircleColumns : 0;
  const int32_t most = numeric ? 2 + beside : kMaxWidth;
  bool sound = numbers && rule.width > beside && rule.width <= most && rule.missing_column >= -1 &&
               rule.missing_column < rule.width - beside &&
               (!circle || (numeric && std::isfinite(rule.period) && rule.period >= kLeastPeriod));
  if (rule.kind == FeatureKind::kCategorical) {
    sound = sound && rule.level_columns.size() >= static_cast<size_t>(datasets::kFirstLevelCode);
  }
  for (const int32_t column : rule.level_columns) {
    sound = sound && column >= -1 && column < rule.width;
  }
  if (sound) return {};
  return fail(StatusCode::kData, "dense rule of feature {} is not sound", index);
}

}  // namespace

DenseEncoder::DenseEncoder(std::vector<DenseFeature> rules) : rules_(std::move(rules)) {
  for (size_t i = 0; i < rules_.size(); ++i) {
    features_.insert(features_.end(), static_cast<size_t>(rules_[i].width),
                     static_cast<int32_t>(i));
  }
}

Result<DenseEncoder> DenseEncoder::fit(std::span<const FeatureColumn> columns,
                                       std::span<const double> periods,
                                       const kernels::ComputeContext& context) {
  if (!periods.empty() && periods.size() != columns.size()) {
    return fail(StatusCode::kInvalidArgument, "{} periods for {} columns", periods.size(),
                columns.size());
  }
  std::vector<DenseFeature> rules(columns.size());
  const int32_t cap = level_cap(columns);
  std::atomic<bool> stopped{false};
  ASSAY_RETURN_IF_ERROR(
      context.executor->parallel_for(static_cast<int64_t>(columns.size()), [&](int64_t chunk, int) {
        if (context.stop != nullptr && context.stop->requested()) stopped = true;
        if (stopped) return;
        const auto i = static_cast<size_t>(chunk);
        const double period = periods.empty() ? 0 : periods[i];
        rules[i] = columns[i].kind == FeatureKind::kNumeric ? numeric_rule(columns[i], period)
                                                            : categorical_rule(columns[i], cap);
      }));
  if (stopped) return fail(StatusCode::kCancelled, "stopped while scaling features");
  return from_rules(std::move(rules));
}

Result<DenseEncoder> DenseEncoder::from_rules(std::vector<DenseFeature> rules) {
  for (size_t i = 0; i < rules.size(); ++i) ASSAY_RETURN_IF_ERROR(check_rule(rules[i], i));
  return DenseEncoder(std::move(rules));
}

Result<std::vector<float>> DenseEncoder::encode(std::span<const FeatureColumn> columns,
                                                const kernels::ComputeContext& context) const {
  if (columns.size() != rules_.size()) {
    return fail(StatusCode::kInvalidArgument, "{} feature columns (must be {})", columns.size(),
                rules_.size());
  }
  const int64_t rows = columns.empty() ? 0 : columns[0].row_count();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].kind != rules_[i].kind || columns[i].row_count() != rows) {
      return fail(StatusCode::kInvalidArgument, "feature column {} is of another kind or length",
                  i);
    }
  }
  const int64_t stride = column_count();
  std::vector<float> values(static_cast<size_t>(rows * stride), 0.0f);
  std::atomic<bool> stopped{false};
  ASSAY_RETURN_IF_ERROR(
      context.executor->parallel_for(chunk_count_of(rows, kEncodedRows), [&](int64_t chunk, int) {
        if (context.stop != nullptr && context.stop->requested()) stopped = true;
        if (stopped) return;
        int64_t first = 0;
        for (size_t i = 0; i < columns.size(); ++i) {
          encode_rows(columns[i], rules_[i], chunk_range(rows, kEncodedRows, chunk),
                      values.data() + first, stride);
          first += rules_[i].width;
        }
      }));
  if (stopped) return fail(StatusCode::kCancelled, "stopped while encoding features");
  return values;
}

void DenseEncoder::save(ModelWriter& writer) const {
  std::vector<double> numbers, periods;
  std::vector<int32_t> shapes, level_columns;
  std::vector<int64_t> ends;
  bool circles = false;
  for (const DenseFeature& rule : rules_) {
    periods.push_back(rule.period);
    circles |= rule.period > 0;
    numbers.insert(numbers.end(), {rule.low, rule.high, rule.mean, rule.scale});
    shapes.insert(shapes.end(), {static_cast<int32_t>(rule.kind), rule.width, rule.missing_column});
    level_columns.insert(level_columns.end(), rule.level_columns.begin(), rule.level_columns.end());
    ends.push_back(static_cast<int64_t>(level_columns.size()));
  }
  const auto count = static_cast<int64_t>(rules_.size());
  writer.put_tensor("numbers", std::span<const double>(numbers), {count, 4});
  writer.put_tensor("shapes", std::span<const int32_t>(shapes), {count, 3});
  writer.put_tensor("level_columns", std::span<const int32_t>(level_columns));
  writer.put_tensor("level_ends", std::span<const int64_t>(ends));
  if (circles) writer.put_tensor("periods", std::span<const double>(periods));
}

Result<DenseEncoder> DenseEncoder::load(const ModelReader& reader) {
  ASSAY_ASSIGN_OR_RETURN(const auto ends, reader.tensor<int64_t>("level_ends"));
  const auto count = static_cast<int64_t>(ends.size());
  ASSAY_ASSIGN_OR_RETURN(const auto numbers, reader.tensor<double>("numbers", 4 * count));
  ASSAY_ASSIGN_OR_RETURN(const auto shapes, reader.tensor<int32_t>("shapes", 3 * count));
  ASSAY_ASSIGN_OR_RETURN(const auto level_columns, reader.tensor<int32_t>("level_columns"));
  std::vector<double> periods(ends.size(), 0.0);
  if (reader.has("periods")) {
    ASSAY_ASSIGN_OR_RETURN(periods, reader.tensor<double>("periods", count));
  }
  std::vector<DenseFeature> rules(ends.size());
  int64_t begin = 0;
  for (size_t i = 0; i < rules.size(); ++i) {
    if (ends[i] < begin || ends[i] > static_cast<int64_t>(level_columns.size()) ||
        shapes[3 * i] < 0 || shapes[3 * i] > 1) {
      return reader.damaged("dense rules do not fit together");
    }
    rules[i].kind = static_cast<FeatureKind>(shapes[3 * i]);
    rules[i].width = shapes[3 * i + 1];
    rules[i].missing_column = shapes[3 * i + 2];
    rules[i].period = periods[i];
    rules[i].low = numbers[4 * i];
    rules[i].high = numbers[4 * i + 1];
    rules[i].mean = numbers[4 * i + 2];
    rules[i].scale = numbers[4 * i + 3];
    rules[i].level_columns.assign(level_columns.begin() + begin, level_columns.begin() + ends[i]);
    begin = ends[i];
  }
  auto encoder = from_rules(std::move(rules));
  if (!encoder) return reader.damaged(encoder.error().message);
  return encoder;
}

}  // namespace assay::automl
