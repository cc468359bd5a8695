// The emulated card as a device: memory, faults, and that ops run on its kernels. What ops compute
// is the conformance suite's.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <utility>

#include "backends/cpu/thread_pool.h"
#include "backends/devices.h"
#include "backends/xrt/xclbin_file.h"
#include "backends/xrt/xrt_device.h"
#include "kernels/device_array.h"
#include "tests/backends/xrt/worker_fixture.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::xrt {
namespace {

using kernels::DeviceArray;

class XrtDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_devices({});
    ASSERT_TRUE(opened.has_value());
    devices_.emplace(std::move(*opened));
    for (kernels::Device* device : devices_->devices()) {
      if (device->info().id == "fpga:emu0") device_ = static_cast<XrtDevice*>(device);
    }
    ASSERT_NE(device_, nullptr);
  }
  // The system ends the worker soon after its guard.
  void kill_worker() {
    const pid_t session = device_->worker_process();
    ASSERT_EQ(kill(session, SIGKILL), 0);
    while (!processes_of_session(session).empty()) poll(nullptr, 0, 1);
  }
  // Grows a tree of a problem; what it came to.
  Status grow(const conformance::TreeProblem& item, kernels::Device& device, kernels::Tree& tree) {
    cpu::ThreadPool executor(2);
    return grow(item, device, tree, executor);
  }
  Status grow(const conformance::TreeProblem& item, kernels::Device& device, kernels::Tree& tree,
              Executor& executor) {
    const auto place = [&](const auto& values, auto& array, const auto*& address) {
      if (values.empty()) return;
      using Value = std::decay_t<decltype(values[0])>;
      auto made = DeviceArray<Value>::copy_of(device, std::span<const Value>(values));
      ASSERT_TRUE(made.has_value()) << made.error().message;
      array = std::move(*made);
      address = array.on_device();
    };
    DeviceArray<uint8_t> bins;
    DeviceArray<uint32_t> rows;
    DeviceArray<float> gradients;
    DeviceArray<float> hessians;
    auto leaf_of = DeviceArray<int32_t>::make(device, item.problem.sample_count);
    if (!leaf_of) return tl::unexpected<Error>(leaf_of.error());
    kernels::GrowTreeArgs args = item.args(&tree, leaf_of->on_device());
    place(item.table.bins, bins, args.bins.bins);
    place(item.rows, rows, args.rows);
    place(item.gradients, gradients, args.gradients);
    place(item.hessians, hessians, args.hessians);
    return kernels::run_op(devices_->kernels().table<kernels::GrowTree>(),
                           kernels::OpContext{&device, &executor, nullptr}, item.problem, args);
  }

  std::optional<DeviceSet> devices_;
  XrtDevice* device_ = nullptr;
};

TEST_F(XrtDeviceTest, SaysThatItIsEmulatedAndIsNeverChosen) {
  EXPECT_TRUE(device_->info().emulated);
  EXPECT_EQ(device_->info().kind, "fpga");
  EXPECT_EQ((*devices_->find("auto"))->info().id, "cpu");
  EXPECT_EQ(device_->worker_process(), -1) << "nothing is started before it is asked for";
  EXPECT_EQ(*devices_->find("fpga"), device_);
  EXPECT_GT(device_->worker_process(), 0);
}

TEST_F(XrtDeviceTest, KeepsWhatIsUploadedAndReusesWhatIsReleased) {
  const std::vector<int32_t> values = {1, 2, 3};
  auto array = DeviceArray<int32_t>::copy_of(*device_, std::span<const int32_t>(values));
  ASSERT_TRUE(array.has_value());
  EXPECT_EQ(device_->held_bytes(), 12);
  const auto back = array->to_host();
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(std::vector<int32_t>(back->begin(), back->end()), values);
  const void* address = array->on_device();
  EXPECT_EQ(device_->offset_in_buffer(array->on_device() + 2), 8);
  *array = DeviceArray<int32_t>();
  EXPECT_EQ(device_->held_bytes(), 0);
  auto again = DeviceArray<int32_t>::make(*device_, 1000);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->on_device(), address);
}

TEST_F(XrtDeviceTest, OutOfMemoryIsAStatus) {
  const auto refused = device_->allocate(device_->info().memory_bytes + 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_EQ(device_->allocate(0).error().code, StatusCode::kInvalidArgument);
  std::vector<std::byte> bytes(64);
  EXPECT_EQ(device_->upload(nullptr, bytes).error().code, StatusCode::kDevice);
}

TEST_F(XrtDeviceTest, GrowsTheCpusTreeOnItsKernels) {
  const conformance::TreeProblem item = conformance::plain_tree_problem(3000, 70, 0);
  kernels::Tree expected;
  kernels::Tree tree;
  ASSERT_TRUE(grow(item, devices_->host(), expected));
  kernels::Usage usage;
  {
    const kernels::UsageScope scope(&usage);
    const Status grown = grow(item, *device_, tree);
    ASSERT_TRUE(grown) << grown.error().message;
  }
  EXPECT_EQ(tree, expected);
  const auto splits = static_cast<int64_t>(tree.nodes.size() / 2);
  ASSERT_GT(splits, 3);
  // Two blocks of columns: at most two runs for the root and for each split, and a search.
  EXPECT_GE(device_->run_count(CardKernel::kTreeHistogram), splits);
  EXPECT_LE(device_->run_count(CardKernel::kTreeHistogram), 2 * (splits + 1));
  EXPECT_GE(device_->run_count(CardKernel::kSplitScan), splits);
  // The caller knows of the same.
  std::map<std::pair<std::string, std::string>, kernels::KernelUse> uses;
  for (const kernels::KernelUse& use : usage.list()) {
    EXPECT_EQ(use.device, "fpga:emu0");
    uses[{use.op, use.kernel}] = use;
  }
  EXPECT_EQ((uses[{"grow_tree", "xrt.card_histogram"}].calls), 1);
  EXPECT_EQ((uses[{"", "tree_histogram"}].calls), device_->run_count(CardKernel::kTreeHistogram));
  EXPECT_EQ((uses[{"", "split_scan"}].calls), device_->run_count(CardKernel::kSplitScan));
  EXPECT_EQ((uses[{"copy", "to_device"}].bytes), device_->uploaded_bytes());
  EXPECT_EQ((uses[{"copy", "to_host"}].bytes), device_->downloaded_bytes());
  // The table and 4 bytes for each row were sent at least.
  EXPECT_GE(device_->uploaded_bytes(), 3000 * (70 + 4));
}

// More rows than a part and more trees than a round: scores are summed over the rounds in order.
TEST_F(XrtDeviceTest, WalksManyTreesInRoundsToTheCpusBits) {
  constexpr int64_t kRows = 65'600;
  constexpr int kTrees = 70;
  const conformance::TreeProblem item = conformance::plain_tree_problem(500, 3, 0);
  kernels::Tree tree;
  ASSERT_TRUE(grow(item, devices_->host(), tree));
  kernels::Forest forest(1, 1);
  for (int i = 0; i < kTrees; ++i) {
    for (float& value : tree.leaf_values) value *= 1.01f;
    forest.append(tree);
  }
  std::vector<uint32_t> rows;
  for (int64_t row = 0; row < kRows; ++row) rows.push_back(static_cast<uint32_t>(row % 500));
  const kernels::BinnedView bins = item.args(nullptr, nullptr).bins;
  const auto scores_on = [&](kernels::Device& device) -> Result<std::vector<double>> {
    const std::vector<double> begin(rows.size(), 0.25);
    ASSAY_ASSIGN_OR_RETURN(auto scores,
                           DeviceArray<double>::copy_of(device, std::span<const double>(begin)));
    cpu::ThreadPool executor(2);
    const kernels::OpContext context{&device, &executor, nullptr};
    ASSAY_RETURN_IF_ERROR(
        kernels::run_op(devices_->kernels().table<kernels::PredictTrees>(), context,
                        kernels::PredictTreesProblem{kRows, bins.feature_count, 0, kTrees, 1, 1},
                        {bins, forest.view(), rows.data(), scores.on_device()}));
    scores.wrote_device();
    ASSAY_ASSIGN_OR_RETURN(const std::span<const double> sums, scores.to_host());
    return std::vector<double>(sums.begin(), sums.end());
  };
  const auto expected = scores_on(devices_->host());
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  EXPECT_EQ(device_->run_count(CardKernel::kPredictTrees), 0);
  const auto walked = scores_on(*device_);
  ASSERT_TRUE(walked.has_value()) << walked.error().message;
  EXPECT_TRUE(*walked == *expected);
  // 64 trees and the others, for each of two parts.
  EXPECT_EQ(device_->run_count(CardKernel::kPredictTrees), 4);
}

// Whether a line that `during` holds for lies between a kernel's start and its end.
bool happens_while_one_runs(const std::vector<std::string>& events, const std::string& kernel,
                            const std::function<bool(const std::string&)>& during) {
  int running = 0;
  for (const std::string& event : events) {
    if (running > 0 && during(event)) return true;
    if (event.starts_with("start " + kernel)) ++running;
    if (event.starts_with("end " + kernel)) --running;
  }
  return false;
}

// Blocks of columns are on both units at once.
TEST_F(XrtDeviceTest, HistogramsAreMadeByBothUnitsAtOnce) {
  const EventFile events;
  setenv(kEventVariable, events.path().c_str(), 1);
  ASSERT_TRUE(device_->bring_up());
  unsetenv(kEventVariable);
  const conformance::TreeProblem item = conformance::plain_tree_problem(40'000, 128, 0);
  kernels::Tree tree;
  ASSERT_TRUE(grow(item, *device_, tree));
  const std::vector<std::string> lines = events.lines();
  for (const char* unit : {"start tree_histogram_1", "start tree_histogram_2"}) {
    EXPECT_GT(std::count(lines.begin(), lines.end(), unit), 0) << unit;
  }
  EXPECT_TRUE(happens_while_one_runs(
                  lines, "tree_histogram_1",
                  [](const std::string& event) { return event == "start tree_histogram_2"; }) ||
              happens_while_one_runs(lines, "tree_histogram_2", [](const std::string& event) {
                return event == "start tree_histogram_1";
              }));
}

// Rows in their order: the cells of a part are sent while the part before is walked, once.
TEST_F(XrtDeviceTest, CellsAreSentWhileOthersAreWalked) {
  const EventFile events;
  setenv(kEventVariable, events.path().c_str(), 1);
  ASSERT_TRUE(device_->bring_up());
  unsetenv(kEventVariable);
  constexpr int64_t kRows = 3 * 65'536 + 4321;
  constexpr int32_t kFeatures = 67;
  constexpr int kTrees = 4;
  const conformance::TreeProblem item = conformance::plain_tree_problem(300, kFeatures, 0);
  kernels::Tree tree;
  ASSERT_TRUE(grow(item, devices_->host(), tree));
  kernels::Forest forest(1, 1);
  for (int i = 0; i < kTrees; ++i) forest.append(tree);
  kernels::BinnedView bins = item.args(nullptr, nullptr).bins;
  bins.row_count = kRows;
  std::vector<uint8_t> cells(static_cast<size_t>(bins.byte_count()));
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = static_cast<uint8_t>((static_cast<uint32_t>(i) * 2654435761u) >> 27);
  }
  const auto scores_on = [&](kernels::Device& device) -> Result<std::vector<double>> {
    const std::vector<double> begin(static_cast<size_t>(kRows), 0.5);
    ASSAY_ASSIGN_OR_RETURN(const auto placed,
                           DeviceArray<uint8_t>::copy_of(device, std::span<const uint8_t>(cells)));
    ASSAY_ASSIGN_OR_RETURN(auto scores,
                           DeviceArray<double>::copy_of(device, std::span<const double>(begin)));
    kernels::BinnedView view = bins;
    view.bins = placed.on_device();
    cpu::ThreadPool executor(2);
    const kernels::OpContext context{&device, &executor, nullptr};
    const kernels::PredictTreesProblem problem{kRows, kFeatures, 0, kTrees, 1, 1};
    for (int call = 0; call < 2; ++call) {  // the second finds the cells there
      ASSAY_RETURN_IF_ERROR(kernels::run_op(devices_->kernels().table<kernels::PredictTrees>(),
                                            context, problem,
                                            {view, forest.view(), nullptr, scores.on_device()}));
    }
    scores.wrote_device();
    ASSAY_ASSIGN_OR_RETURN(const std::span<const double> sums, scores.to_host());
    return std::vector<double>(sums.begin(), sums.end());
  };
  const auto expected = scores_on(devices_->host());
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  const int64_t before = device_->uploaded_bytes();
  const auto walked = scores_on(*device_);
  ASSERT_TRUE(walked.has_value()) << walked.error().message;
  EXPECT_TRUE(*walked == *expected);
  // The forest is small; scores go once a call; cells once, and not again.
  const int64_t least = bins.byte_count() + 2 * kRows * 8;
  EXPECT_GE(device_->uploaded_bytes() - before, least);
  EXPECT_LT(device_->uploaded_bytes() - before, least + 1'000'000);
  const std::vector<std::string> lines = events.lines();
  const std::string whole_part = fmt::format("write {}", 65'536 * 64);  // of the first block
  EXPECT_EQ(std::count(lines.begin(), lines.end(), whole_part), 3);
  EXPECT_TRUE(happens_while_one_runs(
      lines, "predict_trees", [](const std::string& event) { return event.starts_with("write"); }));
}

// Says that the time is up when it was asked so often.
class AskedClock final : public Clock {
 public:
  int64_t now_ns() const override { return asks_.fetch_add(1); }

 private:
  mutable std::atomic<int64_t> asks_{0};
};

TEST_F(XrtDeviceTest, ABatchLooksAtTheStopTokenBetweenItsRuns) {
  const std::vector<float> ones(16, 1.0f);
  const auto a = DeviceArray<float>::copy_of(*device_, std::span<const float>(ones));
  const auto b = DeviceArray<float>::copy_of(*device_, std::span<const float>(ones));
  auto c = DeviceArray<float>::make(*device_, 16);
  ASSERT_TRUE(a.has_value() && b.has_value() && c.has_value());
  constexpr int kRuns = 20;
  const auto multiply = [&](const StopToken* stop) {
    using Arg = Batch::Arg;
    Batch batch(*device_, stop);
    for (int i = 0; i < kRuns; ++i) {
      batch.start(CardKernel::kGemm, static_cast<uint32_t>(i % 2),
                  {Arg::in(a->on_device()), Arg::in(b->on_device()), Arg::as_is(c->on_device()),
                   Arg::of(int64_t{4}), Arg::of(int64_t{4}), Arg::of(int64_t{4}), Arg::of(0),
                   Arg::of(0), Arg::of(1.0f), Arg::of(0.0f)});
    }
    batch.fetch(CardKernel::kGemm, 2, c->on_device(), 0, 64);
    return batch.run();
  };
  const AskedClock clock;
  const StopToken stop(&clock, 1);
  const Status stopped = multiply(&stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, StatusCode::kCancelled);
  EXPECT_EQ(stopped.error().message, "fpga:emu0: stopped by request");
  const int64_t made = device_->run_count(CardKernel::kGemm);
  EXPECT_GT(made, 0);
  EXPECT_LT(made, kRuns);
  // The card is as good as before.
  ASSERT_TRUE(multiply(nullptr));
  EXPECT_EQ(device_->run_count(CardKernel::kGemm), made + kRuns);
  EXPECT_EQ(c->on_device()[5], 4.0f);
}

TEST_F(XrtDeviceTest, DeathOfTheWorkerIsOneFailureAndNotTheEnd) {
  const conformance::TreeProblem item = conformance::plain_tree_problem(1000, 3, 0);
  kernels::Tree first;
  kernels::Tree second;
  ASSERT_TRUE(grow(item, *device_, first));
  kill_worker();
  const Status died = grow(item, *device_, second);
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().code, StatusCode::kDevice);
  const Status again = grow(item, *device_, second);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(second, first);
}

// Does something at one of its loops, or at all from there on.
class InterruptingExecutor final : public Executor {
 public:
  InterruptingExecutor(int at, bool again, std::function<void()> interrupt)
      : at_(at), again_(again), interrupt_(std::move(interrupt)) {}
  int thread_count() const override { return 1; }
  Status parallel_for(int64_t chunk_count,
                      FunctionRef<void(int64_t chunk, int thread)> body) override {
    ++loops_;
    if (loops_ == at_ || (again_ && loops_ > at_)) interrupt_();
    return serial_.parallel_for(chunk_count, body);
  }
  int loops() const { return loops_; }

 private:
  SerialExecutor serial_;
  int at_;
  bool again_;
  std::function<void()> interrupt_;
  int loops_ = 0;
};

// The op that another's batch takes the card from, between two of its own, begins again.
TEST_F(XrtDeviceTest, DeathOfTheWorkerInAnothersBatchIsNotTheOpsFailure) {
  // So many rows that their division is shared by threads: a loop in the middle of the tree.
  const conformance::TreeProblem item = conformance::plain_tree_problem(16'000, 3, 0);
  kernels::Tree expected;
  ASSERT_TRUE(grow(item, devices_->host(), expected));
  auto byte = DeviceArray<float>::make(*device_, 1);
  ASSERT_TRUE(byte.has_value());
  const auto another = [&] {
    Batch batch(*device_, nullptr);
    batch.send(CardKernel::kGemm, 0, byte->on_device(), 0, 4);
    return batch.run();
  };
  const auto take_down = [&] {
    kill_worker();
    EXPECT_FALSE(another());
    EXPECT_TRUE(another());
  };
  for (const int loop : {1, 3}) {
    kernels::Tree tree;
    InterruptingExecutor executor(loop, false, take_down);
    const Status grown = grow(item, *device_, tree, executor);
    ASSERT_TRUE(grown) << grown.error().message;
    EXPECT_GE(executor.loops(), loop + 1);
    EXPECT_EQ(tree, expected);
  }
  kernels::Tree tree;
  InterruptingExecutor executor(1, true, take_down);
  const Status lost = grow(item, *device_, tree, executor);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().message,
            "fpga:emu0: its worker was started anew, and what was on the card is gone");
}

// A card on which a table has room, but not the histograms of its tree.
TEST_F(XrtDeviceTest, ATreeWithoutRoomOnTheCardIsAStatus) {
  const auto installation = find_installation();
  ASSERT_TRUE(installation.has_value());
  auto spec = emulated_card(*installation, installation->emulated_xclbin());
  ASSERT_TRUE(spec.has_value());
  auto small = XrtDevice::open(std::move(*spec), "small", true, 600 << 10);
  ASSERT_TRUE(small.has_value());
  kernels::Tree expected;
  kernels::Tree tree;
  const Status refused = grow(conformance::plain_tree_problem(3000, 70, 0), **small, tree);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted) << refused.error().message;
  EXPECT_EQ((*small)->held_bytes(), 0);
  // The card is as good as before.
  const conformance::TreeProblem fits = conformance::plain_tree_problem(200, 2, 0);
  ASSERT_TRUE(grow(fits, devices_->host(), expected));
  const Status grown = grow(fits, **small, tree);
  ASSERT_TRUE(grown) << grown.error().message;
  EXPECT_EQ(tree, expected);
  EXPECT_EQ((*small)->held_bytes(), 0);
}

TEST_F(XrtDeviceTest, XclbinOfSomethingElseIsRefused) {
  auto other = XrtDevice::open(test_spec(), "other", true, 1 << 20);
  ASSERT_TRUE(other.has_value());
  const Status refused = (*other)->bring_up();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kDevice);
  EXPECT_NE(refused.error().message.find("has no kernel tree_histogram"), std::string::npos)
      << refused.error().message;
}

// What opens where a card was expected, such as an emulation that the user's shell asks XRT for.
TEST_F(XrtDeviceTest, AnEmulationIsNoCard) {
  const auto installation = find_installation();
  ASSERT_TRUE(installation.has_value());
  auto spec = emulated_card(*installation, installation->emulated_xclbin());
  ASSERT_TRUE(spec.has_value());
  spec->device = "fpga:0";
  auto card = XrtDevice::open(std::move(*spec), "card", false, 1 << 20);
  ASSERT_TRUE(card.has_value());
  const Status refused = (*card)->bring_up();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kDevice);
  EXPECT_NE(refused.error().message.find("is an emulation"), std::string::npos)
      << refused.error().message;
}

TEST_F(XrtDeviceTest, TellsWhatWasLoaded) {
  EXPECT_EQ(device_->info().image, "");
  ASSERT_TRUE(device_->bring_up());
  const auto xclbin = read_xclbin(find_installation()->emulated_xclbin());
  ASSERT_TRUE(xclbin.has_value());
  EXPECT_EQ(device_->info().image,
            find_installation()->emulated_xclbin() + " (uuid " + xclbin->uuid + ")");
}

TEST_F(XrtDeviceTest, LeavesNothingBehind) {
  ASSERT_TRUE(device_->bring_up());
  const pid_t process = device_->worker_process();
  ASSERT_GT(process, 0);
  device_ = nullptr;
  devices_.reset();
  EXPECT_NE(kill(process, 0), 0);
}

}  // namespace
}  // namespace assay::backends::xrt
