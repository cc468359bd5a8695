// Constraints and one-side sampling of the tree learners.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <set>

#include "automl/learners/goss.h"
#include "automl/learners/leaf_renewal.h"
#include "automl/learners/row_choice.h"
#include "automl/models/tree_model.h"
#include "kernels/base/rng.h"
#include "kernels/tree_rules.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

const Learner& learner_of(const char* name) { return *must(find_learner(name)); }

// A grid over x0 (numbers 0..39) for each of some settings of x1 and x2. The target rises with x0
// where x1 is low and falls where it is high, with noise: a learner left alone follows both.
std::unique_ptr<Problem> twisted() {
  Lcg lcg(5);
  std::vector<datasets::Column> columns(3);
  for (size_t c = 0; c < 3; ++c) columns[c].name = "x" + std::to_string(c);
  std::vector<double> targets;
  for (int i = 0; i < 1600; ++i) {
    const double x0 = i % 40;
    const double x1 = i / 40 % 4;
    const double x2 = i / 160;
    columns[0].numbers.push_back(x0);
    columns[1].numbers.push_back(x1);
    columns[2].numbers.push_back(x2);
    targets.push_back((x1 < 3 ? x0 : 10 - x0) + 5 * std::sin(x2) + 20 * (lcg.next() - 0.5));
  }
  auto problem = encode_problem(std::move(columns));
  problem->targets = std::move(targets);
  for (uint32_t row = 0; row < 1600; ++row) problem->train_rows.push_back(row);
  bind_problem(*problem, Task::kRegression, 0);
  return problem;
}

// The greatest step against `direction` between neighbours in x0 that agree in x1 and x2.
double worst_step(const Problem& problem, const Model& model, int direction, int32_t output = 0) {
  const Cpu cpu;
  const std::vector<float> out = predictions(model, problem, problem.train_rows, cpu);
  const auto width = static_cast<size_t>(model.output_count());
  double worst = 0;
  for (size_t i = 1; i < problem.train_rows.size(); ++i) {
    if (i % 40 == 0) continue;
    const auto at = [&](size_t row) {
      return double{out[row * width + static_cast<size_t>(output)]};
    };
    worst = std::max(worst, (at(i - 1) - at(i)) * direction);
  }
  return worst;
}

struct MonotoneCase {
  const char* learner;
  const char* objective;
};
class Monotone : public testing::TestWithParam<MonotoneCase> {
 protected:
  FitResult fit(const Problem& problem) const {
    const Cpu cpu;
    ParamMap params;
    if (std::string_view(GetParam().learner) == "gbt") {
      params = {{"rounds", int64_t{40}},
                {"learning_rate", 0.3},
                {"objective", std::string(GetParam().objective)},
                {"min_child_samples", int64_t{3}}};
    } else {
      params = {{"trees", int64_t{20}}};
    }
    return must(learner_of(GetParam().learner).fit(problem.request(params), cpu.context));
  }
};

TEST_P(Monotone, PredictionsKeepToTheDirection) {
  auto problem = twisted();
  for (double& target : problem->targets) target = std::max(target, 0.0);
  bind_problem(*problem, Task::kRegression, 0);
  EXPECT_GT(worst_step(*problem, *fit(*problem).model, 1), 0.5) << "nothing to hold";
  for (const int8_t direction : {1, -1}) {
    const std::vector<int8_t> monotone = {direction, 0, 0};
    problem->data.monotone = monotone;
    EXPECT_TRUE(learner_of(GetParam().learner).keeps_constraints(problem->data));
    const FitResult result = fit(*problem);
    EXPECT_LE(worst_step(*problem, *result.model, direction), 1e-12);
    const Cpu cpu;
    const auto out = predictions(*result.model, *problem, problem->train_rows, cpu);
    const auto [low, high] = std::minmax_element(out.begin(), out.end());
    EXPECT_GT(*high - *low, 5) << "a constant is no feat";
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Monotone,
    testing::Values(MonotoneCase{"gbt", "squared"}, MonotoneCase{"gbt", "huber"},
                    MonotoneCase{"gbt", "absolute"}, MonotoneCase{"gbt", "quantile"},
                    MonotoneCase{"gbt", "poisson"}, MonotoneCase{"random_forest", ""},
                    MonotoneCase{"extra_trees", ""}),
    [](const auto& instance) {
      return std::string(instance.param.learner) + "_" + instance.param.objective;
    });

TEST(MonotoneClasses, ProbabilitiesKeepToTheDirection) {
  auto problem = twisted();
  for (const double target : problem->targets) problem->classes.push_back(target > 15 ? 1 : 0);
  problem->targets.clear();
  bind_problem(*problem, Task::kBinary, 2);
  const Cpu cpu;
  const ParamMap params = {{"rounds", int64_t{40}}, {"learning_rate", 0.3}};
  const auto fit = [&] {
    return must(learner_of("gbt").fit(problem->request(params), cpu.context));
  };
  EXPECT_GT(worst_step(*problem, *fit().model, 1, 1), 0.01);
  const std::vector<int8_t> monotone = {1, 0, 0};
  problem->data.monotone = monotone;
  EXPECT_LE(worst_step(*problem, *fit().model, 1, 1), 1e-12);
  EXPECT_FALSE(learner_of("random_forest").keeps_constraints(problem->data));
  EXPECT_FALSE(learner_of("linear").keeps_constraints(problem->data));
  EXPECT_TRUE(learner_of("constant").keeps_constraints(problem->data));
}

TEST(MonotoneClasses, ThreadsDoNotMatter) {
  auto problem = twisted();
  const std::vector<int8_t> monotone = {1, 0, -1};
  const std::vector<uint64_t> interactions = {1, 3, 2};
  problem->data.monotone = monotone;
  problem->data.interactions = interactions;
  std::string bytes;
  for (const int threads : {1, 2, 7}) {
    const Cpu cpu(threads);
    const FitResult result =
        must(learner_of("gbt").fit(problem->request({{"rounds", int64_t{20}}}), cpu.context));
    if (bytes.empty()) bytes = model_bytes(*result.model);
    EXPECT_EQ(model_bytes(*result.model), bytes) << threads << " threads";
  }
}

// keep_monotone: x <= 1 has leaf 3, else x <= 2 has leaf 5, else 1. Rising: the root's sides are 3
// and (5 + 1) / 2 = 3, so 3 is the middle; within the right side 5 and 1 meet in their mean 3.
TEST(KeepMonotone, HoldsLeavesByTheMeansOfSubtrees) {
  kernels::Tree tree;
  tree.nodes.resize(5);
  tree.nodes[0] = {0, 1, -1, 1, 0, {}};
  tree.nodes[2] = {0, 3, -1, 2, 0, {}};
  tree.nodes[1].left = 0;
  tree.nodes[3].left = 1;
  tree.nodes[4].left = 2;
  tree.covers = {4, 2, 2, 1, 1};
  tree.leaf_values = {3, 5, 1};
  kernels::Tree rising = tree;
  keep_monotone(std::vector<int8_t>{1}, rising);
  EXPECT_EQ(rising.leaf_values, (std::vector<float>{3, 3, 3}));
  kernels::Tree free = tree;
  keep_monotone(std::vector<int8_t>{0}, free);
  EXPECT_EQ(free.leaf_values, tree.leaf_values);
  tree.leaf_values = {0, 5, 8};  // rising already, within the middles 3.25 and 6.5
  keep_monotone(std::vector<int8_t>{1}, tree);
  EXPECT_EQ(tree.leaf_values, (std::vector<float>{0, 5, 8}));
}

// No path of a tree has features of different groups.
TEST(Interactions, FeaturesOfDifferentGroupsNeverShareAPath) {
  auto problem = friedman(Task::kRegression, 800);
  const std::vector<uint64_t> groups = {1, 2, 1, 2, 4, 4, 1};
  problem->data.interactions = groups;
  const Cpu cpu;
  for (const char* name : {"gbt", "random_forest", "extra_trees"}) {
    ParamMap params = {{"trees", int64_t{10}}};
    if (std::string_view(name) == "gbt") params = {{"rounds", int64_t{30}}};
    const FitResult result = must(learner_of(name).fit(problem->request(params), cpu.context));
    const auto& forest = dynamic_cast<const TreeModel&>(*result.model).parts().forest;
    int64_t splits = 0;
    for (int64_t t = 0; t < forest.tree_count(); ++t) {
      const kernels::Tree tree = forest.tree(t);
      std::vector<uint64_t> allowed(tree.nodes.size(), ~uint64_t{0});
      for (size_t i = 0; i < tree.nodes.size(); ++i) {
        if (tree.nodes[i].is_leaf()) continue;
        ++splits;
        const uint64_t group = groups[static_cast<size_t>(tree.nodes[i].feature)];
        ASSERT_NE(allowed[i] & group, 0u) << name;
        const auto left = static_cast<size_t>(tree.nodes[i].left);
        allowed[left] = allowed[left + 1] = allowed[i] & group;
      }
    }
    EXPECT_GT(splits, 3 * forest.tree_count()) << name;
  }
}

struct Drawn {
  std::vector<uint32_t> rows;
  std::vector<uint32_t> drawn;
  double factor = 0;
  bool operator==(const Drawn&) const = default;
};

Drawn draw_rows(std::span<const uint32_t> rows, std::span<const float> sizes,
                const GossShares& shares, uint64_t seed, int threads = 2) {
  backends::cpu::ThreadPool executor(threads);
  const GossDraw draw = must(GossDraw::make(rows, sizes, shares, seed, executor));
  Drawn out;
  out.factor = draw.factor();
  const auto count = static_cast<int64_t>(rows.size());
  for (int64_t begin = 0; begin < count; begin += 64) {
    const GossWord word = draw.word(begin, std::min(begin + 64, count));
    for (int64_t i = begin; i < std::min(begin + 64, count); ++i) {
      if ((word.chosen >> (i - begin) & 1) != 0) out.rows.push_back(rows[static_cast<size_t>(i)]);
      if ((word.drawn >> (i - begin) & 1) != 0) out.drawn.push_back(rows[static_cast<size_t>(i)]);
    }
  }
  return out;
}

// By sorting, and a block of random words for every row.
Drawn draw_by_definition(std::span<const uint32_t> rows, std::span<const float> sizes,
                         const GossShares& shares, uint64_t seed) {
  Drawn out;
  out.factor = (1 - shares.top) / shares.other;
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  order.resize(static_cast<size_t>(std::llround(shares.top * static_cast<double>(rows.size()))));
  const std::set<size_t> kept(order.begin(), order.end());
  const auto limit = static_cast<uint64_t>(shares.other / (1 - shares.top) * 4294967296.0);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto words = philox_block(
        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, {rows[i] / 4, 0, 0, 3});
    const bool drawn = !kept.contains(i) && words[rows[i] % 4] < limit;
    if (drawn) out.drawn.push_back(rows[i]);
    if (drawn || kept.contains(i)) out.rows.push_back(rows[i]);
  }
  return out;
}

TEST(Goss, DrawsByItsDefinitionOnAnyThreads) {
  Lcg lcg(3);
  for (const size_t count : {1u, 63u, 64u, 4097u, 40'000u}) {
    for (const int levels : {1, 3, 1000, 1 << 24}) {
      std::vector<uint32_t> rows;
      std::vector<float> sizes;
      for (size_t i = 0; i < count; ++i) {
        rows.push_back((rows.empty() ? 0 : rows.back()) + 1 +
                       static_cast<uint32_t>(3 * lcg.next()));
        const double size =
            std::floor(lcg.next() * levels) * std::pow(2, std::floor(9 * lcg.next()));
        sizes.push_back(static_cast<float>(size * 1e-3));
      }
      for (const GossShares shares : {GossShares{0.2, 0.1}, GossShares{0.5, 0.3}}) {
        const Drawn expected = draw_by_definition(rows, sizes, shares, 1234567890123);
        for (const int threads : {1, 2, 33}) {
          EXPECT_EQ(draw_rows(rows, sizes, shares, 1234567890123, threads), expected)
              << count << " rows, " << levels << " levels, " << threads << " threads";
        }
      }
    }
  }
}

TEST(Goss, KeepsTheLargestAndDrawsFromTheRest) {
  std::vector<uint32_t> rows;
  std::vector<float> sizes;
  for (uint32_t i = 0; i < 10'000; ++i) {
    rows.push_back(2 * i + 1);
    sizes.push_back(static_cast<float>((i * 7919) % 10'000));
  }
  const Drawn sample = draw_rows(rows, sizes, {0.2, 0.1}, 9);
  EXPECT_DOUBLE_EQ(sample.factor, 8);
  EXPECT_TRUE(std::is_sorted(sample.rows.begin(), sample.rows.end()));
  EXPECT_EQ(sample.rows.size() - sample.drawn.size(), 2000u);
  EXPECT_NEAR(static_cast<double>(sample.drawn.size()), 1000, 150);
  for (uint32_t i = 0; i < 10'000; ++i) {
    const bool chosen = std::binary_search(sample.rows.begin(), sample.rows.end(), rows[i]);
    const bool drawn = std::binary_search(sample.drawn.begin(), sample.drawn.end(), rows[i]);
    if (sizes[i] >= 8000) {
      EXPECT_TRUE(chosen && !drawn);
    } else {
      EXPECT_EQ(chosen, drawn);
    }
  }
}

TEST(Goss, BreaksTiesByLowestRowAndTakesAllIfToldTo) {
  const std::vector<uint32_t> rows = {3, 5, 8, 9};
  const Drawn tied = draw_rows(rows, std::vector<float>{1, 1, 1, 2}, {0.5, 1e-12}, 1);
  EXPECT_EQ(tied.rows, (std::vector<uint32_t>{3, 9}));
  const Drawn all = draw_rows(rows, std::vector<float>{4, 3, 2, 1}, {0.25, 0.75}, 1);
  EXPECT_EQ(all.rows, rows);
  EXPECT_EQ(all.drawn, (std::vector<uint32_t>{5, 8, 9}));
  EXPECT_DOUBLE_EQ(all.factor, 1);
  const Drawn none = draw_rows({}, {}, {0.2, 0.1}, 1);
  EXPECT_TRUE(none.rows.empty());
}

TEST(Goss, LosesLittleAgainstAllRows) {
  const Cpu cpu;
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    const auto problem = friedman(task, 4000);
    const auto score = [&](const ParamMap& params) {
      const FitResult result = must(learner_of("gbt").fit(problem->request(params), cpu.context));
      return valid_score(*result.model, *problem, cpu);
    };
    const double all = score({});
    const double goss = score({{"sampling", std::string("goss")}});
    std::printf("%s: %.4f with all rows, %.4f with goss\n", std::string(name_of(task)).c_str(), all,
                goss);
    EXPECT_LT(goss, all * 1.25);
  }
}

TEST(Goss, GivesTheSameBitsOnAnyThreads) {
  const auto problem = friedman(Task::kMulticlass, 6000);
  std::string bytes;
  for (const int threads : {1, 2, 33}) {
    const Cpu cpu(threads);
    const FitResult result = must(learner_of("gbt").fit(
        problem->request({{"rounds", int64_t{15}}, {"sampling", std::string("goss")}}),
        cpu.context));
    if (bytes.empty()) bytes = model_bytes(*result.model);
    EXPECT_EQ(model_bytes(*result.model), bytes) << threads << " threads";
  }
}

TEST(Goss, RefusesSettingsThatDoNotGoTogether) {
  const auto problem = friedman(Task::kRegression, 100);
  const Cpu cpu;
  const auto message = [&](ParamMap params) {
    params["sampling"] = std::string("goss");
    const auto result = learner_of("gbt").fit(problem->request(params), cpu.context);
    const Status checked = learner_of("gbt").check(problem->data, params);
    EXPECT_FALSE(checked.has_value());
    return result ? std::string() : result.error().message;
  };
  EXPECT_EQ(message({{"goss_top_fraction", 0.8}, {"goss_other_fraction", 0.5}}),
            "goss_top_fraction=0.8 and goss_other_fraction=0.5 (together they must be at most 1)");
  EXPECT_THAT(message({{"objective", std::string("quantile")}}),
              testing::HasSubstr("sampling=goss does not go with objective=quantile"));
}

// A search draws row_fraction whatever the sampling is, so that only who sets it is told.
TEST(Goss, RefusesARowFractionThatIsSetBesideIt) {
  const auto problem = friedman(Task::kRegression, 100);
  const Cpu cpu;
  ParamMap params = {
      {"sampling", std::string("goss")}, {"row_fraction", 0.5}, {"rounds", int64_t{3}}};
  const Status checked = learner_of("gbt").check(problem->data, params);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, StatusCode::kConfig);
  EXPECT_EQ(checked.error().message,
            "row_fraction=0.5 does not go with sampling=goss, whose shares of the rows are "
            "goss_top_fraction and goss_other_fraction (sampling=uniform takes row_fraction)");
  const FitResult drawn = must(learner_of("gbt").fit(problem->request(params), cpu.context));
  params["row_fraction"] = 1.0;
  EXPECT_TRUE(learner_of("gbt").check(problem->data, params));
  const FitResult plain = must(learner_of("gbt").fit(problem->request(params), cpu.context));
  EXPECT_EQ(model_bytes(*drawn.model), model_bytes(*plain.model));
  params["sampling"] = std::string("uniform");
  params["row_fraction"] = 0.5;
  EXPECT_TRUE(learner_of("gbt").check(problem->data, params));
}

TEST(RowChoice, SplitsRowsAndMergesTheRest) {
  Lcg lcg(8);
  for (const size_t count : {0u, 1u, 64u, 4096u, 4097u, 20'001u}) {
    std::vector<uint32_t> rows;
    std::vector<uint32_t> beside;
    for (uint32_t row = 0; rows.size() < count || row < 100; ++row) {
      (rows.size() < count && lcg.next() < 0.8 ? rows : beside).push_back(row);
    }
    const auto takes = [](uint32_t row) { return row % 3 == 0 || row % 1000 > 800; };
    const auto word_of = [&](int64_t begin, int64_t end) {
      uint64_t word = 0;
      for (int64_t i = begin; i < end; ++i) {
        word |= uint64_t{takes(rows[static_cast<size_t>(i)])} << (i - begin);
      }
      return word;
    };
    std::vector<uint32_t> chosen;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(chosen), takes);
    std::vector<uint32_t> left;
    std::set_difference(rows.begin(), rows.end(), chosen.begin(), chosen.end(),
                        std::back_inserter(left));
    std::vector<uint32_t> rest;
    std::merge(left.begin(), left.end(), beside.begin(), beside.end(), std::back_inserter(rest));
    for (const int threads : {1, 2, 33}) {
      backends::cpu::ThreadPool executor(threads);
      RowChoice choice(rows, beside);
      const auto write = [&](bool all) {
        std::vector<uint32_t> mine(static_cast<size_t>(choice.chosen_count()));
        std::vector<uint32_t> others(static_cast<size_t>(choice.rest_count()));
        EXPECT_TRUE(choice.write(executor, mine, others));
        EXPECT_EQ(mine, all ? rows : chosen) << count;
        EXPECT_EQ(others, all ? beside : rest) << count;
        std::fill(mine.begin(), mine.end(), 0u);
        EXPECT_TRUE(choice.write(executor, mine, {}));
        EXPECT_EQ(mine, all ? rows : chosen) << count;
      };
      EXPECT_TRUE(choice.choose(executor, word_of));
      write(false);
      EXPECT_TRUE(choice.choose_all(executor));
      write(true);
    }
  }
}

}  // namespace
}  // namespace assay::automl
