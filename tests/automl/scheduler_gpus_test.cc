// Sweeps on several GPUs of one machine, emulated, with the learners and kernels that users get.
#include <gmock/gmock.h>

#include "automl/scheduler/trial_record.h"
#include "backends/cuda/module.h"
#include "tests/automl/scheduler_fakes.h"
#include "tests/conformance/emulated_gpu.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using backends::cuda::Outcome;
using testing::StartsWith;

constexpr int64_t kGpuBytes = int64_t{1} << 30;

// What a sweep comes to: its leaderboard and model, and where its trials ran.
struct GpuSweep {
  std::string answer;
  int64_t failed = 0;
  std::map<std::string, int64_t> trials;  // by device
  std::vector<std::string> moved_from;
  std::map<std::string, int64_t> launches;  // of histograms, by device
};

// On the GPUs, the CPU standing by for what they fail; without one on the CPU.
GpuSweep sweep_on(const std::vector<kernels::Device*>& gpus) {
  SweepBench bench;
  if (!gpus.empty()) {
    bench.request.compute.devices = gpus;
    bench.request.compute.spare = {bench.request.compute.host};
  }
  bench.request.table = small_table(300, true);
  bench.request.config.validation.folds = 2;
  bench.request.config.run.slots = 4;
  bench.request.threads = 4;
  ParamOverride rounds;
  rounds.name = "rounds";
  rounds.setting = ParamValue(int64_t{3});
  bench.request.config.learners = {{"gbt", {rounds}}};
  bench.request.config.budget.trials = 16;
  const auto outcome = bench.run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  GpuSweep sweep;
  if (!outcome) return sweep;
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    sweep.answer += fmt::format("{} {} {} {} {}\n", row.rank, row.trial, row.learner,
                                row.score.value_or(-1), row.params);
  }
  sweep.answer += tracking::slurp(outcome->model_path);
  sweep.failed = outcome->failed;
  tracking::Workspace& workspace = *bench.request.workspace;
  const auto list =
      tracking::list_runs(workspace, {.kind = "trial", .parent_run_id = outcome->run_id});
  EXPECT_TRUE(list);
  for (const tracking::RunInfo& info : list->runs) {
    const auto record = tracking::load_run(workspace, info.run_id);
    EXPECT_TRUE(record) << record.error().message;
    ++sweep.trials[record->tags.at("device").text()];
    const auto from = record->tags.find("moved_from");
    if (from != record->tags.end()) sweep.moved_from.push_back(from->second.text());
    for (const kernels::KernelUse& use : read_kernel_table(*record)) {
      if (use.kernel == "histogram") sweep.launches[use.device] += use.calls;
    }
  }
  return sweep;
}

TEST(Gpus, TwoOfThemSideBySideGiveTheAnswerOfTheCpu) {
  const GpuSweep cpu = sweep_on({});
  conformance::EmulatedDriver driver(2, kGpuBytes);
  const auto gpus = backends::cuda::open_gpus(driver);
  ASSERT_TRUE(gpus.has_value()) << gpus.error().message;
  GpuSweep all = sweep_on({(*gpus)[0].get(), (*gpus)[1].get()});
  EXPECT_TRUE(all.answer == cpu.answer);
  EXPECT_EQ(all.failed, 0);
  EXPECT_TRUE(all.moved_from.empty());
  for (const char* gpu : {"cuda:0", "cuda:1"}) {
    EXPECT_GT(all.trials.count(gpu), 0u) << gpu;
    EXPECT_GT(all.launches[gpu], 0) << gpu;
  }
}

TEST(Gpus, TrialsOfTheOneThatIsLostAreDoneOnAnotherDevice) {
  const GpuSweep cpu = sweep_on({});
  conformance::EmulatedDriver driver(2, kGpuBytes);
  const auto gpus = backends::cuda::open_gpus(driver);
  ASSERT_TRUE(gpus.has_value()) << gpus.error().message;
  driver.log().failure = Outcome::kLost;
  driver.log().failing_gpu = 1;
  driver.log().fail_at = 200;  // in the middle of a fit
  const GpuSweep rest = sweep_on({(*gpus)[0].get(), (*gpus)[1].get()});
  EXPECT_TRUE(rest.answer == cpu.answer);
  EXPECT_EQ(rest.failed, 0);
  EXPECT_EQ(rest.trials.count("cuda:1"), 0u);
  EXPECT_GT(rest.moved_from.size(), 0u);
  EXPECT_EQ(rest.trials.count("cpu"), 1u) << "it stands by";
  for (const std::string& from : rest.moved_from) EXPECT_THAT(from, StartsWith("cuda:1 (device:"));
}

}  // namespace
}  // namespace assay::automl
