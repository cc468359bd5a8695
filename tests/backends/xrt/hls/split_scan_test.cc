// split_scan called as a function, against the serial reference of grow_tree: a tree of one split
// on one feature is what a column's record must say.
#include "backends/xrt/hls/split_scan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "kernels/reference/reference_ops.h"
#include "kernels/tree_rules.h"
#include "tests/backends/xrt/hls/card_memory.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::xrt {
namespace {

using conformance::TreeProblem;
using kernels::Tree;

constexpr uint64_t kGuard = 0x6b6b6b6b6b6b6b6b;

double double_of(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

struct ScanShape {
  int64_t row_count = 100;
  int32_t feature_count = 9;
  int32_t class_count = 0;
  int32_t node_count = 3;
};

template <class T>
T one_of(Rng& rng, std::initializer_list<T> items) {
  return *(items.begin() + rng.below(items.size()));
}

void draw_params(kernels::TreeParams& params, Rng& rng) {
  params = {};
  params.max_leaves = 2;
  params.min_child_samples = one_of<int64_t>(rng, {1, 1, 2, 20});
  params.min_child_weight = one_of(rng, {0.0, 0.0, 0.1, 3.0});
  params.min_gain = one_of(rng, {0.0, 0.0, 1e-3, 1.0});
  params.l1 = one_of(rng, {0.0, 0.0, 0.3, 5.0});
  params.l2 = one_of(rng, {1.0, 0.0, 1e-3, 100.0});
  params.gradient_bits = one_of(rng, {2, 8, 15, 15});
}

// Nodes that are whole samples of one table: as many grow_tree problems, equal but for gradients,
// classes and seeds, so that they have one scale.
class ScanProblem {
 public:
  ScanProblem(const ScanShape& shape, uint64_t seed) : shape_(shape), rng_(seed) {
    table_ = conformance::random_table({shape.row_count, shape.feature_count, 0, 0.5}, rng_);
    kernels::TreeParams params;
    draw_params(params, rng_);
    gradient_scale_ = one_of(rng_, {1.0, 1.0, 1e-3, 1e30, 1e-40});
    hessian_kind_ = static_cast<int>(rng_.below(4));
    for (int32_t i = 0; i < shape.node_count; ++i) nodes_.push_back(draw_node(params));
    for (int32_t f = 0; f < shape.feature_count; ++f) {
      const int32_t codes = table_.bin_counts[static_cast<size_t>(f)];
      columns_.insert(columns_.end(), {code_count_, codes, codes, rng_.below(8) != 0 ? 1 : 0});
      code_count_ += codes;
    }
  }

  void check() {
    sum_words();
    const auto lanes = static_cast<size_t>(lane_count());
    const size_t stride = lanes + static_cast<size_t>(shape_.feature_count);
    CardArray<uint64_t> best(2 * stride * nodes_.size(), kGuard);
    CardArray<int64_t> nodes = on_card(node_table_);
    CardArray<int32_t> columns = on_card(columns_);
    CardArray<double> rules = on_card(rule_list());
    split_scan(words_->lines(), nodes.data(), columns.data(), rules.data(), best.data(),
               shape_.node_count, shape_.feature_count, lane_count(), shape_.class_count > 0);
    for (size_t n = 0; n < nodes_.size(); ++n) {
      check_totals(n, best.data() + 2 * stride * n);
      for (int32_t f = 0; f < shape_.feature_count; ++f) {
        SCOPED_TRACE(fmt::format("node {}, feature {}", n, f));
        const size_t at = 2 * (stride * n + lanes + static_cast<size_t>(f));
        check_column(n, f, best.data() + at);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
    for (size_t i = best.size(); i < best.whole().size(); ++i) ASSERT_EQ(best.whole()[i], kGuard);
  }

  int found_count() const { return found_count_; }

 private:
  int32_t lane_count() const { return std::max(1, shape_.class_count); }

  TreeProblem draw_node(const kernels::TreeParams& params) {
    TreeProblem node;
    node.problem = {shape_.row_count,   shape_.row_count, shape_.feature_count,
                    shape_.class_count, params,           rng_.next_u64()};
    node.table = table_;
    for (int64_t row = 0; row < shape_.row_count; ++row) {
      node.rows.push_back(static_cast<uint32_t>(row));
      node.gradients.push_back(static_cast<float>((rng_.next_double() * 2 - 1) * gradient_scale_));
      const double hessians[4] = {1.0, rng_.next_double(), rng_.below(2) * 1e-8, 0.0};
      node.hessians.push_back(static_cast<float>(hessians[hessian_kind_]));
      node.classes.push_back(
          static_cast<int32_t>(pick(rng_, 0, std::max(0, shape_.class_count - 1))));
      node.weights.push_back(rng_.below(8) == 0 ? 0.0f
                                                : static_cast<float>(rng_.next_double() * 3));
    }
    node.max_abs_gradient = shape_.class_count > 0 ? 3.0f : static_cast<float>(gradient_scale_);
    node.max_hessian = hessian_kind_ == 2 ? 1e-8f : (hessian_kind_ == 3 ? 0.0f : 1.0f);
    return node;
  }

  int exponent(bool hessian) const {
    const TreeProblem& node = nodes_[0];
    const int32_t bits = node.problem.params.gradient_bits;
    return hessian ? kernels::scale_exponent(double{node.max_hessian},
                                             kernels::hessian_limit(shape_.row_count, bits))
                   : kernels::scale_exponent(double{node.max_abs_gradient},
                                             kernels::gradient_limit(shape_.row_count, bits));
  }

  std::vector<double> rule_list() const {
    const kernels::TreeParams& params = nodes_[0].problem.params;
    return {std::ldexp(1.0, -exponent(false)),
            std::ldexp(1.0, -exponent(true)),
            params.l1,
            params.l2,
            params.min_gain,
            params.min_child_weight,
            static_cast<double>(params.min_child_samples),
            0};
  }

  int64_t word_of(const TreeProblem& node, size_t row) const {
    const uint32_t random = kernels::rounding_word(node.problem.seed, static_cast<uint32_t>(row));
    const double scale = std::ldexp(1.0, exponent(false));
    const bool class_mode = shape_.class_count > 0;
    const double first = double{class_mode ? node.weights[row] : node.gradients[row]};
    const int64_t high = kernels::quantise(first, scale, random & 0xffff);
    const int64_t low = class_mode
                            ? 1
                            : kernels::quantise(double{node.hessians[row]},
                                                std::ldexp(1.0, exponent(true)), random >> 16);
    return high * (int64_t{1} << 32) + low;
  }

  void sum_words() {
    const auto lanes = static_cast<size_t>(lane_count());
    const size_t node_words = static_cast<size_t>(code_count_) * lanes;
    const size_t stride = (node_words + 7) / 8 * 8 + 8;
    words_ = std::make_unique<CardArray<int64_t>>(8 + stride * nodes_.size());
    const kernels::BinnedView view = table_.view(table_.bins.data());
    for (size_t n = 0; n < nodes_.size(); ++n) {
      const size_t begin = 8 + stride * n;
      node_table_.insert(node_table_.end(), {static_cast<int64_t>(begin), shape_.row_count});
      for (size_t row = 0; row < static_cast<size_t>(shape_.row_count); ++row) {
        const int64_t word = word_of(nodes_[n], row);
        const auto lane = shape_.class_count > 0 ? static_cast<size_t>(nodes_[n].classes[row]) : 0;
        for (int32_t f = 0; f < shape_.feature_count; ++f) {
          const auto start = static_cast<size_t>(columns_[4 * static_cast<size_t>(f)]);
          const uint8_t code =
              table_.bins[static_cast<size_t>(view.cell_offset(static_cast<int64_t>(row), f))];
          (*words_)[begin + (start + code) * lanes + lane] += word;
        }
      }
    }
  }

  void check_totals(size_t n, const uint64_t* records) const {
    std::vector<uint64_t> totals(static_cast<size_t>(lane_count()), 0);
    for (size_t row = 0; row < static_cast<size_t>(shape_.row_count); ++row) {
      const auto lane = shape_.class_count > 0 ? static_cast<size_t>(nodes_[n].classes[row]) : 0;
      totals[lane] += static_cast<uint64_t>(word_of(nodes_[n], row));
    }
    for (size_t c = 0; c < totals.size(); ++c) ASSERT_EQ(records[2 * c], totals[c]);
  }

  // The mass of the rows that the split sends left, twice, less that of all.
  int64_t left_excess(size_t n, int32_t f, const kernels::TreeNode& split) const {
    const kernels::BinnedView view = table_.view(table_.bins.data());
    int64_t excess = 0;
    for (int64_t row = 0; row < shape_.row_count; ++row) {
      const int64_t mass = word_of(nodes_[n], static_cast<size_t>(row)) & 0xffffffff;
      const uint8_t code = table_.bins[static_cast<size_t>(view.cell_offset(row, f))];
      excess += kernels::goes_left(split, nullptr, code) ? mass : -mass;
    }
    return excess;
  }

  void check_column(size_t n, int32_t f, const uint64_t* record) {
    TreeProblem& node = nodes_[n];
    Tree tree;
    if (columns_[4 * static_cast<size_t>(f) + 3] != 0) {
      node.feature_mask.assign(static_cast<size_t>(shape_.feature_count), 0);
      node.feature_mask[static_cast<size_t>(f)] = 1;
      std::vector<int32_t> leaf_of(node.rows.size());
      const Status grown =
          kernels::reference::grow_tree({}, node.problem, node.args(&tree, leaf_of.data()));
      ASSERT_TRUE(grown) << grown.error().message;
    }
    if (tree.nodes.size() < 3) {
      ASSERT_EQ(record[0], 0u);
      ASSERT_EQ(record[1], 0u);
      return;
    }
    ++found_count_;
    const kernels::TreeNode& split = tree.nodes[0];
    const auto flags = static_cast<uint32_t>(record[1] >> 32);
    EXPECT_EQ(static_cast<float>(double_of(record[0])), tree.gains[0]);
    EXPECT_EQ(static_cast<uint32_t>(record[1]), split.threshold);
    EXPECT_EQ(flags & 1, split.missing_left);
    EXPECT_EQ((flags & 2) != 0, left_excess(n, f, split) >= 0);
  }

  ScanShape shape_;
  Rng rng_;
  conformance::BinnedTable table_;
  double gradient_scale_ = 1;
  int hessian_kind_ = 0;
  std::vector<TreeProblem> nodes_;
  std::vector<int32_t> columns_;
  int32_t code_count_ = 0;
  std::vector<int64_t> node_table_;
  std::unique_ptr<CardArray<int64_t>> words_;
  int found_count_ = 0;
};

int check_all(const ScanShape& shape, uint64_t first_seed, int count) {
  int found = 0;
  for (int i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    const uint64_t seed = first_seed + static_cast<uint64_t>(i);
    SCOPED_TRACE(fmt::format("seed {}: {} rows x {}, {} classes", seed, shape.row_count,
                             shape.feature_count, shape.class_count));
    ScanProblem problem(shape, seed);
    problem.check();
    found += problem.found_count();
  }
  return found;
}

TEST(SplitScan, FindsTheReferencesSplitFromGradients) {
  EXPECT_GT(check_all({100, 7, 0, 3}, 0, 40), 100);
  EXPECT_GT(check_all({301, 3, 0, 2}, 100, 6), 5);
}

TEST(SplitScan, FindsTheReferencesSplitFromClasses) {
  for (const int32_t classes : {2, 3, 5, 8}) {
    EXPECT_GT(check_all({90, 5, classes, 2}, 1000 * static_cast<uint64_t>(classes), 12), 20);
  }
}

TEST(SplitScan, FindsNothingInNodesOfOneRowOrNone) {
  EXPECT_EQ(check_all({0, 3, 0, 2}, 5000, 4), 0);
  EXPECT_EQ(check_all({1, 5, 0, 2}, 5100, 4), 0);
  EXPECT_EQ(check_all({1, 5, 3, 2}, 5200, 4), 0);
  check_all({2, 5, 0, 2}, 5300, 8);
  check_all({3, 5, 2, 2}, 5400, 8);
}

TEST(SplitScan, ScansTheMostNodesOfACall) {
  check_all({17, 2, 0, assay_hls::kScanNodes}, 6000, 1);
  check_all({9, 130, 2, 2}, 6100, 1);
}

TEST(SplitScanCosts, FollowTheirFormula) {
  using namespace assay_hls;  // NOLINT: the formulas
  const ScanWork work{1, 28, 7140, 255, 1, false};
  const double head = 40 + 2 * 120 + 112 + 120;  // rules, columns, the node's place
  EXPECT_EQ(scan_cycles(work), head + (255 + 120) + (7140 + 120) + (58 + 240) + 220);
  EXPECT_EQ(scan_bytes(work), 8 * (7140 + 255) + 16 * 29);
  // 28 columns of 32 codes: 4 lines each, and what they wait for is longer than the scan of 896.
  const double narrow = head + (32 + 120) + (112 + 28 * 120 + 120) + (58 + 240) + 220;
  EXPECT_EQ(scan_cycles({1, 28, 896, 32, 1, false}), narrow);
}

}  // namespace
}  // namespace assay::backends::xrt
