#include "kernels/base/plurals.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(Plurals, CountsAsEnglishDoes) {
  EXPECT_EQ(counted(1, "run"), "1 run");
  EXPECT_EQ(counted(0, "run"), "0 runs");
  EXPECT_EQ(counted(2, "model version"), "2 model versions");
  EXPECT_EQ(counted(2, "copy"), "2 copies");
  EXPECT_EQ(counted(2, "day"), "2 days");
  EXPECT_EQ(counted(3, "process"), "3 processes");
  EXPECT_EQ(counted(3, "branch"), "3 branches");
  EXPECT_EQ(counted(-1, "byte"), "-1 bytes");
  EXPECT_EQ(plural(1, "entry"), "entry");
  EXPECT_EQ(plural(5, "entry"), "entries");
}

}  // namespace
}  // namespace assay
