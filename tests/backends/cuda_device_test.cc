// The host's side of the CUDA backend, on an emulated driver.
#include "backends/cuda/device.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <latch>
#include <thread>
#include <utility>

#include "backends/cuda/module.h"
#include "kernels/device_array.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using conformance::open_emulated_gpu;

std::vector<std::byte> numbered_bytes(int64_t count) {
  std::vector<std::byte> bytes;
  for (int64_t i = 0; i < count; ++i) bytes.push_back(std::byte{static_cast<uint8_t>(i * 7 % 251)});
  return bytes;
}

CudaDevice& cuda_of(EmulatedGpu& gpu) { return static_cast<CudaDevice&>(*gpu.device); }

// Copies of several pinned buffers' size come back as they went, so no buffer was filled anew
// before it had been read.
TEST(CudaDevice, CopiesLargerThanTheirBuffersAreWhole) {
  EmulatedGpu gpu = open_emulated_gpu(int64_t{64} << 20);
  for (const int64_t size : {int64_t{1}, CudaDevice::kStageBytes, 3 * CudaDevice::kStageBytes + 5,
                             4 * CudaDevice::kStageBytes}) {
    const std::vector<std::byte> sent = numbered_bytes(size);
    const int64_t before_up = gpu.device->uploaded_bytes();
    const int64_t before_down = gpu.device->downloaded_bytes();
    auto array = kernels::DeviceArray<std::byte>::copy_of(*gpu.device, sent);
    ASSERT_TRUE(array.has_value()) << array.error().message;
    std::vector<std::byte> fetched(sent.size());
    ASSERT_TRUE(gpu.device->download(fetched, array->on_device(), size));
    EXPECT_EQ(fetched, sent);
    EXPECT_EQ(gpu.device->uploaded_bytes() - before_up, size);
    EXPECT_EQ(gpu.device->downloaded_bytes() - before_down, size);
  }
}

TEST(CudaDevice, LoadsLargerThanTheirBuffersAreWhole) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{32} << 20);
  auto& device = static_cast<CudaDevice&>(*gpu.device);
  constexpr int64_t kBytes = 2 * CudaDevice::kStageBytes + 12'345;
  auto there = kernels::DeviceArray<uint8_t>::make(device, kBytes);
  ASSERT_TRUE(there.has_value());
  const auto byte_of = [](int64_t place) { return static_cast<std::byte>(place % 251); };
  ASSERT_TRUE(device.loads_after_work());
  ASSERT_TRUE(device.load(there->on_device(), kBytes,
                          [&](std::span<std::byte> piece, int64_t offset) -> Status {
                            for (std::byte& byte : piece) byte = byte_of(offset++);
                            return {};
                          }));
  EXPECT_EQ(gpu.driver->log().loads, 3);
  EXPECT_EQ(device.uploaded_bytes(), kBytes);
  ASSERT_TRUE(device.work_after_loads());
  std::vector<std::byte> back(kBytes);
  ASSERT_TRUE(device.download(back, there->on_device(), kBytes));
  for (int64_t i = 0; i < kBytes; ++i) ASSERT_EQ(back[static_cast<size_t>(i)], byte_of(i)) << i;
}

TEST(CudaDevice, LoadsFailAsWhatFillsThemDoes) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{32} << 20);
  auto& device = static_cast<CudaDevice&>(*gpu.device);
  auto there = kernels::DeviceArray<uint8_t>::make(device, 100);
  const Status status = device.load(there->on_device(), 100, [](std::span<std::byte>, int64_t) {
    return fail(StatusCode::kInternal, "no bytes");
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "no bytes");
  EXPECT_EQ(gpu.driver->log().loads, 0);
  EXPECT_EQ(device.uploaded_bytes(), 0);
}

TEST(CudaDevice, CountsLaunchesAndCopiesForTheCaller) {
  EmulatedGpu gpu = open_emulated_gpu(1 << 20);
  kernels::Usage usage;
  {
    const kernels::UsageScope scope(&usage);
    const auto array = kernels::DeviceArray<std::byte>::copy_of(*gpu.device, numbered_bytes(100));
    ASSERT_TRUE(array.has_value()) << array.error().message;
    ASSERT_TRUE(cuda_of(gpu).launch<ClearSlotsKernel>({.blocks_x = 0}, {}));
    EXPECT_TRUE(cuda_of(gpu).finish());
  }
  // A launch of no blocks is none.
  EXPECT_EQ(usage.list(),
            (std::vector<kernels::KernelUse>{{"cuda:emu", "copy", "to_device", 1, 100}}));
  EXPECT_EQ(kKernelNames[static_cast<size_t>(id_of<HistogramKernel>())], "histogram");
  EXPECT_EQ(kKernelNames[static_cast<size_t>(id_of<ChooseSplitsKernel>())], "choose_splits");
}

TEST(CudaDevice, UploadReturnsBeforeTheGpuHasWorked) {
  EmulatedGpu gpu = open_emulated_gpu(1 << 20);
  const auto array = kernels::DeviceArray<std::byte>::make(*gpu.device, 100);
  const int64_t waits = gpu.driver->log().waits;
  std::vector<std::byte> bytes = numbered_bytes(100);
  ASSERT_TRUE(gpu.device->upload(const_cast<std::byte*>(array->on_device()), bytes));
  // Awaiting a buffer that nothing uses is the one wait; what was sent is not read any more.
  EXPECT_EQ(gpu.driver->log().waits, waits + 1);
  const std::vector<std::byte> sent = bytes;
  bytes.assign(100, std::byte{0});
  ASSERT_TRUE(gpu.device->download(bytes, array->on_device(), 100));
  EXPECT_EQ(bytes, sent);
}

// Calls `work` from a thread that has used no GPU before: they are dealt out over lanes in turn.
void in_new_thread(const std::function<void()>& work) { std::thread(work).join(); }

TEST(CudaDevice, ThreadsOfDifferentLanesShareItsMemory) {
  EmulatedGpu gpu = open_emulated_gpu(1 << 20, 2);
  EXPECT_EQ(gpu.device->lanes(), 2);
  const std::vector<std::byte> sent = numbered_bytes(1000);
  kernels::DeviceArray<std::byte> array;
  in_new_thread([&] {
    auto made = kernels::DeviceArray<std::byte>::copy_of(*gpu.device, sent);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    array = std::move(*made);
  });
  in_new_thread([&] {
    std::vector<std::byte> fetched(sent.size());
    ASSERT_TRUE(gpu.device->download(fetched, std::as_const(array).on_device(), 1000));
    EXPECT_EQ(fetched, sent) << "an upload has arrived when it returns";
    array = kernels::DeviceArray<std::byte>();
  });
  EXPECT_EQ(gpu.driver->log().open_sessions, 2);
  EXPECT_EQ(cuda_of(gpu).held_bytes(), 0) << "its lane was idle";
  EXPECT_EQ(gpu.driver->log().live_allocations, 0);
}

TEST(CudaDevice, MemoryOfALaneAtWorkGoesWhenItHasDone) {
  EmulatedGpu gpu = open_emulated_gpu(1 << 20, 2);
  kernels::DeviceArray<std::byte> array;
  std::latch busy(1);
  std::latch released(1);
  std::thread owner([&] {
    auto made = kernels::DeviceArray<std::byte>::make(*gpu.device, 1000);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    array = std::move(*made);
    const auto lane = cuda_of(gpu).use();
    busy.count_down();
    released.wait();
    // Still of the budget, since it is not free.
    EXPECT_EQ(cuda_of(gpu).held_bytes(), 1000);
    EXPECT_EQ(gpu.driver->log().live_allocations, 1);
    const auto other = kernels::DeviceArray<std::byte>::make(*gpu.device, 10);
    ASSERT_TRUE(other.has_value()) << other.error().message;
    EXPECT_EQ(cuda_of(gpu).held_bytes(), 10);
    EXPECT_EQ(gpu.driver->log().live_allocations, 1);
  });
  busy.wait();
  in_new_thread([&] { array = kernels::DeviceArray<std::byte>(); });
  released.count_down();
  owner.join();
  EXPECT_EQ(cuda_of(gpu).held_bytes(), 0);
}

TEST(CudaDevice, LanesWorkSideBySide) {
  EmulatedGpu gpu = open_emulated_gpu(1 << 20, 3);
  constexpr int64_t kRows = 300;
  const std::vector<int32_t> bin_counts(5, 200);
  const std::vector<kernels::FeatureKind> kinds(5, kernels::FeatureKind::kNumeric);
  std::vector<uint8_t> cells(kRows * 5);
  for (size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<uint8_t>(i * 7 % 199);
  auto table = kernels::DeviceArray<uint8_t>::copy_of(*gpu.device, cells);
  ASSERT_TRUE(table.has_value()) << table.error().message;
  const kernels::BinnedView bins{std::as_const(*table).on_device(), kRows, 5, bin_counts.data(),
                                 kinds.data()};
  std::atomic<int> whole{0};
  kernels::DeviceArray<std::byte> handed_on[4];
  std::vector<std::thread> threads;
  for (size_t t = 0; t < std::size(handed_on); ++t) {
    threads.emplace_back([&, t] {
      const std::vector<std::byte> sent = numbered_bytes(2000 + static_cast<int64_t>(t));
      for (int turn = 0; turn < 30; ++turn) {
        auto array = kernels::DeviceArray<std::byte>::copy_of(*gpu.device, sent);
        const auto forms = cuda_of(gpu).forms_of(bins);
        std::vector<std::byte> fetched(sent.size());
        if (!array || !forms || *forms == nullptr) return;
        if (!gpu.device->download(fetched, std::as_const(*array).on_device(), array->size())) {
          return;
        }
        if (fetched == sent) ++whole;
        if (turn == 29) handed_on[t] = std::move(*array);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(whole, 120);
  for (auto& array : handed_on) array = kernels::DeviceArray<std::byte>();
  table = kernels::DeviceArray<uint8_t>();
  EXPECT_EQ(cuda_of(gpu).held_bytes(), 0);
}

TEST(CudaDevice, WhatOtherLanesLeftBehindGoesWithTheDevice) {
  EmulatedGpu gpu = open_emulated_gpu(1 << 20, 2);
  void* address = nullptr;
  in_new_thread([&] { address = gpu.device->allocate(100).value_or(nullptr); });
  ASSERT_NE(address, nullptr);
  in_new_thread([&] { gpu.device->release(address); });
  in_new_thread([&] { (void)gpu.device->bring_up(); });
  gpu.device.reset();
  EXPECT_EQ(gpu.driver->log().live_allocations, 0);
  EXPECT_EQ(gpu.driver->log().live_pins, 0);
  EXPECT_EQ(gpu.driver->log().open_sessions, 0);
}

TEST(CudaDevice, BudgetIsHeldAndNamedInTheRefusal) {
  EmulatedGpu gpu = open_emulated_gpu(1000);
  auto first = gpu.device->allocate(600);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(cuda_of(gpu).held_bytes(), 600);
  const auto refused = gpu.device->allocate(401);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.error().message, "cuda:emu: allocation of 401 bytes, 400 of 1000 are free");
  gpu.device->release(*first);
  EXPECT_EQ(cuda_of(gpu).held_bytes(), 0);
  EXPECT_TRUE(gpu.device->allocate(1000).has_value());
  EXPECT_EQ(gpu.device->allocate(0).error().code, StatusCode::kInvalidArgument);
}

TEST(CudaDevice, MemoryThatTheGpuLacksIsResourceExhausted) {
  EmulatedGpu gpu = open_emulated_gpu(1000);
  gpu.driver->log().fail_at = gpu.driver->log().calls;
  gpu.driver->log().failure = Outcome::kNoMemory;
  const auto refused = gpu.device->allocate(10);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_EQ(
      refused.error().message,
      "cuda:emu: allocation of 10 bytes, 1000 of the budget's 1000 are free: planted failure");
  // It is a matter of that moment only.
  EXPECT_TRUE(gpu.device->allocate(10).has_value());
}

TEST(CudaDevice, LostDeviceSaysSoEveryTime) {
  EmulatedGpu gpu = open_emulated_gpu(1000);
  auto address = gpu.device->allocate(10);
  ASSERT_TRUE(address.has_value());
  gpu.driver->log().fail_at = gpu.driver->log().calls;
  gpu.driver->log().failure = Outcome::kLost;
  const Status lost = cuda_of(gpu).fill(*address, 0, 10);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, StatusCode::kDevice);
  EXPECT_EQ(lost.error().message,
            "cuda:emu: fill: planted failure (the device is lost to this process)");
  const int64_t calls = gpu.driver->log().calls;
  std::vector<std::byte> bytes(10);
  for (const Status& status :
       {gpu.device->upload(*address, bytes), gpu.device->download(bytes, *address, 10),
        cuda_of(gpu).finish(), cuda_of(gpu).gemm({}), cuda_of(gpu).fill(*address, 0, 10)}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, StatusCode::kDevice);
    EXPECT_EQ(status.error().message, "cuda:emu was lost: cuda:emu: fill: planted failure");
  }
  EXPECT_EQ(gpu.device->allocate(10).error().code, StatusCode::kDevice);
  EXPECT_EQ(gpu.driver->log().calls, calls) << "a lost GPU was asked again";
}

TEST(CudaDevice, GivesEverythingBackWhenClosed) {
  EmulatedGpu gpu = open_emulated_gpu(1000);
  ASSERT_TRUE(gpu.device->allocate(100).has_value());
  ASSERT_TRUE(gpu.device->allocate(200).has_value());
  EXPECT_EQ(gpu.driver->log().live_allocations, 2);
  EXPECT_EQ(gpu.driver->log().open_sessions, 1);
  gpu.device.reset();
  EXPECT_EQ(gpu.driver->log().live_allocations, 0);
  EXPECT_EQ(gpu.driver->log().live_pins, 0);
  EXPECT_EQ(gpu.driver->log().open_sessions, 0);
}

TEST(CudaModule, EveryGpuBecomesADevice) {
  conformance::EmulatedDriver driver(3, int64_t{1} << 30);
  const auto devices = open_gpus(driver);
  ASSERT_TRUE(devices.has_value()) << devices.error().message;
  ASSERT_EQ(devices->size(), 3u);
  EXPECT_EQ((*devices)[2]->info().id, "cuda:2");
  EXPECT_EQ((*devices)[2]->info().kind, "cuda");
  EXPECT_EQ((*devices)[2]->info().name, "emulated GPU 2, sm_90, 1 multiprocessors");
  EXPECT_EQ((*devices)[2]->info().memory_bytes, 738197504);  // 1 GiB less 64 and 256 MiB
  EXPECT_FALSE((*devices)[2]->info().untried);
  EXPECT_FALSE((*devices)[2]->info().shares_host_memory);
}

TEST(CudaModule, OnlyTheGpuThatIsUsedIsOpened) {
  conformance::EmulatedDriver driver(3, int64_t{1} << 30);
  const auto devices = open_gpus(driver);
  ASSERT_TRUE(devices.has_value()) << devices.error().message;
  EXPECT_EQ(driver.log().open_sessions, 0);
  ASSERT_TRUE((*devices)[1]->bring_up());
  ASSERT_TRUE((*devices)[1]->bring_up());
  EXPECT_EQ(driver.log().open_sessions, 1);
  const auto array = kernels::DeviceArray<float>::make(*(*devices)[2], 10);
  ASSERT_TRUE(array.has_value()) << "first use opens it too";
  EXPECT_EQ(driver.log().open_sessions, 2);
}

TEST(CudaModule, GpusThatDoNotOpenSayWhy) {
  conformance::EmulatedDriver none(0, 1000);
  EXPECT_EQ(open_gpus(none).error().message, "no GPU is emulated");
  conformance::EmulatedDriver driver(1, int64_t{1} << 30);
  driver.log().fail_at = 0;
  driver.log().failure = Outcome::kNoMemory;
  const auto devices = open_gpus(driver);
  ASSERT_TRUE(devices.has_value()) << devices.error().message;
  const Status refused = devices->front()->bring_up();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "cuda:0: pinning host memory: planted failure");
  EXPECT_EQ(driver.log().open_sessions, 0);
  // It is a matter of that moment only.
  EXPECT_TRUE(devices->front()->bring_up());
  EXPECT_EQ(driver.log().open_sessions, 1);
}

TEST(CudaModule, PathsAreThoseBesideTheProgramUnlessOneIsNamed) {
  unsetenv("ASSAY_CUDA_MODULE");
  const std::vector<std::string> usual = module_paths();
  ASSERT_EQ(usual.size(), 4u);
  EXPECT_TRUE(usual[0].ends_with("/libassay_cuda.so")) << usual[0];
  EXPECT_TRUE(usual[2].ends_with("/../lib/assay/libassay_cuda.so")) << usual[2];
  setenv("ASSAY_CUDA_MODULE", "/elsewhere/module.so", 1);
  EXPECT_EQ(module_paths(), std::vector<std::string>{"/elsewhere/module.so"});
  unsetenv("ASSAY_CUDA_MODULE");
}

TEST(CudaModule, WhatIsNoModuleIsRefused) {
  const auto missing = open_driver({"/nowhere/a.so", "/nowhere/b.so"});
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, StatusCode::kDevice);
  EXPECT_EQ(missing.error().message,
            "no module libassay_cuda.so (it is built where the CUDA toolkit is; see README.md)");
  const std::string path = testing::TempDir() + "no_module.so";
  std::ofstream(path) << "text";
  const auto text = open_driver({"/nowhere/a.so", path});
  ASSERT_FALSE(text.has_value());
  EXPECT_TRUE(text.error().message.starts_with("the module did not load: " + path))
      << text.error().message;
}

#ifdef ASSAY_TEST_CUDA_MODULE
// The module loads without GPU, driver or CUDA, and says what is missing.
TEST(CudaModule, LoadsWithoutADriverAndSaysThatThereIsNone) {
  const auto driver = open_driver({ASSAY_TEST_CUDA_MODULE});
  ASSERT_TRUE(driver.has_value()) << driver.error().message;
  if (dlopen("libcuda.so.1", RTLD_LAZY) != nullptr) {
    GTEST_SKIP() << "this machine has an NVIDIA driver";
  }
  const auto devices = open_gpus(**driver);
  ASSERT_FALSE(devices.has_value());
  EXPECT_EQ(devices.error().message, "no NVIDIA driver is installed (libcuda.so.1 was not found)");
}
#endif

}  // namespace
}  // namespace assay::backends::cuda
