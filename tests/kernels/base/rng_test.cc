#include "kernels/base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace assay {
namespace {

using Words = std::array<uint32_t, 4>;

// Known answers published with Random123 (its kat_vectors file, philox4x32 with 10 rounds).
TEST(Philox, MatchesPublishedAnswers) {
  EXPECT_EQ(philox_block({0, 0}, {0, 0, 0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox_block({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
      (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox_block({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
      (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, DrawsTheWordsOfConsecutiveBlocks) {
  Rng rng(0);
  const Words first = philox_block({0, 0}, {0, 0, 0, 0});
  const Words second = philox_block({0, 0}, {1, 0, 0, 0});
  for (const uint32_t word : first) EXPECT_EQ(rng.next_u32(), word);
  for (const uint32_t word : second) EXPECT_EQ(rng.next_u32(), word);
}

TEST(Rng, HighHalfOfTheSeedCounts) {
  EXPECT_NE(Rng(1).next_u64(), Rng(1 + (uint64_t{1} << 32)).next_u64());
}

TEST(Rng, DoublesAreInTheUnitIntervalWithMeanOneHalf) {
  Rng rng(17);
  double sum = 0;
  double sum_of_squares = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.next_double();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
    sum_of_squares += x * x;
  }
  // Six standard errors: 6 * sqrt(1/12 / n) and 6 * sqrt(4/45 / n).
  EXPECT_NEAR(sum / kDraws, 0.5, 0.0055);
  EXPECT_NEAR(sum_of_squares / kDraws, 1.0 / 3.0, 0.0057);
}

TEST(Rng, BelowStaysBelowAndReachesEveryValueEvenly) {
  Rng rng(5);
  std::vector<int> counts(6, 0);
  for (int i = 0; i < 60'000; ++i) {
    const uint64_t draw = rng.below(6);
    ASSERT_LT(draw, 6U);
    ++counts[draw];
  }
  // Expected 10000 each; six standard deviations of a binomial are 548.
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 548);
}

// With this bound, `draw % bound` without rejection would make values under 2^64 - bound twice as
// likely, and the lower half would get a share of 0.625.
TEST(Rng, BelowIsUnbiasedForHugeBounds) {
  Rng rng(9);
  const uint64_t bound = (uint64_t{1} << 63) + (uint64_t{1} << 61);
  int low = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t draw = rng.below(bound);
    ASSERT_LT(draw, bound);
    low += draw < bound / 2 ? 1 : 0;
  }
  EXPECT_NEAR(low, 0.5 * kDraws, 425);  // six standard deviations
}

TEST(Rng, BelowOneIsZeroAndLargestBoundWorks) {
  Rng rng(3);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.below(1), 0U);
  EXPECT_LT(rng.below(UINT64_MAX), UINT64_MAX);
}

TEST(DeriveSeed, DependsOnEveryArgument) {
  EXPECT_EQ(derive_seed(1, "bagging", 2), derive_seed(1, "bagging", 2));
  std::set<uint64_t> seeds;
  int made = 0;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, UINT64_MAX}) {
    for (const std::string purpose : {"", "bagging", "baggin", "split", "fold"}) {
      for (uint64_t number = 0; number < 500; ++number) {
        seeds.insert(derive_seed(seed, purpose, number));
        ++made;
      }
      seeds.insert(derive_seed(seed, purpose, uint64_t{1} << 40));
      ++made;
    }
  }
  EXPECT_EQ(seeds.size(), static_cast<size_t>(made));
}

TEST(Shuffle, IsAPermutationThatDependsOnTheSeedAlone) {
  std::vector<uint32_t> items(100);
  std::iota(items.begin(), items.end(), 0U);
  const std::vector<uint32_t> sorted = items;
  auto shuffled = [&](uint64_t seed) {
    std::vector<uint32_t> copy = sorted;
    Rng rng(seed);
    shuffle(copy, rng);
    return copy;
  };
  EXPECT_EQ(shuffled(1), shuffled(1));
  EXPECT_NE(shuffled(1), shuffled(2));
  std::vector<uint32_t> again = shuffled(1);
  EXPECT_NE(again, sorted);
  std::sort(again.begin(), again.end());
  EXPECT_EQ(again, sorted);
}

TEST(Shuffle, ReachesEveryPermutationEvenly) {
  std::vector<int> counts(6, 0);
  Rng rng(2);
  for (int i = 0; i < 12'000; ++i) {
    std::vector<uint32_t> items = {0, 1, 2};
    shuffle(items, rng);
    // 012 021 102 120 201 210 -> 0..5
    ++counts[items[0] * 2 + (items[1] > items[2] ? 1 : 0)];
  }
  for (const int count : counts) EXPECT_NEAR(count, 2000, 245);  // six standard deviations
}

TEST(Shuffle, LeavesShortInputAlone) {
  Rng rng(1);
  std::vector<uint32_t> none;
  shuffle(none, rng);
  std::vector<uint32_t> one = {7};
  shuffle(one, rng);
  EXPECT_EQ(one, (std::vector<uint32_t>{7}));
}

}  // namespace
}  // namespace assay
