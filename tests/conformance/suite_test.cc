// That the suite runs where it is said to run.
#include <cstdlib>
#include <sstream>

#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

// ASSAY_REQUIRE_DEVICES="cpu,cuda:0": devices that are counted on, else those that every machine
// has with this build. One that did not open fails here; nothing passes by falling back.
TEST(Suite, RequiredDevicesOpened) {
  const char* required = std::getenv("ASSAY_REQUIRE_DEVICES");
  std::istringstream names(required == nullptr ? ASSAY_BUILT_DEVICES : required);
  std::string name;
  while (std::getline(names, name, ',')) {
    bool found = false;
    for (const kernels::Device* device : suite().devices) found |= device->info().id == name;
    EXPECT_TRUE(found) << "device " << name << " did not open";
  }
}

TEST(Suite, EveryOpRunsOnTheCpuAndNamesAreUniqueInATable) {
  suite().kernels->for_each([](const auto& table) {
    const std::string_view op = [&]<class Op>(const kernels::OpTable<Op>&) {
      return Op::kName;
    }(table);
    EXPECT_TRUE(table.declared_by("cpu")) << op;
    for (const auto& item : table.items()) {
      int twins = 0;
      for (const auto& other : table.items()) twins += other.name == item.name ? 1 : 0;
      EXPECT_EQ(twins, 1) << op << ": two implementations are called " << item.name;
    }
  });
}

TEST(Suite, ForcedSimdTargetIsTheOneInUse) {
  const auto targets = targets_of(suite().host->info());
  ASSERT_FALSE(targets.empty());
  for (const backends::cpu::SimdTarget* target : targets) {
    backends::cpu::force_simd_target(target);
    EXPECT_EQ(backends::cpu::simd_target_name(), target->name);
    std::printf("SIMD target %s\n", target->name.c_str());
  }
  backends::cpu::force_simd_target(nullptr);
  EXPECT_EQ(backends::cpu::simd_target_name(), targets.front()->name);
}

TEST(Suite, HasExecutorsOfOneTwoAndSevenThreads) {
  std::vector<int> counts;
  for (const auto& executor : executors()) counts.push_back(executor->thread_count());
  EXPECT_EQ(counts, (std::vector<int>{1, 2, 7}));
}

}  // namespace
}  // namespace assay::conformance
