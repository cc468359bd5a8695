#include "kernels/base/program_path.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace assay {
namespace {

TEST(ProgramPath, IsThatOfThisProgram) {
  const std::filesystem::path path = program_path();
  EXPECT_EQ(path.filename(), "base_test");
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(path.parent_path(), program_folder());
}

}  // namespace
}  // namespace assay
