#include "datasets/nested_samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace assay::datasets {
namespace {

using Samples = std::vector<std::vector<uint32_t>>;
constexpr double kThirds[] = {1.0 / 9, 1.0 / 3, 1};

void expect_nested(const Samples& samples) {
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_TRUE(std::is_sorted(samples[i].begin(), samples[i].end()));
    if (i == 0) continue;
    EXPECT_TRUE(std::includes(samples[i].begin(), samples[i].end(), samples[i - 1].begin(),
                              samples[i - 1].end()))
        << i;
  }
}

TEST(NestedSamples, LieWithinEachOther) {
  const std::vector<int32_t> strata(1000, 0);
  const Samples samples = stratified_samples(strata, kThirds, 7);
  ASSERT_EQ(samples.size(), 3u);
  expect_nested(samples);
  EXPECT_EQ(samples[0].size(), 112u) << "of 1000 places, those below 1/9";
  EXPECT_EQ(samples[1].size(), 334u);
  EXPECT_EQ(samples[2].size(), 1000u);
}

TEST(NestedSamples, HaveTheirPartOfEachStratumAndOneRowAtLeast) {
  std::vector<int32_t> strata;
  for (int row = 0; row < 902; ++row) strata.push_back(row < 600 ? 2 : (row < 900 ? 0 : 5));
  const Samples samples = stratified_samples(strata, kThirds, 3);
  expect_nested(samples);
  const auto counts = [&](const std::vector<uint32_t>& sample) {
    std::map<int32_t, int> found;
    for (const uint32_t row : sample) ++found[strata[row]];
    return found;
  };
  EXPECT_EQ(counts(samples[0]), (std::map<int32_t, int>{{0, 34}, {2, 67}, {5, 1}}));
  EXPECT_EQ(counts(samples[1]), (std::map<int32_t, int>{{0, 100}, {2, 200}, {5, 1}}));
}

TEST(NestedSamples, FollowFromTheSeed) {
  const std::vector<int32_t> strata(300, 1);
  EXPECT_EQ(stratified_samples(strata, kThirds, 1), stratified_samples(strata, kThirds, 1));
  EXPECT_NE(stratified_samples(strata, kThirds, 1), stratified_samples(strata, kThirds, 2));
}

// A tenth of the rows is of one group, the others are of 90 groups.
TEST(NestedSamples, KeepGroupsTogether) {
  std::vector<int32_t> groups;
  for (int row = 0; row < 1000; ++row) groups.push_back(row < 100 ? -4 : 1000 + row % 90);
  for (const uint64_t seed : {1, 2, 3, 4}) {
    const Samples samples = group_samples(groups, kThirds, seed);
    expect_nested(samples);
    for (size_t i = 0; i < samples.size(); ++i) {
      std::map<int32_t, int> found;
      for (const uint32_t row : samples[i]) ++found[groups[row]];
      for (const auto& [group, count] : found) {
        EXPECT_EQ(count, std::count(groups.begin(), groups.end(), group)) << group;
      }
      const auto wanted = static_cast<size_t>(1000 * kThirds[i]);
      EXPECT_GE(samples[i].size(), wanted);
      EXPECT_LE(samples[i].size(), wanted + 100) << "the last group goes beyond it, at most";
    }
  }
}

TEST(NestedSamples, KeepRowsOfATimeTogether) {
  std::vector<double> times;
  for (int row = 0; row < 400; ++row) times.push_back(1.5 * (row % 50));
  const Samples samples = time_samples(times, kThirds, 9);
  expect_nested(samples);
  std::set<double> drawn;
  for (const uint32_t row : samples[0]) drawn.insert(times[row]);
  EXPECT_EQ(samples[0].size(), 8 * drawn.size());
  EXPECT_EQ(drawn.size(), 6u) << "5 times have 40 of 44.4 rows";
}

TEST(NestedSamples, OfNothingAreEmpty) {
  EXPECT_EQ(stratified_samples({}, kThirds, 1), Samples(3));
  EXPECT_EQ(group_samples({}, kThirds, 1), Samples(3));
  EXPECT_EQ(time_samples({}, kThirds, 1), Samples(3));
}

}  // namespace
}  // namespace assay::datasets
