#include "kernels/base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace assay {
namespace {

Result<int> half(int x) {
  if (x % 2 != 0) return fail(StatusCode::kData, "cannot halve {} (must be even)", x);
  return x / 2;
}

Result<int> quarter(int x) {
  ASSAY_ASSIGN_OR_RETURN(const int y, half(x));
  ASSAY_ASSIGN_OR_RETURN(const int z, half(y));
  return z;
}

Status check_quarter(int x) {
  ASSAY_RETURN_IF_ERROR(quarter(x));
  return {};
}

Result<std::unique_ptr<int>> boxed(int x) { return std::make_unique<int>(x); }

Result<int> unboxed(int x) {
  ASSAY_ASSIGN_OR_RETURN(std::unique_ptr<int> box, boxed(x));
  return *box;
}

TEST(Status, CarriesValueThroughMacros) {
  ASSERT_TRUE(quarter(12).has_value());
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_TRUE(check_quarter(8).has_value());
}

TEST(Status, ReturnsFirstErrorWithCodeAndMessage) {
  const Result<int> first = quarter(7);
  ASSERT_FALSE(first.has_value());
  EXPECT_EQ(first.error().code, StatusCode::kData);
  EXPECT_EQ(first.error().message, "cannot halve 7 (must be even)");
  EXPECT_EQ(quarter(6).error().message, "cannot halve 3 (must be even)");
  EXPECT_EQ(check_quarter(6).error().message, "cannot halve 3 (must be even)");
}

TEST(Status, MovesValuesThatCannotBeCopied) { EXPECT_EQ(*unboxed(41), 41); }

TEST(Status, FailWithPutsContextBeforeMessageAndKeepsCode) {
  const Status status = fail_with(Error{StatusCode::kIo, "disk full"}, "saving model 'm'");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, StatusCode::kIo);
  EXPECT_EQ(status.error().message, "saving model 'm': disk full");
}

TEST(Status, CodesHaveDistinctNames) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(StatusCode::kInternal); ++i) {
    const std::string_view name = name_of(static_cast<StatusCode>(i));
    EXPECT_NE(name, "unknown") << i;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(name_of(StatusCode::kBudgetTooSmall), "budget_too_small");
}

}  // namespace
}  // namespace assay
