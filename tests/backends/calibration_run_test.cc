#include "backends/calibration_run.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "backends/cpu/device.h"
#include "backends/devices.h"
#include "kernels/base/executor.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"

namespace assay::backends {
namespace {

using conformance::DiscreteDevice;
using testing::ElementsAre;
using testing::HasSubstr;

// Each look at it takes so long.
class TickingClock final : public Clock {
 public:
  explicit TickingClock(int64_t tick_ns) : tick_ns_(tick_ns) {}
  int64_t now_ns() const override { return now_ns_ += tick_ns_; }

 private:
  int64_t tick_ns_;
  mutable int64_t now_ns_ = 0;
};

// A product that takes 500 ns and two for each unit of its cost, on a clock of its own.
ManualClock toy_clock;
double toy_cost(const kernels::DeviceInfo&, const kernels::GemmProblem& problem) {
  return static_cast<double>(problem.m * problem.n * problem.k);
}
std::optional<std::string> toy_decline(const kernels::DeviceInfo&, const kernels::GemmProblem&) {
  return std::nullopt;
}
Status toy_run(const kernels::OpContext&, const kernels::GemmProblem& problem,
               const kernels::GemmArgs&) {
  toy_clock.advance(500 + 2 * problem.m * problem.n * problem.k);
  return {};
}
Status failing_run(const kernels::OpContext&, const kernels::GemmProblem&,
                   const kernels::GemmArgs&) {
  return fail(StatusCode::kDevice, "it broke");
}

class CalibrationRunTest : public testing::Test {
 protected:
  kernels::OpContext context(kernels::Device& device) { return {&device, &executor_, &stop_}; }
  SerialExecutor executor_;
  StopToken stop_;
  cpu::CpuDevice host_{int64_t{1} << 30};
};

TEST_F(CalibrationRunTest, FitsWhatItTimed) {
  kernels::KernelSet set;
  set.table<kernels::Gemm>().add({"cpu.toy", "cpu", toy_decline, toy_cost, toy_run});
  set.table<kernels::Gemm>().add({"cpu.broken", "cpu", toy_decline, toy_cost, failing_run});
  set.table<kernels::Gemm>().add({"other.toy", "other", toy_decline, toy_cost, toy_run});
  const auto run = calibrate_device(set, context(host_), toy_clock);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->device.kind, "cpu");
  EXPECT_EQ(run->device.device, (kernels::DeviceIdentity{host_.info().name, 0}));
  ASSERT_EQ(run->device.ops.size(), 1u);
  EXPECT_EQ(run->device.ops[0].implementation, "cpu.toy");
  EXPECT_NEAR(run->device.ops[0].fit.factor, 2, 1e-3);
  EXPECT_NEAR(run->device.ops[0].fit.wait_ns, 500, 50);
  EXPECT_THAT(run->failed, ElementsAre("gemm (cpu.broken): it broke"));

  kernels::Calibration calibration;
  calibration.devices = {run->device};
  kernels::apply_calibration(calibration, set);
  const auto plan = kernels::plan_op(set.table<kernels::Gemm>(), host_.info(), {10, 10, 10});
  ASSERT_EQ(plan.candidates.size(), 2u);
  ASSERT_NE(plan.candidates[0].fit, nullptr);
  EXPECT_NEAR(plan.candidates[0].cost, 2500, 60);
  EXPECT_EQ(plan.candidates[1].fit, nullptr);
}

// With a clock by which all are fast, so that every size runs.
TEST_F(CalibrationRunTest, HasProblemsForEveryOpOfTheCpu) {
  auto devices = open_devices({.memory_bytes = int64_t{1} << 30});
  ASSERT_TRUE(devices) << devices.error().message;
  const auto run =
      calibrate_device(devices->kernels(), context(devices->host()), TickingClock(1000));
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_THAT(run->failed, ElementsAre());
  std::set<std::string> timed;
  for (const kernels::CalibratedOp& op : run->device.ops) timed.insert(op.op);
  devices->kernels().for_each([&]<class Op>(const kernels::OpTable<Op>& table) {
    EXPECT_EQ(timed.contains(std::string(Op::kName)), table.declared_by("cpu")) << Op::kName;
  });
}

// Its addresses are not the host's: whoever mixes them up ends the test.
TEST_F(CalibrationRunTest, PlacesItsProblemsOnTheDevice) {
  kernels::KernelSet set;
  conformance::register_discrete_kernels(set);
  DiscreteDevice device("card:0", int64_t{1} << 28);
  // A clock by which the smallest problems take long, so that no others follow.
  const auto run = calibrate_device(set, context(device), TickingClock(2 * kLongestRun));
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_THAT(run->failed, ElementsAre());
  EXPECT_GE(run->device.ops.size(), 8u);
  for (const kernels::CalibratedOp& op : run->device.ops) {
    EXPECT_EQ(op.fit.wait_ns, 0) << op.op << " was timed on one size";
  }
  EXPECT_EQ(device.held_bytes(), 0);
}

TEST_F(CalibrationRunTest, SaysWhyItCannot) {
  kernels::KernelSet set;
  conformance::register_discrete_kernels(set);
  DiscreteDevice small("card:0", int64_t{1} << 20);
  EXPECT_EQ(calibrate_device(set, context(small), toy_clock).error().code,
            StatusCode::kResourceExhausted);
  EXPECT_EQ(small.held_bytes(), 0);
  stop_.request();
  EXPECT_EQ(calibrate_device(set, context(host_), toy_clock).error().code, StatusCode::kCancelled);
}

}  // namespace
}  // namespace assay::backends
