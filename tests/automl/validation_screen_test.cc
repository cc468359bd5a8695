// Screening: what tells more than chance is found, what does not is not, and nobody looks where
// they must not.
#include <gmock/gmock.h>

#include <algorithm>

#include "automl/validation/feature_screen.h"
#include "kernels/base/rng.h"
#include "tests/automl/preprocess_tables.h"

namespace assay::automl {
namespace {

using testing::Contains;
using testing::IsEmpty;

constexpr int kRows = 3000;

// Rows whose target is made of columns; five folds, or a holdout of the last fifth.
struct Screened {
  std::vector<datasets::Column> columns;
  std::vector<double> targets;
  std::vector<int32_t> classes;
  std::vector<float> weights;
  bool holdout = false;
  RowKin kin;
  std::vector<std::string> barred;
  ScreenMode mode = ScreenMode::kChecked;
  uint64_t seed = 1;
  int64_t rows = kMostScreenRows;
  double lowered = 0;

  std::vector<std::string> names(int threads = 1) {
    const Cpu cpu(threads);
    EncoderOptions options;
    EncodedTable::Source source;
    const auto table = table_of(columns);
    const FeatureEncoder encoder = must(FeatureEncoder::fit(table, options, cpu.context, &source));
    TrainingData data;
    data.task = classes.empty() ? Task::kRegression : Task::kBinary;
    data.class_count = classes.empty() ? 0 : 2;
    data.targets = targets;
    data.classes = classes;
    data.weights = weights;
    std::vector<std::vector<uint32_t>> train, valid;
    for (uint32_t fold = 0; fold < (holdout ? 1u : 5u); ++fold) {
      train.emplace_back();
      valid.emplace_back();
      for (uint32_t row = 0; row < kRows; ++row) {
        const bool out = holdout ? row >= kRows * 4 / 5 : row % 5 == fold;
        (out ? valid : train).back().push_back(row);
      }
    }
    std::vector<ScreenFold> folds;
    for (size_t f = 0; f < train.size(); ++f) folds.push_back({train[f], valid[f]});
    ScreenRequest request;
    request.encoder = &encoder;
    request.options = &options;
    request.source = &source;
    request.data = &data;
    request.folds = folds;
    request.kin = kin;
    for (const InputColumn& column : encoder.columns()) {
      const bool out = std::find(barred.begin(), barred.end(), column.name) != barred.end();
      request.barred.push_back(out ? 1 : 0);
    }
    request.rows = rows;
    request.pairs = request.crosses = request.group_statistics = mode;
    request.learner = must(find_learner("gbt"));
    request.seed = seed;
    const ScreenResult result = must(screen_features(request, cpu.context));
    lowered = result.lowered;
    std::vector<std::string> names;
    for (const auto& made : result.chosen) {
      const auto& spec = made->spec();
      names.push_back(made->name(encoder.features()[static_cast<size_t>(spec.left)].name,
                                 encoder.features()[static_cast<size_t>(spec.right)].name));
    }
    return names;
  }
};

std::vector<double> draws(Rng& rng) {
  std::vector<double> values;
  for (int row = 0; row < kRows; ++row) values.push_back(rng.next_double());
  return values;
}

// The target is a wave over a / b, which trees see badly.
Screened ratio_problem(uint64_t seed) {
  Rng rng(seed);
  Screened problem;
  const auto a = draws(rng);
  auto b = draws(rng);
  for (double& x : b) x += 0.5;
  const auto c = draws(rng);
  for (int row = 0; row < kRows; ++row) {
    const auto r = static_cast<size_t>(row);
    problem.targets.push_back(std::sin(12 * a[r] / b[r]) + 0.5 * c[r] + 0.1 * rng.next_double());
  }
  problem.columns = {numbers("a", a), numbers("b", b), numbers("c", c)};
  return problem;
}

TEST(FeatureScreen, FindsARatio) {
  Screened problem = ratio_problem(1);
  const auto names = problem.names();
  EXPECT_THAT(names, Contains("a / b"));
  EXPECT_LE(names.size(), 4u);
  EXPECT_GT(problem.lowered, 0.2);
  problem.holdout = true;
  EXPECT_THAT(problem.names(), Contains("a / b"));
}

TEST(FeatureScreen, GivesTheSameChoiceOnAnyThreads) {
  Screened problem = ratio_problem(2);
  const auto one = problem.names(1);
  EXPECT_EQ(problem.names(3), one);
}

TEST(FeatureScreen, LeavesBarredColumnsAlone) {
  Screened problem = ratio_problem(1);
  problem.barred = {"b"};
  for (const std::string& name : problem.names()) {
    EXPECT_EQ(name.find('b'), std::string::npos) << name;
  }
}

TEST(FeatureScreen, ReadsNothingOfAHoldoutsValidationRows) {
  Screened problem = ratio_problem(3);
  problem.holdout = true;
  const auto names = problem.names();
  for (size_t row = kRows * 4 / 5; row < kRows; ++row) problem.targets[row] = 1e6;
  EXPECT_EQ(problem.names(), names);
}

// A number of its own for each group, and two columns that only together name the group: their
// cross tells rows apart of groups that trees have seen, and nothing of another.
TEST(FeatureScreen, FindsNothingThatOnlyNamesGroups) {
  constexpr int32_t kSide = 14;
  Rng rng(8);
  std::vector<double> answers;
  for (int32_t g = 0; g < kSide * kSide; ++g) answers.push_back(rng.next_double());
  std::vector<std::string> names;
  for (int32_t k = 0; k < kSide; ++k) names.push_back(fmt::format("{:02}", k));
  Screened problem;
  std::vector<int32_t> groups, left, right;
  for (int row = 0; row < kRows; ++row) {
    groups.push_back(static_cast<int32_t>(rng.below(kSide * kSide)));
    left.push_back(groups.back() / kSide + datasets::kFirstLevelCode);
    right.push_back(groups.back() % kSide + datasets::kFirstLevelCode);
    problem.targets.push_back(answers[static_cast<size_t>(groups.back())] +
                              0.1 * rng.next_double());
  }
  problem.columns = {texts("left", names, left), texts("right", names, right)};
  problem.holdout = true;
  EXPECT_FALSE(problem.names().empty()) << "of each group there are rows on both sides";
  problem.kin.groups = groups;
  EXPECT_THAT(problem.names(), IsEmpty());
}

// A ratio that holds early and not late is no feature for later rows; late rows choose nothing.
TEST(FeatureScreen, AsksLaterRowsOfTreesOfEarlierOnes) {
  Screened problem = ratio_problem(4);
  problem.holdout = true;
  std::vector<double> times;
  Rng rng(5);
  for (int row = 0; row < kRows; ++row) times.push_back(rng.next_double());
  for (size_t row = 0; row < kRows; ++row) {
    if (times[row] > 0.6) problem.targets[row] = rng.next_double();
  }
  EXPECT_FALSE(problem.names().empty());
  problem.kin.times = times;
  EXPECT_THAT(problem.names(), IsEmpty());
}

TEST(FeatureScreen, FindsNothingInNoise) {
  size_t found = 0;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Rng rng(seed);
    Screened problem;
    problem.seed = seed;
    std::vector<int32_t> levels, others;
    for (int c = 0; c < 8; ++c) {
      problem.columns.push_back(numbers("x" + std::to_string(c), draws(rng)));
    }
    for (int row = 0; row < kRows; ++row) {
      levels.push_back(static_cast<int32_t>(rng.below(6)) + datasets::kFirstLevelCode);
      others.push_back(static_cast<int32_t>(rng.below(6)) + datasets::kFirstLevelCode);
      problem.classes.push_back(static_cast<int32_t>(rng.below(2)));
    }
    problem.columns.push_back(texts("k", {"a", "b", "c", "d", "e", "f"}, levels));
    problem.columns.push_back(texts("l", {"a", "b", "c", "d", "e", "f"}, others));
    found += problem.names().size();
  }
  EXPECT_EQ(found, 0u);
}

// Classes of the pairs of two categories' levels, which no level alone knows of.
TEST(FeatureScreen, CrossesCategoriesWhereThatIsWanted) {
  Rng rng(7);
  Screened problem;
  problem.mode = ScreenMode::kWanted;
  std::vector<std::string> names;
  for (int k = 0; k < 14; ++k) names.push_back(fmt::format("{:02}", k));
  std::vector<uint64_t> sides;
  for (int k = 0; k < 14 * 14; ++k) sides.push_back(rng.below(2));
  std::vector<int32_t> a, b;
  for (int row = 0; row < kRows; ++row) {
    const auto i = static_cast<int32_t>(rng.below(14));
    const auto j = static_cast<int32_t>(rng.below(14));
    a.push_back(i + datasets::kFirstLevelCode);
    b.push_back(j + datasets::kFirstLevelCode);
    const bool turned = rng.next_double() < 0.05;
    problem.classes.push_back(static_cast<int32_t>(sides[static_cast<size_t>(i * 14 + j)]) ^
                              (turned ? 1 : 0));
  }
  problem.columns = {texts("shop", names, a), texts("item", names, b)};
  const auto found = problem.names();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0] == "shop x item" || found[0] == "item x shop") << found[0];
  EXPECT_EQ(problem.lowered, 0) << "nothing was checked";
}

// The sign of a number's distance from the mean of its group.
TEST(FeatureScreen, FindsADistanceFromAGroupsMean) {
  Rng rng(8);
  Screened problem;
  std::vector<std::string> names;
  std::vector<double> middles;
  for (int k = 0; k < 60; ++k) {
    names.push_back(fmt::format("{:02}", k));
    middles.push_back(100 * rng.next_double());
  }
  std::vector<int32_t> group;
  std::vector<double> price;
  for (int row = 0; row < kRows; ++row) {
    const auto k = rng.below(60);
    group.push_back(static_cast<int32_t>(k) + datasets::kFirstLevelCode);
    const double off = rng.next_double() - 0.5;
    price.push_back(middles[k] + 4 * off);
    problem.classes.push_back((off > 0) != (rng.next_double() < 0.05) ? 1 : 0);
  }
  problem.columns = {texts("group", names, group), numbers("price", price),
                     numbers("noise", draws(rng))};
  EXPECT_THAT(problem.names(), Contains("price - mean(price) by group"));
}

TEST(FeatureScreen, TellsNothingOfTooFewRows) {
  Screened problem = ratio_problem(4);
  problem.rows = 200;
  EXPECT_THAT(problem.names(), IsEmpty());
}

}  // namespace
}  // namespace assay::automl
