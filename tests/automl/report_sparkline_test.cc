#include "automl/report/sparkline.h"

#include <gtest/gtest.h>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

TEST(Sparkline, DrawsLevelsAsBlocks) {
  EXPECT_EQ(sparkline("07", false), "\xE2\x96\x81\xE2\x96\x88");
  EXPECT_EQ(text_width(sparkline("01234567", false)), 8);
  EXPECT_EQ(sparkline("0-7", false), "\xE2\x96\x81 \xE2\x96\x88");
}

TEST(Sparkline, DrawsLevelsInAscii) {
  EXPECT_EQ(sparkline("01234567", true), "_.-~=+*#");
  EXPECT_EQ(sparkline("", true), "");
  EXPECT_EQ(sparkline("8x", true), "  ");
}

}  // namespace
}  // namespace assay::automl
