// Learners of trees on a GPU whose memory the table exceeds: it stays in the host's and streams.
#include <gmock/gmock.h>

#include "datasets/table_placement.h"
#include "kernels/usage.h"
#include "tests/automl/learner_fixture.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::automl {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::Not;

constexpr int64_t kWideRows = 1500;
constexpr size_t kWideColumns = 300;
constexpr int64_t kSmallBytes = 590'000;   // 450,000 of bins are more than three quarters
constexpr int64_t kLargeBytes = 16 << 20;  // everything fits

// Columns of few values, a class that some of them tell.
std::unique_ptr<Problem> wide_problem() {
  Lcg lcg(7);
  std::vector<datasets::Column> columns(kWideColumns);
  for (size_t c = 0; c < kWideColumns; ++c) columns[c].name = "x" + std::to_string(c);
  std::vector<int32_t> classes;
  for (int64_t row = 0; row < kWideRows; ++row) {
    double sum = lcg.next();
    for (size_t c = 0; c < kWideColumns; ++c) {
      const double value = std::floor(8 * lcg.next());
      columns[c].numbers.push_back(value);
      if (c % 74 == 0) sum += value;
    }
    classes.push_back(sum < 14 ? 0 : (sum < 21 ? 1 : 2));
  }
  auto problem = encode_problem(std::move(columns));
  problem->classes = std::move(classes);
  for (int64_t row = 0; row < kWideRows; ++row) {
    auto& side = row % 4 < 3 ? problem->train_rows : problem->valid_rows;
    side.push_back(static_cast<uint32_t>(row));
  }
  bind_problem(*problem, Task::kMulticlass, 3);
  return problem;
}

struct Fitted {
  std::string bytes;
  std::vector<float> predictions;
  std::vector<kernels::KernelUse> uses;
  int64_t sent = 0;  // bytes, to the GPU
};

Fitted fit_on(Problem& problem, const Learner& learner, const ParamMap& params, Cpu& cpu) {
  kernels::Usage usage;
  const kernels::UsageScope scope(&usage);
  const FitResult result = must(learner.fit(problem.request(params), cpu.context));
  Fitted fitted{model_bytes(*result.model),
                predictions(*result.model, problem, problem.valid_rows, cpu), usage.list(), 0};
  for (const kernels::KernelUse& use : fitted.uses) {
    if (use.op == kernels::kCopyOp && use.kernel == kernels::kToDevice) fitted.sent += use.bytes;
  }
  return fitted;
}

auto ran(const std::string& kernel) {
  return Contains(AllOf(Field(&kernels::KernelUse::device, "cuda:emu"),
                        Field(&kernels::KernelUse::kernel, kernel)));
}

class StreamedLearner : public testing::TestWithParam<const char*> {};

TEST_P(StreamedLearner, GivesTheModelOfTheCpu) {
  const Learner& learner = *must(find_learner(GetParam()));
  const bool boosts = learner.name() == "gbt";
  const ParamMap params = {{boosts ? "rounds" : "trees", int64_t{2}}, {"max_leaves", int64_t{8}}};
  Cpu cpu;
  const Fitted expected = fit_on(*wide_problem(), learner, params, cpu);
  for (const int64_t memory : {kSmallBytes, kLargeBytes}) {
    conformance::EmulatedGpu gpu = conformance::open_emulated_gpu(memory);
    const bool exceeds =
        datasets::exceeds_device(gpu.device->info(), kWideRows * int64_t{kWideColumns});
    EXPECT_EQ(exceeds, memory == kSmallBytes);
    Cpu with_gpu;
    with_gpu.context.device = gpu.device.get();
    const auto problem = wide_problem();
    const Fitted fitted = fit_on(*problem, learner, params, with_gpu);
    EXPECT_EQ(fitted.bytes, expected.bytes);
    EXPECT_EQ(fitted.predictions, expected.predictions);
    EXPECT_THAT(fitted.uses, ran("divide_rows"));
    if (exceeds) {
      EXPECT_THAT(fitted.uses, ran("range_sums"));
      EXPECT_GT(fitted.sent, 2 * kWideRows * int64_t{kWideColumns}) << "as often as trees need it";
    } else {
      EXPECT_THAT(fitted.uses, Not(ran("range_sums")));
    }
    problem->features.reset();  // before the GPU
  }
}

INSTANTIATE_TEST_SUITE_P(Trees, StreamedLearner, testing::Values("gbt", "random_forest"));

// The table's columns are let go once all devices have their bins.
TEST(StreamedTable, NeedsNothingButTheHostsBins) {
  const auto problem = wide_problem();
  conformance::EmulatedGpu gpu = conformance::open_emulated_gpu(kSmallBytes);
  Cpu cpu;
  cpu.context.device = gpu.device.get();
  const auto host = must(problem->features->bins(*cpu.context.host, cpu.context));
  problem->features->release();
  const auto view = must(problem->features->growth_bins(*gpu.device, cpu.context));
  EXPECT_TRUE(view.on_host);
  EXPECT_EQ(view.bins, host.bins);
  EXPECT_EQ(gpu.device->uploaded_bytes(), 0);
}

}  // namespace
}  // namespace assay::automl
