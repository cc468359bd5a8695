#include "kernels/base/names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace assay {
namespace {

const std::vector<std::string> kMetrics = {"accuracy", "f1", "log_loss", "roc_auc"};

TEST(NearestName, FindsMistypedNames) {
  EXPECT_EQ(nearest_name("roc_acu", kMetrics), "roc_auc");   // neighbours swapped: distance 1
  EXPECT_EQ(nearest_name("acuracy", kMetrics), "accuracy");  // a letter missing
  EXPECT_EQ(nearest_name("LogLoss", kMetrics), "log_loss");  // case does not count
  EXPECT_EQ(nearest_name("xlog_losss", kMetrics), "log_loss");
}

TEST(NearestName, PrefersSwappedLettersToWrongOnes) {
  EXPECT_EQ(nearest_name("rusn", std::vector<std::string>{"run", "runs"}), "runs");
  EXPECT_EQ(nearest_name("rusn", std::vector<std::string>{"runs", "run"}), "runs");
  EXPECT_EQ(nearest_name("swep", std::vector<std::string>{"sweep", "step"}), "sweep");
}

TEST(NearestName, CompletesWhatIsBegun) {
  EXPECT_EQ(nearest_name("acc", kMetrics), "accuracy");
  EXPECT_EQ(nearest_name("ROC", kMetrics), "roc_auc");
  EXPECT_EQ(nearest_name("lin", std::vector<std::string>{"line_search", "linear", "lint"}), "lint");
  EXPECT_EQ(nearest_name("l", kMetrics), "");  // one letter says nothing
}

TEST(NearestName, IsEmptyWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("foo", kMetrics), "");  // f1 is two changes of three letters away
  EXPECT_EQ(nearest_name("y", std::vector<std::string>{"a", "yy"}), "yy");  // nothing of y is in a
  EXPECT_EQ(nearest_name("temperature", kMetrics), "");
  EXPECT_EQ(nearest_name("roc_auc", std::vector<std::string>{}), "");
}

TEST(NearestName, GivesUpOnHugeWords) {
  EXPECT_EQ(nearest_name(std::string(100'000, 'a'), kMetrics), "");
}

TEST(NameHint, SuggestsOrLists) {
  EXPECT_EQ(name_hint("roc_acu", kMetrics), " (did you mean 'roc_auc'?)");
  EXPECT_EQ(name_hint("temperature", kMetrics),
            " (must be one of accuracy, f1, log_loss, roc_auc)");
  EXPECT_EQ(name_hint("x", std::vector<std::string>{}), "");
}

TEST(NameHint, CutsLongLists) {
  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i) many.push_back("some_long_name_" + std::to_string(i));
  const std::string hint = name_hint("zzz", many);
  EXPECT_NE(hint.find("some_long_name_19, ..."), std::string::npos) << hint;
  EXPECT_EQ(hint.find("some_long_name_20"), std::string::npos) << hint;
}

TEST(Shortened, CutsBetweenCharacters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc...");
  EXPECT_EQ(shortened("a\xc3\xa9z", 2), "a...");  // the letter of two bytes stays whole
  EXPECT_EQ(shortened("\xc3\xa9z", 2), "\xc3\xa9...");
  EXPECT_LT(shortened(std::string(100'000, 'x')).size(), 100U);
}

TEST(CheckName, AcceptsTheRule) {
  for (const char* good : {"a", "Z9", "7zip", "a.b_c-d"}) {
    EXPECT_TRUE(check_name("model", good).has_value()) << good;
  }
  EXPECT_TRUE(check_name("model", std::string(64, 'a')).has_value());
}

TEST(CheckName, RefusesAndNamesTheValue) {
  for (const char* bad :
       {"", ".hidden", "-x", "_x", "a b", "a/b", "..", "m:1", "m@best", "\xc3\xa9"}) {
    const Status status = check_name("model", bad);
    ASSERT_FALSE(status.has_value()) << bad;
    EXPECT_EQ(status.error().code, StatusCode::kInvalidArgument);
    EXPECT_NE(status.error().message.find("model '" + std::string(bad) + "'"), std::string::npos);
  }
  EXPECT_FALSE(check_name("model", std::string(65, 'a')).has_value());
  EXPECT_LT(check_name("model", std::string(100'000, 'a')).error().message.size(), 300U);
  EXPECT_FALSE(check_name("model", std::string_view("a\0b", 3)).has_value());
}

TEST(LowerCase, ChangesAsciiOnly) { EXPECT_EQ(lower_case("AbZ-09\xc3\x89"), "abz-09\xc3\x89"); }

}  // namespace
}  // namespace assay
