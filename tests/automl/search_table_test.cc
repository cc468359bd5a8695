// The samplers on trials of our own learners, as bench/search/record.py stored them.
#include <gtest/gtest.h>

#include "bench/search/trial_table.h"

namespace assay::bench {
namespace {

const char* const kTable = ASSAY_SOURCE_DIR "/bench/search/trials.tsv";

TEST(TrialTable, HoldsAllSettingsOfEachSet) {
  const auto problems = read_trial_table(kTable);
  ASSERT_TRUE(problems) << problems.error().message;
  EXPECT_EQ(problems->size(), 4u);
  for (const auto& problem : *problems) {
    int64_t settings = 1;
    for (const auto& dimension : problem.space.dimensions()) settings *= dimension.level_count();
    EXPECT_EQ(settings, 360) << problem.name;
  }
}

TEST(TrialTable, GuidedSamplersFindGoodSettingsSooner) {
  const auto problems = read_trial_table(kTable);
  ASSERT_TRUE(problems);
  for (const std::string_view sampler : {"tpe", "gp"}) {
    double guided = 0;
    double random = 0;
    for (const auto& problem : *problems) {
      guided += automl::median_regret(sampler, problem, 50, 9);
      random += automl::median_regret("random", problem, 50, 9);
    }
    EXPECT_LT(guided, 0.75 * random) << sampler;
  }
}

TEST(TrialTable, RefusesOtherFiles) {
  EXPECT_EQ(read_trial_table(ASSAY_SOURCE_DIR "/nowhere.tsv").error().code, StatusCode::kIo);
  EXPECT_EQ(read_trial_table(ASSAY_SOURCE_DIR "/LICENSE").error().code, StatusCode::kData);
}

}  // namespace
}  // namespace assay::bench
