#include "datasets/growth_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "backends/cpu/thread_pool.h"
#include "backends/devices.h"
#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

using kernels::BinnedView;
using kernels::BundleView;
using kernels::FeatureKind;

// A table in blocks.
struct Blocks {
  Blocks(int64_t rows, std::vector<int32_t> counts)
      : row_count(rows),
        bin_counts(std::move(counts)),
        kinds(bin_counts.size(), FeatureKind::kNumeric),
        bins(static_cast<size_t>(rows) * bin_counts.size()) {}

  BinnedView view() const {
    return {bins.data(), row_count, static_cast<int32_t>(bin_counts.size()), bin_counts.data(),
            kinds.data()};
  }
  uint8_t& at(int64_t row, int32_t feature) {
    return bins[static_cast<size_t>(view().cell_offset(row, feature))];
  }

  int64_t row_count;
  std::vector<int32_t> bin_counts;
  std::vector<FeatureKind> kinds;
  std::vector<uint8_t> bins;
};

class GrowthLayoutTest : public testing::Test {
 protected:
  // The layout, after checking that columns and bundles say what the blocks say.
  const BundleView* check(const Blocks& blocks) {
    auto made = GrowthLayout::make(blocks.view(), devices_->host(), executor_);
    EXPECT_TRUE(made.has_value());
    layout_ = std::move(*made);
    const BinnedView view = layout_->extend(blocks.view());
    const BundleView* bundles = view.bundles;
    BinnedView codes;
    codes.row_count = blocks.row_count;
    if (bundles != nullptr) codes.feature_count = bundles->bundle_count;
    int64_t wrong = 0;
    for (int32_t f = 0; f < view.feature_count; ++f) {
      for (int64_t row = 0; row < blocks.row_count; ++row) {
        const uint8_t bin = view.bins[view.cell_offset(row, f)];
        wrong += view.columns[f * blocks.row_count + row] == bin ? 0 : 1;
        if (bundles == nullptr) continue;
        const int32_t bundle = bundles->bundle_of[f];
        const int32_t place = bundles->places[f];
        const uint8_t code = bundles->cells[codes.cell_offset(row, bundle)];
        const bool listed = bundles->features[place] == f &&
                            place >= bundles->feature_offsets[bundle] &&
                            place < bundles->feature_offsets[bundle + 1];
        const bool same = code < bundles->code_counts[bundle] &&
                          bundles->bins[int64_t{place} * 256 + code] == bin;
        wrong += listed && same ? 0 : 1;
      }
    }
    EXPECT_EQ(wrong, 0);
    check_threads(blocks);
    EXPECT_EQ(bundles == nullptr ? 0 : wrongly_odd(*bundles, view.feature_count), 0);
    return bundles;
  }

  // The same bundles on many threads.
  void check_threads(const Blocks& blocks) {
    backends::cpu::ThreadPool many(33);
    const auto made = GrowthLayout::make(blocks.view(), devices_->host(), many);
    ASSERT_TRUE(made.has_value());
    const BundleView* one = layout_->extend(blocks.view()).bundles;
    const BundleView* other = made->extend(blocks.view()).bundles;
    ASSERT_EQ(one == nullptr, other == nullptr);
    if (one == nullptr) return;
    ASSERT_EQ(one->bundle_count, other->bundle_count);
    const int64_t cells = blocks.row_count * one->bundle_count;
    EXPECT_TRUE(std::equal(one->cells, one->cells + cells, other->cells));
    EXPECT_TRUE(
        std::equal(one->code_counts, one->code_counts + one->bundle_count, other->code_counts));
  }

  // Codes that are listed as those of another than a feature's usual bin, and are not, or the other
  // way round.
  static int64_t wrongly_odd(const BundleView& bundles, int32_t feature_count) {
    int64_t wrong = 0;
    for (int32_t f = 0; f < feature_count; ++f) {
      const int32_t bundle = bundles.bundle_of[f];
      const int32_t place = bundles.places[f];
      const bool alone = bundles.feature_offsets[bundle + 1] - bundles.feature_offsets[bundle] == 1;
      for (int32_t code = 0; code < bundles.code_counts[bundle]; ++code) {
        const int32_t* ends = bundles.odd_offsets + place;
        const auto times =
            std::count(bundles.odd_codes + ends[0], bundles.odd_codes + ends[1], code);
        const bool odd = bundles.bins[int64_t{place} * 256 + code] != bundles.usual_bins[place];
        wrong += times == (odd && !alone ? 1 : 0) ? 0 : 1;
      }
    }
    return wrong;
  }

  Result<backends::DeviceSet> devices_ = backends::open_devices({});
  SerialExecutor executor_;
  std::optional<GrowthLayout> layout_;
};

TEST_F(GrowthLayoutTest, MergesOneHotColumnsIntoOneBundle) {
  Blocks blocks(5000, std::vector<int32_t>(70, 3));
  Rng rng(1);
  for (int64_t row = 0; row < blocks.row_count; ++row) {
    const auto hot = static_cast<int32_t>(rng.below(70));
    for (int32_t f = 0; f < 70; ++f) blocks.at(row, f) = f == hot ? 2 : 1;
  }
  const BundleView* bundles = check(blocks);
  ASSERT_NE(bundles, nullptr);
  EXPECT_EQ(bundles->bundle_count, 1);
  EXPECT_EQ(bundles->code_counts[0], 70);
  EXPECT_EQ(layout_->byte_count(), 5000 * 71);
}

TEST_F(GrowthLayoutTest, LeavesWideFeaturesAlone) {
  Blocks blocks(1000, std::vector<int32_t>(66, 255));
  Rng rng(2);
  for (uint8_t& bin : blocks.bins) bin = static_cast<uint8_t>(rng.below(255));
  EXPECT_EQ(check(blocks), nullptr);
}

TEST_F(GrowthLayoutTest, NeverMakesMoreCodesThanAByteHolds) {
  Blocks blocks(40'000, {30, 255, 30, 9, 2, 1, 30, 5, 17, 3, 64});
  Rng rng(3);
  for (int64_t row = 0; row < blocks.row_count; ++row) {
    for (int32_t f = 0; f < 11; ++f) {
      const auto count = static_cast<uint64_t>(blocks.bin_counts[static_cast<size_t>(f)]);
      blocks.at(row, f) = static_cast<uint8_t>(rng.below(count));
    }
  }
  const BundleView* bundles = check(blocks);
  ASSERT_NE(bundles, nullptr);
  EXPECT_LT(bundles->bundle_count, 9);
  for (int32_t b = 0; b < bundles->bundle_count; ++b) EXPECT_LE(bundles->code_counts[b], 255);
}

// A pair that a sample of the rows does not show still counts.
TEST_F(GrowthLayoutTest, CountsRareRows) {
  Blocks blocks(20'000, {64, 64});
  for (int64_t row = 0; row < blocks.row_count; ++row) {
    blocks.at(row, 0) = blocks.at(row, 1) = static_cast<uint8_t>(row % 9);
    if (row % 9 == 0) continue;
    if (row >= 19'000) blocks.at(row, 1) = static_cast<uint8_t>(row % 61);
  }
  check(blocks);
}

TEST_F(GrowthLayoutTest, MakesNothingOfAnEmptyTable) {
  const Blocks blocks(0, {3, 3, 3});
  auto made = GrowthLayout::make(blocks.view(), devices_->host(), executor_);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->extend(blocks.view()).bundles, nullptr);
  EXPECT_EQ(made->byte_count(), 0);
}

}  // namespace
}  // namespace assay::datasets
