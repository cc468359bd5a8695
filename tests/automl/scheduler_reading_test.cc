// A table that is slow to read, in virtual time: each step of reading takes a second.
#include <gmock/gmock.h>

#include <fstream>
#include <limits>
#include <numeric>
#include <regex>
#include <string>
#include <tuple>

#include "tests/automl/scheduler_fakes.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using testing::HasSubstr;

class SlowExecutor final : public Executor {
 public:
  SlowExecutor(ManualClock& clock, const bool& reading) : clock_(clock), reading_(reading) {}
  int thread_count() const override { return 1; }
  Status parallel_for(int64_t count, FunctionRef<void(int64_t, int)> body) override {
    if (reading_) clock_.advance(kSecond);
    return SerialExecutor().parallel_for(count, body);
  }

 private:
  ManualClock& clock_;
  const bool& reading_;
};

class SlowReading : public SweepObserver {
 public:
  void on_progress(const SweepProgress& progress) override {
    if (reading && progress.phase != SweepPhase::kReading) seconds = progress.elapsed_seconds;
    reading = progress.phase == SweepPhase::kReading;
  }
  bool reading = false;
  double seconds = 0;  // when reading was over
};

// A sweep over a file of about 20 MB, with `budget` seconds.
struct SlowSweep {
  explicit SlowSweep(const std::string& text, double budget) {
    const std::string path = bench.folder() / "t.csv";
    std::ofstream(path) << text;
    bench.request.table = nullptr;
    bench.request.observer = &observer;
    bench.request.config.data.train = path;
    bench.request.config.data.target = "y";
    // Small blocks are read, and so many steps made.
    bench.request.config.budget.memory = int64_t{900} << 20;
    bench.request.config.budget.time = budget;
    bench.request.compute.make_executor = [this](int) {
      return std::make_unique<SlowExecutor>(bench.clock, observer.reading);
    };
    bench.add(std::make_unique<FakeLearner>("constant"));
    outcome = bench.run();
  }
  SweepBench bench;
  SlowReading observer;
  Result<SweepOutcome> outcome = fail(StatusCode::kInternal, "not run");
};

std::string table_text(std::string_view target = "") {
  std::string text = "x,long_number,y\n";
  for (int row = 0; row < 500'000; ++row) {
    text += fmt::format("{},{}.123456789012345678901234,{}\n", row % 97, row,
                        target.empty() ? fmt::format("{}.5", row % 13) : std::string(target));
  }
  return text;
}

TEST(SlowTable, GetsAModelHoweverLateItIsRead) {
  const std::string text = table_text();
  const SlowSweep free(text, 1000);
  ASSERT_TRUE(free.outcome) << free.outcome.error().message;
  const double reading = free.observer.seconds;
  ASSERT_GT(reading, 8);
  for (const double share : {0.55, 0.7, 0.8}) {
    const SlowSweep late(text, reading / share);
    ASSERT_TRUE(late.outcome) << share << ": " << late.outcome.error().message;
    EXPECT_EQ(late.outcome->model_version, 1);
    EXPECT_LE(late.outcome->wall_seconds, reading / share);
  }
}

TEST(SlowTable, SaysWhatBudgetIsNeededFromWhatWasRead) {
  const std::string text = table_text();
  const SlowSweep free(text, 1000);
  const double reading = free.observer.seconds;
  const SlowSweep early(text, 0.4 * reading);
  ASSERT_FALSE(early.outcome);
  EXPECT_EQ(early.outcome.error().code, StatusCode::kBudgetTooSmall);
  const std::string message = early.outcome.error().message;
  EXPECT_THAT(message, HasSubstr("% of it) was not done after"));
  std::smatch found;
  ASSERT_TRUE(std::regex_search(message, found, std::regex("about ([0-9.]+) s are needed")))
      << message;
  const double needed = std::stod(found[1]);
  EXPECT_LT(needed, 2 * reading);
  EXPECT_TRUE(SlowSweep(text, needed).outcome) << message;
}

TEST(Sweep, LeavesNoRunWhereTheConfigDoesNotGoWithTheTarget) {
  for (const auto& [metric, code, says] :
       {std::tuple{"f1", StatusCode::kConfig, "data.metric: metric 'f1' does not apply"},
        std::tuple{
            "mape", StatusCode::kData,
            "data.metric: mape is undefined: the target of row 1 is 0 (must not be 0), in "}}) {
    SweepBench bench;
    bench.add(std::make_unique<FakeLearner>("constant"));
    bench.request.config.budget.trials = 2;
    bench.request.config.data.metric = metric;
    const auto outcome = bench.run();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, code);
    EXPECT_THAT(outcome.error().message, HasSubstr(says));
    const auto list = tracking::list_runs(*bench.request.workspace);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->runs.empty());
  }
}

TEST(Sweep, LeavesNoRunWhereAColumnWithARoleHoldsWhatItMustNot) {
  using Option = std::string DataOptions::*;
  const double missing = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [option, value, says] :
       {std::tuple<Option, double, const char*>{&DataOptions::weight, -2.0,
                                                "data.weight: column 'w', row 8: -2 (must be"},
        std::tuple<Option, double, const char*>{&DataOptions::time_column, missing,
                                                "data.time_column: column 'w', row 8: missing"}}) {
    SweepBench bench;
    bench.add(std::make_unique<FakeLearner>("constant"));
    bench.request.config.budget.trials = 2;
    bench.request.config.data.*option = "w";
    std::vector<double> numbers(30);
    std::iota(numbers.begin(), numbers.end(), 1.0);
    std::vector<double> role = numbers;
    role[7] = value;
    bench.request.table = table_of(
        {number_column("x", numbers), number_column("w", role), number_column("y", numbers)});
    const auto outcome = bench.run();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, StatusCode::kData);
    EXPECT_THAT(outcome.error().message, HasSubstr(says));
    const auto list = tracking::list_runs(*bench.request.workspace);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->runs.empty());
  }
}

}  // namespace
}  // namespace assay::automl
