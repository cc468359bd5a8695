#include "kernels/planner.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace assay::kernels {
namespace {

// A toy op: "runs" write their own number.
struct Toy {
  static constexpr std::string_view kName = "toy";
  struct Problem {
    int size = 0;
  };
  struct Args {
    int* ran = nullptr;
  };
};

class ToyDevice final : public Device {
 public:
  explicit ToyDevice(std::string kind) {
    info_.id = kind + ":0";
    info_.kind = std::move(kind);
  }
  const DeviceInfo& info() const override { return info_; }
  Result<void*> allocate(int64_t) override { return fail(StatusCode::kResourceExhausted, "none"); }
  void release(void*) override {}

 protected:
  Status do_upload(void*, std::span<const std::byte>) override { return {}; }
  Status do_download(std::span<std::byte>, const void*) override { return {}; }

 private:
  DeviceInfo info_;
};

template <int kNumber>
Status run_toy(const OpContext&, const Toy::Problem&, const Toy::Args& args) {
  *args.ran = kNumber;
  return {};
}
std::optional<std::string> takes_all(const DeviceInfo&, const Toy::Problem&) {
  return std::nullopt;
}
std::optional<std::string> takes_small(const DeviceInfo&, const Toy::Problem& problem) {
  if (problem.size <= 10) return std::nullopt;
  return fmt::format("size={} (at most 10)", problem.size);
}
double cost_ten(const DeviceInfo&, const Toy::Problem&) { return 10; }
double cost_one(const DeviceInfo&, const Toy::Problem&) { return 1; }

OpTable<Toy> toy_table() {
  OpTable<Toy> table;
  table.add({"a.general", "a", takes_all, cost_ten, run_toy<1>});
  table.add({"a.small", "a", takes_small, cost_one, run_toy<2>});
  table.add({"a.twin", "a", takes_all, cost_ten, run_toy<3>});
  table.add({"b.small", "b", takes_small, cost_one, run_toy<4>});
  return table;
}

int ran_on(const std::string& kind, int size) {
  ToyDevice device(kind);
  int ran = 0;
  const OpTable<Toy> table = toy_table();
  EXPECT_TRUE(run_op(table, OpContext{&device, nullptr, nullptr}, {size}, {&ran}).has_value());
  return ran;
}

TEST(OpTable, KnowsWhichKindsDeclareTheOp) {
  const OpTable<Toy> table = toy_table();
  EXPECT_TRUE(table.declared_by("a"));
  EXPECT_TRUE(table.declared_by("b"));
  EXPECT_FALSE(table.declared_by("c"));
  EXPECT_FALSE(OpTable<Toy>().declared_by("a"));
  EXPECT_EQ(table.items().size(), 4u);
}

TEST(Planner, ChoosesTheCheapestThatDoesNotDecline) {
  EXPECT_EQ(ran_on("a", 5), 2);
  EXPECT_EQ(ran_on("a", 11), 1);  // a.twin costs the same and came later
  EXPECT_EQ(ran_on("b", 5), 4);
}

TEST(Planner, CountsWhatReallyRan) {
  Usage usage;
  {
    const UsageScope scope(&usage);
    ran_on("a", 5);
    ran_on("a", 11);
    ran_on("a", 12);
  }
  ran_on("a", 5);
  EXPECT_EQ(usage.list(), (std::vector<KernelUse>{{"a:0", "toy", "a.general", 2, 0},
                                                  {"a:0", "toy", "a.small", 1, 0}}));
}

TEST(Planner, GoesByWhatWasMeasuredOnTheDevice) {
  ToyDevice device("a");
  DeviceInfo info = device.info();
  info.name = "card";
  info.memory_bytes = 100;
  OpTable<Toy> table = toy_table();
  table.set_fit({"card", 100}, "a.small", {.wait_ns = 50, .factor = 2});
  table.set_fit({"card", 100}, "a.twin", {.wait_ns = 0, .factor = 0.5});
  table.set_fit({"card", 100}, "no such one", {.wait_ns = 0, .factor = 1});
  Plan<Toy> plan = plan_op(table, info, {5});
  EXPECT_EQ(plan.chosen->name, "a.twin");
  EXPECT_EQ(plan.candidates[0].cost, 10);
  EXPECT_EQ(plan.candidates[0].fit, nullptr);
  EXPECT_EQ(plan.candidates[1].cost, 52);
  EXPECT_EQ(plan.candidates[2].cost, 5);
  ASSERT_NE(plan.candidates[2].fit, nullptr);
  EXPECT_EQ(plan.candidates[2].fit->factor, 0.5);
  table.set_fit({"card", 100}, "a.twin", {.wait_ns = 0, .factor = 90});
  EXPECT_EQ(plan_op(table, info, {5}).chosen->name, "a.general") << "the last fit stands";
  // Another card in its place is not calibrated.
  info.memory_bytes = 200;
  EXPECT_EQ(plan_op(table, info, {5}).chosen->name, "a.small");
  EXPECT_EQ(plan_op(table, info, {5}).candidates[2].fit, nullptr);
}

TEST(Planner, ListsCandidatesWithTheirReasons) {
  ToyDevice device("a");
  const OpTable<Toy> table = toy_table();
  const Plan<Toy> plan = plan_op(table, device.info(), {11});
  ASSERT_EQ(plan.candidates.size(), 3u);
  EXPECT_EQ(plan.candidates[1].name, "a.small");
  EXPECT_EQ(plan.candidates[1].declined, "size=11 (at most 10)");
  EXPECT_FALSE(plan.candidates[0].declined.has_value());
  EXPECT_EQ(plan.candidates[0].cost, 10);
  EXPECT_EQ(plan.chosen->name, "a.general");
}

TEST(Planner, RefusesWithEveryReason) {
  ToyDevice device("b");
  int ran = 0;
  const Status declined = run_op(toy_table(), OpContext{&device, nullptr, nullptr}, {11}, {&ran});
  ASSERT_FALSE(declined.has_value());
  EXPECT_EQ(declined.error().code, StatusCode::kDevice);
  EXPECT_EQ(declined.error().message,
            "no implementation of toy on b:0; b.small: size=11 (at most 10)");
  ToyDevice stranger("c");
  const Status missing = run_op(toy_table(), OpContext{&stranger, nullptr, nullptr}, {1}, {&ran});
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().message, "no implementation of toy on c:0; none is registered");
  EXPECT_EQ(ran, 0);
}

}  // namespace
}  // namespace assay::kernels
