#include "backends/devices.h"

#include <gtest/gtest.h>

#include "backends/cpu/device.h"

namespace assay::backends {
namespace {

// A device by name only.
class NamedDevice final : public kernels::Device {
 public:
  NamedDevice(std::string kind, std::string id, bool emulated) {
    info_.kind = std::move(kind);
    info_.id = std::move(id);
    info_.emulated = emulated;
  }
  const kernels::DeviceInfo& info() const override { return info_; }
  Result<void*> allocate(int64_t) override { return fail(StatusCode::kResourceExhausted, "none"); }
  void release(void*) override {}

 protected:
  Status do_upload(void*, std::span<const std::byte>) override { return {}; }
  Status do_download(std::span<std::byte>, const void*) override { return {}; }

 private:
  kernels::DeviceInfo info_;
};

DeviceSet set_with_gpus() {
  std::vector<std::unique_ptr<kernels::Device>> devices;
  devices.push_back(std::make_unique<cpu::CpuDevice>(1000));
  devices.push_back(std::make_unique<NamedDevice>("fpga", "fpga:emu0", true));
  devices.push_back(std::make_unique<NamedDevice>("cuda", "cuda:0", false));
  devices.push_back(std::make_unique<NamedDevice>("cuda", "cuda:1", false));
  return DeviceSet::of(std::move(devices), {}, {});
}

std::string id_of(const DeviceSet& set, std::string_view name) {
  const auto found = set.find(name);
  return found ? (*found)->info().id : found.error().message;
}

TEST(Devices, CpuIsAlwaysThere) {
  const auto set = open_devices({});
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->host().info().id, "cpu");
  EXPECT_GT(set->host().info().memory_bytes, 0);
  EXPECT_EQ(id_of(*set, "cpu"), "cpu");
  EXPECT_EQ(id_of(*set, "CPU"), "cpu");
  EXPECT_TRUE(set->kernels().table<kernels::Gemm>().declared_by("cpu"));
}

TEST(Devices, MemoryIsWhatIsAskedFor) {
  EXPECT_EQ(open_devices({12345})->host().info().memory_bytes, 12345);
  const auto refused = open_devices({-1});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "memory_bytes=-1 (must be 0 or positive)");
}

TEST(Devices, KindsThatDidNotOpenSayWhy) {
  const auto set = open_devices({});
  for (const UnavailableDevice& missing : set->unavailable()) {
    EXPECT_FALSE(missing.reason.empty()) << missing.kind;
    const auto found = set->find(missing.kind);
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, StatusCode::kDevice);
    EXPECT_EQ(found.error().message,
              "device '" + missing.kind + "' is not available: " + missing.reason);
    EXPECT_EQ(set->find(missing.kind + ":3").error().code, StatusCode::kDevice);
  }
}

TEST(Devices, AutoTakesARealAcceleratorBeforeTheCpu) {
  EXPECT_EQ(id_of(set_with_gpus(), "auto"), "cuda:0");
  std::vector<std::unique_ptr<kernels::Device>> devices;
  devices.push_back(std::make_unique<cpu::CpuDevice>(1000));
  devices.push_back(std::make_unique<NamedDevice>("fpga", "fpga:emu0", true));
  EXPECT_EQ(id_of(DeviceSet::of(std::move(devices), {}, {}), "auto"), "cpu");
}

TEST(Devices, KindMeansItsFirstDevice) {
  const DeviceSet set = set_with_gpus();
  EXPECT_EQ(id_of(set, "cuda"), "cuda:0");
  EXPECT_EQ(id_of(set, "cuda:1"), "cuda:1");
  EXPECT_EQ(id_of(set, "fpga"), "fpga:emu0");
}

TEST(Devices, MissingNumberListsWhatThereIs) {
  const auto found = set_with_gpus().find("cuda:7");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, StatusCode::kDevice);
  EXPECT_EQ(found.error().message,
            "no device 'cuda:7' (there are: cpu, fpga:emu0, cuda:0, cuda:1)");
}

TEST(Devices, UnknownNameSuggestsTheNearest) {
  const auto found = set_with_gpus().find("cdua");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(
      found.error().message,
      "unknown device 'cdua' (did you mean 'cuda'?); there are: auto, cpu, fpga:emu0, cuda:0, "
      "cuda:1");
  for (const char* name : {"gpu", "GPU:1", "nvidia"}) {
    EXPECT_NE(set_with_gpus().find(name).error().message.find("(did you mean 'cuda:0'?)"),
              std::string::npos)
        << name;
  }
  EXPECT_NE(set_with_gpus().find("xrt").error().message.find("(did you mean 'fpga:0'?)"),
            std::string::npos);
}

}  // namespace
}  // namespace assay::backends
