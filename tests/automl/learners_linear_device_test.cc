// Linear models on a device with memory of its own.
#include <gmock/gmock.h>

#include "automl/learners/linear_loss.h"
#include "automl/models/linear_model.h"
#include "kernels/usage.h"
#include "tests/automl/learner_fixture.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"

namespace assay::automl {
namespace {

using kernels::KernelUse;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::Not;

const Learner& linear_on_device() { return *must(find_learner("linear")); }

// The CPU's kernels and, on a discrete device, the references of all ops.
struct DiscreteCpu : Cpu {
  DiscreteCpu() {
    static const kernels::KernelSet* const kKernels = [] {
      auto* both = new kernels::KernelSet(device_set().kernels());
      conformance::register_discrete_kernels(*both);
      return both;
    }();
    context.kernels = kKernels;
    context.device = &device;
  }
  conformance::DiscreteDevice device{"discrete:0", int64_t{1} << 28};
};

struct LinearCase {
  std::string name;
  Task task;
  AimKind aim = AimKind::kMean;
};

const std::array<LinearCase, 4> kCases = {{{"binary", Task::kBinary},
                                           {"multiclass", Task::kMulticlass},
                                           {"regression", Task::kRegression},
                                           {"counts", Task::kRegression, AimKind::kCount}}};

// With weights, some 0, and counts of 0 where those are the aim.
std::unique_ptr<Problem> weighted_problem(const LinearCase& item) {
  auto problem = friedman(item.task, 400);
  problem->weights.assign(400, 1.0f);
  for (size_t i = 0; i < 400; i += 3) problem->weights[i] = 2.5f;
  for (size_t i = 0; i < 400; i += 7) problem->weights[i] = 0;
  if (item.aim == AimKind::kCount) {
    for (double& target : problem->targets) target = std::round(std::max(0.0, target - 8));
  }
  bind_problem(*problem, item.task, problem->data.class_count);
  problem->data.aim.kind = item.aim;
  return problem;
}

auto runs_on(const std::string& device, const std::string& op) {
  return Contains(AllOf(Field(&KernelUse::device, device), Field(&KernelUse::op, op)));
}

TEST(DeviceLinearLoss, HasTheHostsValueAndGradient) {
  for (const LinearCase& item : kCases) {
    DiscreteCpu discrete;
    const auto problem = weighted_problem(item);
    const FitRequest request = problem->request();
    FitData data = must(prepare_fit(request, problem->data.aim));
    const bool counts = item.aim == AimKind::kCount;
    ASSERT_TRUE(!counts || scale_by_mean(request, data));
    const DenseView dense = must(problem->features->dense(discrete.context));
    const auto there = must(DeviceLinearLoss::make(request, data, dense, discrete.context));
    ASSERT_NE(there, nullptr) << item.name;
    const LinearLoss on_device(request, data, dense, 3, discrete.context, there.get());
    const LinearLoss on_host(request, data, dense, 3, discrete.context);
    std::vector<double> x(on_host.size());
    Lcg lcg(9);
    for (double& value : x) value = lcg.next() - 0.5;
    std::vector<double> expected(x.size()), found(x.size());
    const double value = must(on_host.value(x, expected));
    EXPECT_NEAR(must(on_device.value(x, found)), value, 1e-6) << item.name;
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], 1e-6) << item.name << " parameter " << i;
    }
    EXPECT_NEAR(must(on_device.validate(x)), must(on_host.validate(x)), 1e-6) << item.name;
  }
}

TEST(DeviceLinearLoss, FitsNearlyTheSameModelOnTheDeviceAlone) {
  for (const LinearCase& item : kCases) {
    const ParamMap params = {{"max_iterations", int64_t{200}}, {"tolerance", 1e-7}};
    const Cpu cpu;
    const auto problem = weighted_problem(item);
    StopAfter here_observer(1'000'000), there_observer(1'000'000);
    FitRequest request = problem->request(params);
    request.observer = &here_observer;
    const FitResult here = must(linear_on_device().fit(request, cpu.context));
    DiscreteCpu discrete;
    {
      const auto moved = weighted_problem(item);  // its arrays die before the device
      request = moved->request(params);
      request.observer = &there_observer;
      kernels::Usage usage;
      const kernels::UsageScope scope(&usage);
      const FitResult there = must(linear_on_device().fit(request, discrete.context));
      const auto& expected = dynamic_cast<const LinearModel&>(*here.model).parts();
      const auto& found = dynamic_cast<const LinearModel&>(*there.model).parts();
      ASSERT_EQ(found.coefficients.size(), expected.coefficients.size());
      for (size_t i = 0; i < found.coefficients.size(); ++i) {
        EXPECT_NEAR(found.coefficients[i], expected.coefficients[i], 1e-3) << item.name;
      }
      for (size_t k = 0; k < found.intercepts.size(); ++k) {
        EXPECT_NEAR(found.intercepts[k], expected.intercepts[k], 1e-3) << item.name;
      }
      EXPECT_NEAR(there.valid_loss, here.valid_loss, 1e-5) << item.name;
      for (const char* op : {"linear_scores", "linear_gradient", "loss_gradients", "loss_value"}) {
        EXPECT_THAT(usage.list(), runs_on("discrete:0", op)) << item.name;
      }
      EXPECT_THAT(usage.list(), Each(Field(&KernelUse::op, Not("gemm")))) << item.name;
    }
    EXPECT_EQ(discrete.device.held_bytes(), 0);
  }
}

// Whatever array it is that there is no room for.
TEST(DeviceLinearLoss, FullDeviceLeavesTheFitToTheHost) {
  const auto problem = weighted_problem(kCases[0]);
  const ParamMap params = {{"max_iterations", int64_t{3}}};
  const Cpu cpu;
  const FitResult here = must(linear_on_device().fit(problem->request(params), cpu.context));
  for (int64_t count = 0; count < 9; ++count) {
    DiscreteCpu discrete;
    discrete.device.fail_after(count, StatusCode::kResourceExhausted);
    kernels::Usage usage;
    const kernels::UsageScope scope(&usage);
    const FitResult there =
        must(linear_on_device().fit(problem->request(params), discrete.context));
    EXPECT_EQ(model_bytes(*there.model), model_bytes(*here.model));
    EXPECT_THAT(usage.list(), runs_on("cpu", "gemm"));
    EXPECT_EQ(discrete.device.held_bytes(), 0);
  }
}

TEST(DeviceLinearLoss, LostDeviceFailsTheFit) {
  const auto problem = weighted_problem(kCases[0]);
  const Cpu cpu;
  must(problem->features->dense(cpu.context));
  DiscreteCpu discrete;
  discrete.device.fail_after(2, StatusCode::kDevice);
  const auto result = linear_on_device().fit(problem->request(), discrete.context);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, StatusCode::kDevice);
}

TEST(DeviceLinearLoss, LeavesRoundedQuantilesToTheHost) {
  const auto problem = weighted_problem({"median", Task::kRegression, AimKind::kQuantile});
  DiscreteCpu discrete;
  kernels::Usage usage;
  const kernels::UsageScope scope(&usage);
  must(
      linear_on_device().fit(problem->request({{"max_iterations", int64_t{3}}}), discrete.context));
  EXPECT_THAT(usage.list(), runs_on("cpu", "gemm"));
  EXPECT_THAT(usage.list(), Not(runs_on("discrete:0", "linear_scores")));
}

TEST(DeviceLinearLoss, IsNotForMemoryThatIsTheHosts) {
  const Cpu cpu;
  const auto problem = weighted_problem(kCases[0]);
  const FitRequest request = problem->request();
  const FitData data = must(prepare_fit(request, problem->data.aim));
  const DenseView dense = must(problem->features->dense(cpu.context));
  EXPECT_EQ(must(DeviceLinearLoss::make(request, data, dense, cpu.context)), nullptr);
}

}  // namespace
}  // namespace assay::automl
