// Rankings: gbt with objective lambdarank, validated by ndcg.
#include <algorithm>
#include <string>

#include "automl/learners/boosting.h"
#include "automl/metrics/metric.h"
#include "tests/automl/learner_fixture.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::automl {
namespace {

constexpr int64_t kQueryRows = 16;

const Learner& gbt() { return *must(find_learner("gbt")); }

// The problem of learner_fixture.h in queries of 16 rows: relevances 0 to 4 by the value, which
// differs from query to query by more than any feature tells.
struct Ranking {
  explicit Ranking(int64_t rows, Aim aim = {AimKind::kRanking, 10})
      : problem(friedman(Task::kRegression, rows)) {
    Lcg lcg(7);
    double offset = 0;
    for (size_t row = 0; row < problem->targets.size(); ++row) {
      if (row % kQueryRows == 0) offset = 24 * (lcg.next() - 0.5);
      queries.push_back(static_cast<int32_t>(row / kQueryRows));
      double& target = problem->targets[row];
      target = std::clamp(std::floor((target + offset) / 5), 0.0, 4.0);
    }
    bind_problem(*problem, Task::kRegression, 0);
    problem->data.queries = queries;
    problem->data.aim = aim;
  }
  double score(const Model& model, const Cpu& cpu, std::string_view metric = "ndcg_10") const {
    const std::span<const uint32_t> rows = problem->valid_rows;
    std::vector<float> out(rows.size());
    EXPECT_TRUE(model.predict(*problem->features, rows, cpu.context, out, {}));
    std::vector<double> values;
    std::vector<int32_t> asked;
    for (const uint32_t row : rows) {
      values.push_back(problem->targets[row]);
      asked.push_back(queries[row]);
    }
    return must(
        must(Metric::find(metric))
            .score({out.data(), static_cast<int64_t>(rows.size()), 1}, {{}, values, asked}));
  }

  std::unique_ptr<Problem> problem;
  std::vector<int32_t> queries;
};

TEST(GbtRanking, OrdersRowsBetterThanTheirValuesDo) {
  const Ranking ranking(4800);
  const Cpu cpu;
  const auto ranked = must(gbt().fit(ranking.problem->request(), cpu.context));
  const auto valued = must(
      gbt().fit(ranking.problem->request({{"objective", std::string("squared")}}), cpu.context));
  const double by_order = ranking.score(*ranked.model, cpu);
  EXPECT_GT(by_order, ranking.score(*valued.model, cpu) + 0.01);
  EXPECT_GT(by_order, 0.85);
}

TEST(GbtRanking, IsValidatedByTheMetric) {
  for (const auto& [metric, ranks] :
       {std::pair("ndcg_5", 5.0), std::pair("ndcg_10", 10.0), std::pair("ndcg", kAllRanks)}) {
    const Ranking ranking(1600, {AimKind::kRanking, ranks});
    const Cpu cpu;
    const auto fit = must(gbt().fit(ranking.problem->request(), cpu.context));
    EXPECT_NEAR(fit.valid_loss, 1 - ranking.score(*fit.model, cpu, metric), 1e-6) << metric;
    EXPECT_LT(fit.best_iteration, fit.iterations) << metric;
  }
}

TEST(GbtRanking, IsTheSameOnAnyNumberOfThreads) {
  const Ranking ranking(1600);
  for (const ParamMap& params :
       {ParamMap{}, ParamMap{{"row_fraction", 0.5}}, ParamMap{{"sampling", std::string("goss")}}}) {
    std::vector<std::string> models;
    for (const int threads : {1, 2, 3}) {
      const Cpu cpu(threads);
      ParamMap some = params;
      some["rounds"] = int64_t{40};
      const auto fit = must(gbt().fit(ranking.problem->request(some), cpu.context));
      std::vector<float> out(ranking.problem->targets.size());
      ASSERT_TRUE(fit.model->predict_all(*ranking.problem->features, cpu.context, out, {}));
      models.emplace_back(reinterpret_cast<const char*>(out.data()), 4 * out.size());
    }
    EXPECT_EQ(models[0], models[1]);
    EXPECT_EQ(models[0], models[2]);
  }
}

// All of a fit but its validation by ndcg.
TEST(GbtRanking, IsTheSameOnAGpu) {
  for (const ParamMap& params :
       {ParamMap{}, ParamMap{{"row_fraction", 0.5}, {"growth", std::string("symmetric")}}}) {
    ParamMap some = params;
    some["rounds"] = int64_t{4};
    std::vector<std::string> models;
    for (const bool on_gpu : {false, true}) {
      const Ranking ranking(800);
      conformance::EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
      kernels::Usage usage;
      const kernels::UsageScope scope(&usage);
      Cpu cpu;
      if (on_gpu) cpu.context.device = gpu.device.get();
      const auto fit = must(gbt().fit(ranking.problem->request(some), cpu.context));
      models.push_back(model_bytes(*fit.model));
      std::vector<std::string> ranked_by;
      for (const kernels::KernelUse& use : usage.list()) {
        if (use.op != kernels::LossGradients::kName) continue;
        ranked_by.push_back(use.device + " " + use.kernel);
      }
      EXPECT_EQ(ranked_by,
                std::vector<std::string>{on_gpu ? "cuda:emu cuda.pairs" : "cpu cpu.pairs"});
      ranking.problem->features.reset();  // before the GPU
    }
    EXPECT_EQ(models[0], models[1]);
  }
}

// A query's rows count together, wherever they stand in the table.
TEST(GbtRanking, KnowsRowsOfAQueryThatLieApart) {
  const Ranking together(1600);
  Ranking apart(1600);
  std::vector<int32_t> numbers;
  for (const int32_t query : apart.queries) numbers.push_back(1000 - 3 * query);
  apart.problem->data.queries = numbers;
  const Cpu cpu;
  const auto a = must(gbt().fit(together.problem->request(), cpu.context));
  const auto b = must(gbt().fit(apart.problem->request(), cpu.context));
  EXPECT_NEAR(a.valid_loss, b.valid_loss, 0.02);
}

TEST(GbtRanking, WantsQueriesAndRelevances) {
  Ranking ranking(320);
  const Cpu cpu;
  ranking.problem->targets[2] = -1;
  auto fit = gbt().fit(ranking.problem->request(), cpu.context);
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().message, "the target of row 3 is -1 (must be >= 0)");
  ranking.problem->targets[2] = 0;
  ranking.problem->data.queries = {};
  const ParamMap named{{"objective", std::string("lambdarank")}};
  for (const Status& status :
       {gbt().check(ranking.problem->data, named),
        Status(gbt().fit(ranking.problem->request(named), cpu.context).map([](auto&&) {}))}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, StatusCode::kConfig);
    EXPECT_EQ(status.error().message,
              "objective=lambdarank wants data.group, the column of the queries whose answers are "
              "ranked");
  }
}

}  // namespace
}  // namespace assay::automl
