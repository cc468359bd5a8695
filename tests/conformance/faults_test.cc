// That the suite catches what it is for: implementations with a planted fault each.
#include <atomic>
#include <csignal>

#include "kernels/reference/reference_ops.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::DeviceInfo;
using kernels::Gemm;
using kernels::GemmArgs;
using kernels::GemmProblem;
using kernels::OpContext;

constexpr float kScale = 1.0f;

// 4 x 4 identity times a matrix of small integers: exact in any order.
OpCase<Gemm> plain_case() {
  std::vector<float> identity(16, 0.0f);
  for (size_t i = 0; i < 4; ++i) identity[i * 5] = kScale;
  std::vector<float> matrix;
  for (int i = 0; i < 16; ++i) matrix.push_back(static_cast<float>(i + 1));
  OpCase<Gemm> item;
  item.name = "identity";
  item.problem = {4, 4, 4};
  item.place = [identity, matrix](CaseBuffers& buffers) {
    return GemmArgs{buffers.input("a", identity), buffers.input("b", matrix),
                    buffers.output<float>("c", 16)};
  };
  return item;
}

std::string failures_of(Run<Gemm> run, kernels::Device& device, const OpCase<Gemm>& item) {
  const Expected<Gemm> expected = expect_of<Gemm>(item, kernels::reference::gemm, *suite().host);
  SerialExecutor executor;
  const CheckOutcome outcome = check_case<Gemm>(item, run, expected, device, executor, false);
  std::string all;
  for (const std::string& failure : outcome.failures) all += failure + "\n";
  return all;
}

std::string failures_of(Run<Gemm> run) { return failures_of(run, *suite().host, plain_case()); }

TEST(Faults, TheReferenceItselfPasses) { EXPECT_EQ(failures_of(kernels::reference::gemm), ""); }

TEST(Faults, WriteBehindTheOutputIsCaught) {
  const auto found =
      failures_of([](const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
        args.c[16] = 0;
        return kernels::reference::gemm(context, p, args);
      });
  EXPECT_NE(found.find("c: written out of bounds, at byte 64 of 64"), std::string::npos) << found;
}

TEST(Faults, WriteBeforeTheOutputIsCaught) {
  const auto found =
      failures_of([](const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
        args.c[-1] = 0;
        return kernels::reference::gemm(context, p, args);
      });
  EXPECT_NE(found.find("c: written out of bounds"), std::string::npos) << found;
}

TEST(Faults, OutputLeftUnwrittenIsCaught) {
  const auto found =
      failures_of([](const OpContext&, const GemmProblem&, const GemmArgs&) { return Status(); });
  EXPECT_NE(found.find("c[0] is"), std::string::npos) << found;
}

TEST(Faults, OneElementLeftUnwrittenIsCaught) {
  const auto found =
      failures_of([](const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
        const float kept = args.c[15];
        Status status = kernels::reference::gemm(context, p, args);
        args.c[15] = kept;
        return status;
      });
  EXPECT_NE(found.find("c[15] is"), std::string::npos) << found;
}

TEST(Faults, WrongValueIsCaught) {
  const auto found =
      failures_of([](const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
        Status status = kernels::reference::gemm(context, p, args);
        args.c[7] += 1;
        return status;
      });
  EXPECT_NE(found.find("c[7] is 9, must be 8"), std::string::npos) << found;
}

TEST(Faults, ChangedInputIsCaught) {
  const auto found =
      failures_of([](const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
        Status status = kernels::reference::gemm(context, p, args);
        const_cast<float*>(args.a)[3] = 5;
        return status;
      });
  EXPECT_NE(found.find("input a was changed"), std::string::npos) << found;
}

// Every second call adds one unit in the last place, which the bound allows.
Status run_unsteady(const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
  static std::atomic<int> calls{0};
  Status status = kernels::reference::gemm(context, p, args);
  if (calls++ % 2 == 1) args.c[0] = std::nextafter(args.c[0], 100.0f);
  return status;
}

TEST(Faults, RunsThatDifferAreCaughtEvenWithinTheBound) {
  OpCase<Gemm> item = plain_case();
  item.compare = [](const OutputBytes&, const OutputBytes&) { return std::nullopt; };
  const auto found = failures_of(run_unsteady, *suite().host, item);
  EXPECT_NE(found.find("two runs differ: c[0]"), std::string::npos) << found;
}

TEST(Faults, FailureIsCaught) {
  const auto found = failures_of([](const OpContext&, const GemmProblem&, const GemmArgs&) {
    return Status(fail(StatusCode::kDevice, "broken"));
  });
  EXPECT_NE(found.find("failed: broken"), std::string::npos) << found;
}

TEST(Faults, WriteOutOfBoundsOfAStoppedRunIsCaught) {
  const auto found =
      failures_of([](const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
        if (context.stop == nullptr) return kernels::reference::gemm(context, p, args);
        args.c[16] = 0;
        return Status(fail(StatusCode::kCancelled, "stopped by request"));
      });
  EXPECT_NE(found.find("stopped run: c: written out of bounds"), std::string::npos) << found;
}

// A device's implementation that keeps what was uploaded first and never looks again.
Status run_stale(const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
  static std::vector<float> first_b;
  const auto& device = static_cast<const DiscreteDevice&>(*context.device);
  const float* b = device.translate(args.b);
  if (first_b.empty()) first_b.assign(b, b + p.k * p.n);
  return kernels::reference::gemm(
      context, p, {device.translate(args.a), first_b.data(), device.translate(args.c)});
}

TEST(Faults, IgnoredUploadIsCaught) {
  DiscreteDevice device("discrete:9", 1 << 20);
  EXPECT_EQ(failures_of(run_stale, device, plain_case()), "");
  OpCase<Gemm> other = plain_case();
  other.place = [](CaseBuffers& buffers) {
    return GemmArgs{buffers.input("a", std::vector<float>(16, 1)),
                    buffers.input("b", std::vector<float>(16, 2)), buffers.output<float>("c", 16)};
  };
  const auto found = failures_of(run_stale, device, other);
  EXPECT_NE(found.find("c[0] is 28, must be 8"), std::string::npos) << found;
}

TEST(FaultsDeathTest, HostTouchingDeviceMemoryEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  DiscreteDevice device("discrete:9", 1 << 20);
  EXPECT_DEATH((void)failures_of(kernels::reference::gemm, device, plain_case()), "");
}

TEST(FaultsDeathTest, DeviceCodeReachesTheSameMemory) {
  DiscreteDevice device("discrete:9", 1 << 20);
  const auto found = failures_of(
      [](const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
        const auto& own = static_cast<const DiscreteDevice&>(*context.device);
        return kernels::reference::gemm(
            context, p, {own.translate(args.a), own.translate(args.b), own.translate(args.c)});
      },
      device, plain_case());
  EXPECT_EQ(found, "");
}

}  // namespace
}  // namespace assay::conformance
