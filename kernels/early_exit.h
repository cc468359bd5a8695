// Early exit from a forest: a row whose decision the trees that are left cannot change needs no
// more of them. LeafBounds says what they can add; a DecisionRule what is decided. Both are in the
// units of predict_trees' scores. Immutable, host memory.
//
// Bounds are sums of each tree's least and greatest leaf, so they hold for every row, and they are
// widened by what rounding can do to a row's sum: what is decided is decided for the bits that
// going through all trees would give. A forest of 2^23 trees or more has no bounds.
//
//   score 1.5, cut at 0, three trees left with leaves in -0.2..0.3: 1.5 - 0.6 > 0, so it stops.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/forest_cache.h"
#include "kernels/tree_node.h"

namespace assay::kernels {

struct DecisionRule {
  enum class Kind : uint8_t {
    kSide,          // one score: decided below `low` or above `high`
    kLargest,       // the greatest of several, by more than `margin`
    kLargestShare,  // the same of scores that are all >= 0, by more than `margin` times itself
  };
  Kind kind = Kind::kSide;
  double low = 0;
  double high = 0;
  double margin = 0;  // >= 0
};

class LeafBounds final : public ForestCache::Item {
 public:
  static const char kType;
  static constexpr int64_t kMostTrees = int64_t{1} << 23;

  // Of a forest in the host's memory that passes Forest::check. Null if it has too many trees.
  static std::unique_ptr<LeafBounds> make(const ForestView& forest);

  // Rows may stop before trees 0, step, 2 * step, ...: whole rounds of outputs, at least 16 trees.
  int64_t step() const { return step_; }
  int64_t tree_count() const { return tree_count_; }
  int32_t output_count() const { return output_count_; }
  // [output_count]: at least, and at most, what trees from `tree`, a multiple of the step, on add.
  std::span<const double> low(int64_t tree) const { return row(low_, tree); }
  std::span<const double> high(int64_t tree) const { return row(high_, tree); }
  int64_t byte_count() const override;

 private:
  std::span<const double> row(const std::vector<double>& values, int64_t tree) const {
    const auto width = static_cast<size_t>(output_count_);
    return {values.data() + static_cast<size_t>(tree / step_) * width, width};
  }
  int64_t step_ = 1;
  int64_t tree_count_ = 0;
  int32_t output_count_ = 1;
  std::vector<double> low_;   // [steps, output_count]
  std::vector<double> high_;  // the same
};

// Share of what a sum is made of that rounding may move it by, its own terms and the bounds' alike:
// fewer than 2^23 additions of half a unit, 2^-53, each.
inline constexpr double kScoreSlack = 0x1p-28;

// Whether a score is decided, by a rule of kind kSide, with `low` and `high` of the trees left.
inline bool side_decided(const DecisionRule& rule, double low, double high, double score) {
  const double slack = kScoreSlack * std::abs(score);
  return (score + low - slack > rule.high) | (score + high + slack < rule.low);
}

// Whether scores [output_count] are decided before tree `tree`. If so they become bounds that the
// rule decides as it does the sums over all trees: the side's own nearest value, or the least of
// the greatest score and the most of the others. Else they stay.
bool decide_early(const DecisionRule& rule, const LeafBounds& bounds, int64_t tree,
                  std::span<double> scores);

// What predict_trees is told.
struct EarlyExit {
  DecisionRule rule;
  const LeafBounds* bounds = nullptr;  // of the whole forest
};

}  // namespace assay::kernels
