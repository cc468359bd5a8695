#include "automl/preprocess/combination.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "automl/preprocess/column_transform.h"
#include "datasets/table.h"

namespace assay::automl {
namespace {

using datasets::FeatureColumn;
using kernels::FeatureKind;

constexpr int64_t kCombinedRows = 65536;
constexpr int64_t kFormat = 1;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double finite_or_none(double value) { return std::isfinite(value) ? value : kNone; }

struct WantedKinds {
  FeatureKind left;
  FeatureKind right;
};

WantedKinds wanted_kinds(CombinationKind kind) {
  const FeatureKind category = FeatureKind::kCategorical;
  const FeatureKind number = FeatureKind::kNumeric;
  if (is_cross(kind)) return {category, category};
  return {number, is_pair(kind) ? number : category};
}

// Pairs that occur, as numbers, ascending.
std::vector<int64_t> occurring_pairs(const FeatureColumn& left, const FeatureColumn& right) {
  const int64_t width = right.code_count;
  std::vector<uint8_t> seen(static_cast<size_t>(left.code_count * width), 0);
  for (size_t row = 0; row < left.codes.size(); ++row) {
    seen[static_cast<size_t>(left.codes[row] * width + right.codes[row])] = 1;
  }
  std::vector<int64_t> pairs;
  for (size_t pair = 0; pair < seen.size(); ++pair) {
    if (seen[pair] != 0) pairs.push_back(static_cast<int64_t>(pair));
  }
  return pairs;
}

// Means of the numbers of each level, or their deviations. Sums run in row order.
std::vector<double> numbers_of_levels(const FeatureColumn& numbers, const FeatureColumn& levels,
                                      bool spread) {
  const auto count = static_cast<size_t>(levels.code_count);
  std::vector<double> sums(count, 0.0);
  std::vector<double> rows(count, 0.0);
  size_t row = 0;
  numbers.numbers.for_each([&](double x) {
    const auto code = static_cast<size_t>(levels.codes[row++]);
    if (std::isnan(x)) return;
    sums[code] += x;
    rows[code] += 1;
  });
  std::vector<double> means(count, kNone);
  for (size_t code = datasets::kFirstLevelCode; code < count; ++code) {
    if (rows[code] >= kLeastGroupRows) means[code] = finite_or_none(sums[code] / rows[code]);
  }
  if (!spread) return means;
  std::fill(sums.begin(), sums.end(), 0.0);
  row = 0;
  numbers.numbers.for_each([&](double x) {
    const auto code = static_cast<size_t>(levels.codes[row++]);
    const double distance = x - means[code];
    if (!std::isnan(distance)) sums[code] += distance * distance;
  });
  std::vector<double> spreads(count, kNone);
  for (size_t code = datasets::kFirstLevelCode; code < count; ++code) {
    if (rows[code] < kLeastGroupRows) continue;
    spreads[code] = finite_or_none(std::sqrt(sums[code] / rows[code]));
  }
  return spreads;
}

}  // namespace

Result<std::shared_ptr<const Combination>> Combination::fit(const CombinationSpec& spec,
                                                            const FeatureColumn& left,
                                                            const FeatureColumn& right) {
  const WantedKinds wanted = wanted_kinds(spec.kind);
  if (left.kind != wanted.left || right.kind != wanted.right ||
      left.row_count() != right.row_count()) {
    return fail(StatusCode::kInvalidArgument, "columns of other kinds or lengths are combined");
  }
  std::shared_ptr<Combination> made(new Combination());
  made->spec_ = spec;
  if (is_cross(spec.kind)) {
    made->left_codes_ = left.code_count;
    made->right_codes_ = right.code_count;
    const int64_t all = int64_t{left.code_count} * right.code_count;
    if (all <= kMostCrossPairs) made->pairs_ = occurring_pairs(left, right);
    if (all > kMostCrossPairs || static_cast<int64_t>(made->pairs_.size()) > kMostCrossLevels) {
      return fail(StatusCode::kInvalidArgument, "{} pairs of levels (must be {} at most)", all,
                  kMostCrossPairs);
    }
    made->index_pairs();
  } else if (is_group_statistic(spec.kind)) {
    made->level_numbers_ = numbers_of_levels(left, right, spec.kind == CombinationKind::kSpread);
  }
  return std::shared_ptr<const Combination>(std::move(made));
}

void Combination::index_pairs() {
  const int64_t width = right_codes_;
  pair_codes_.assign(static_cast<size_t>(left_codes_ * width), datasets::kUnseenCode);
  for (size_t i = 0; i < pairs_.size(); ++i) {
    pair_codes_[static_cast<size_t>(pairs_[i])] =
        static_cast<int32_t>(i) + datasets::kFirstLevelCode;
  }
  pair_codes_[static_cast<size_t>(datasets::kMissingCode * width + datasets::kMissingCode)] =
      datasets::kMissingCode;
}

int32_t Combination::code_count() const {
  if (!is_cross(spec_.kind)) return 0;
  return static_cast<int32_t>(pairs_.size()) + datasets::kFirstLevelCode;
}

std::string Combination::name(std::string_view left, std::string_view right) const {
  switch (spec_.kind) {
    case CombinationKind::kDifference:
      return fmt::format("{} - {}", left, right);
    case CombinationKind::kSum:
      return fmt::format("{} + {}", left, right);
    case CombinationKind::kProduct:
      return fmt::format("{} * {}", left, right);
    case CombinationKind::kRatio:
      return fmt::format("{} / {}", left, right);
    case CombinationKind::kCross:
      return fmt::format("{} x {}", left, right);
    case CombinationKind::kMean:
      return fmt::format("mean({}) by {}", left, right);
    case CombinationKind::kSpread:
      return fmt::format("spread({}) by {}", left, right);
    case CombinationKind::kDeviation:
      return fmt::format("{} - mean({}) by {}", left, left, right);
  }
  return {};
}

int64_t Combination::byte_count() const {
  return static_cast<int64_t>(pairs_.size() * sizeof(int64_t) +
                              pair_codes_.size() * sizeof(int32_t) +
                              level_numbers_.size() * sizeof(double));
}

double Combination::number(double left, double right) const {
  switch (spec_.kind) {
    case CombinationKind::kDifference:
      return finite_or_none(left - right);
    case CombinationKind::kSum:
      return finite_or_none(left + right);
    case CombinationKind::kProduct:
      return finite_or_none(left * right);
    default:
      return finite_or_none(right == 0 ? kNone : left / right);
  }
}

int32_t Combination::cross_code(int32_t left, int32_t right) const {
  return pair_codes_[static_cast<size_t>(int64_t{left} * right_codes_ + right)];
}

Result<CombinedColumn> Combination::apply(const FeatureColumn& left, const FeatureColumn& right,
                                          const kernels::ComputeContext* context) const {
  CombinedColumn made;
  const int64_t rows = left.row_count();
  const bool cross = is_cross(spec_.kind);
  if (cross) {
    made.codes.resize(static_cast<size_t>(rows));
  } else {
    made.numbers.resize(static_cast<size_t>(rows));
  }
  const auto row_number = [&](size_t row, double left_number, double right_number) {
    if (is_pair(spec_.kind)) return number(left_number, right_number);
    const double of_level = level_numbers_[static_cast<size_t>(right.codes[row])];
    if (spec_.kind != CombinationKind::kDeviation) return of_level;
    return finite_or_none(left_number - of_level);
  };
  const auto make_numbers = [&](size_t begin, size_t end) {
    std::array<double, datasets::NumberView::kBlock> of_right;  // of pairs
    const bool pair = is_pair(spec_.kind);
    size_t row = begin;
    left.numbers.for_blocks(begin, end, [&](std::span<const double> block) {
      if (pair) right.numbers.read(row, std::span(of_right).first(block.size()));
      for (size_t i = 0; i < block.size(); ++i, ++row) {
        made.numbers[row] = row_number(row, block[i], pair ? of_right[i] : 0);
      }
    });
  };
  ASSAY_RETURN_IF_ERROR(
      for_chunks(chunk_count_of(rows, kCombinedRows), context, [&](int64_t chunk) {
        const ChunkRange range = chunk_range(rows, kCombinedRows, chunk);
        const auto begin = static_cast<size_t>(range.begin);
        const auto end = static_cast<size_t>(range.end);
        if (!cross) return make_numbers(begin, end);
        for (size_t row = begin; row < end; ++row) {
          made.codes[row] = cross_code(left.codes[row], right.codes[row]);
        }
      }));
  return made;
}

// How combinations stand in a model file: "kinds" [count], "sides" [count, 2] (features), and all
// pairs of crosses and numbers of levels, one combination's behind the other's, cut at "pair_ends"
// and "number_ends".
class CombinationFile {
 public:
  static void save(std::span<const std::shared_ptr<const Combination>> combinations,
                   ModelWriter& writer) {
    std::vector<uint8_t> kinds;
    std::vector<int32_t> sides;
    std::vector<int64_t> pairs, pair_ends, number_ends;
    std::vector<double> numbers;
    for (const auto& made : combinations) {
      kinds.push_back(static_cast<uint8_t>(made->spec_.kind));
      sides.insert(sides.end(), {made->spec_.left, made->spec_.right});
      pairs.insert(pairs.end(), made->pairs_.begin(), made->pairs_.end());
      pair_ends.push_back(static_cast<int64_t>(pairs.size()));
      numbers.insert(numbers.end(), made->level_numbers_.begin(), made->level_numbers_.end());
      number_ends.push_back(static_cast<int64_t>(numbers.size()));
    }
    writer.put_integer("format", kFormat);
    writer.put_tensor("kinds", std::span<const uint8_t>(kinds));
    writer.put_tensor("sides", std::span<const int32_t>(sides),
                      {static_cast<int64_t>(kinds.size()), 2});
    writer.put_tensor("pairs", std::span<const int64_t>(pairs));
    writer.put_tensor("pair_ends", std::span<const int64_t>(pair_ends));
    writer.put_tensor("numbers", std::span<const double>(numbers));
    writer.put_tensor("number_ends", std::span<const int64_t>(number_ends));
  }

  static Result<std::vector<std::shared_ptr<const Combination>>> load(
      const ModelReader& reader, std::span<const int32_t> code_counts) {
    ASSAY_RETURN_IF_ERROR(reader.integer("format", kFormat, kFormat));
    ASSAY_ASSIGN_OR_RETURN(const auto kinds, reader.tensor<uint8_t>("kinds"));
    const auto count = static_cast<int64_t>(kinds.size());
    ASSAY_ASSIGN_OR_RETURN(const auto sides, reader.tensor<int32_t>("sides", 2 * count));
    ASSAY_ASSIGN_OR_RETURN(const auto pairs, reader.tensor<int64_t>("pairs"));
    ASSAY_ASSIGN_OR_RETURN(const auto pair_ends, reader.tensor<int64_t>("pair_ends", count));
    ASSAY_ASSIGN_OR_RETURN(const auto numbers, reader.tensor<double>("numbers"));
    ASSAY_ASSIGN_OR_RETURN(const auto number_ends, reader.tensor<int64_t>("number_ends", count));
    std::vector<std::shared_ptr<const Combination>> combinations;
    std::array<int64_t, 2> begins = {0, 0};
    for (size_t i = 0; i < kinds.size(); ++i) {
      const bool in_order = kinds[i] < kCombinationKinds && pair_ends[i] >= begins[0] &&
                            pair_ends[i] <= static_cast<int64_t>(pairs.size()) &&
                            number_ends[i] >= begins[1] &&
                            number_ends[i] <= static_cast<int64_t>(numbers.size());
      std::shared_ptr<Combination> made(new Combination());
      if (in_order) {
        made->spec_ = {static_cast<CombinationKind>(kinds[i]), sides[2 * i], sides[2 * i + 1]};
        made->pairs_.assign(pairs.begin() + begins[0], pairs.begin() + pair_ends[i]);
        made->level_numbers_.assign(numbers.begin() + begins[1], numbers.begin() + number_ends[i]);
      }
      if (!in_order || !fits(*made, code_counts)) {
        return reader.damaged(fmt::format("combination {} is not sound", i));
      }
      begins = {pair_ends[i], number_ends[i]};
      if (is_cross(made->spec_.kind)) made->index_pairs();
      combinations.push_back(std::move(made));
    }
    return combinations;
  }

 private:
  // Whether its sides are features of the right kinds, and what it holds is theirs. Sets the counts
  // of codes.
  static bool fits(Combination& made, std::span<const int32_t> code_counts) {
    const CombinationSpec& spec = made.spec_;
    const auto codes = [&](int32_t side) {
      const bool known = side >= 0 && static_cast<size_t>(side) < code_counts.size();
      return known ? code_counts[static_cast<size_t>(side)] : -1;
    };
    const auto is_kind = [](int32_t count, FeatureKind kind) {
      return kind == FeatureKind::kNumeric ? count == 0 : count > 0;
    };
    const WantedKinds wanted = wanted_kinds(spec.kind);
    const int32_t left = codes(spec.left);
    const int32_t right = codes(spec.right);
    if (!is_kind(left, wanted.left) || !is_kind(right, wanted.right)) return false;
    const bool numbers_fit =
        made.level_numbers_.size() ==
            (is_group_statistic(spec.kind) ? static_cast<size_t>(right) : size_t{0}) &&
        std::none_of(made.level_numbers_.begin(), made.level_numbers_.end(),
                     [](double number) { return std::isinf(number); });
    if (!is_cross(spec.kind)) return numbers_fit && made.pairs_.empty();
    made.left_codes_ = left;
    made.right_codes_ = right;
    const int64_t all = int64_t{left} * right;
    return numbers_fit && all <= kMostCrossPairs &&
           static_cast<int64_t>(made.pairs_.size()) <= kMostCrossLevels &&
           std::adjacent_find(made.pairs_.begin(), made.pairs_.end(), std::greater_equal<>()) ==
               made.pairs_.end() &&
           (made.pairs_.empty() || (made.pairs_.front() >= 0 && made.pairs_.back() < all));
  }
};

void save_combinations(std::span<const std::shared_ptr<const Combination>> combinations,
                       ModelWriter writer) {
  if (!combinations.empty()) CombinationFile::save(combinations, writer);
}

Result<std::vector<std::shared_ptr<const Combination>>> load_combinations(
    const ModelReader& reader, std::span<const int32_t> code_counts) {
  if (!reader.has("format")) return std::vector<std::shared_ptr<const Combination>>();
  return CombinationFile::load(reader, code_counts);
}

}  // namespace assay::automl
