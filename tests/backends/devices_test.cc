#include "backends/devices.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "backends/cpu/device.h"

namespace assay::backends {
namespace {

// A device by name only, which may not come up.
class NamedDevice final : public kernels::Device {
 public:
  NamedDevice(std::string id, bool emulated, std::string trouble = "")
      : trouble_(std::move(trouble)) {
    info_.kind = id.substr(0, id.find(':'));
    info_.id = std::move(id);
    info_.emulated = emulated;
  }
  const kernels::DeviceInfo& info() const override { return info_; }
  Status bring_up() override {
    ++starts;
    if (trouble_.empty()) return {};
    return fail(code_, "{}: {}", info_.id, trouble_);
  }
  Result<void*> allocate(int64_t) override { return fail(StatusCode::kResourceExhausted, "none"); }
  void release(void*) override {}
  void call_untried() { info_.untried = true; }
  void fail_with(StatusCode code) { code_ = code; }

  int starts = 0;

 protected:
  Status do_upload(void*, std::span<const std::byte>) override { return {}; }
  Status do_download(std::span<std::byte>, const void*) override { return {}; }

 private:
  kernels::DeviceInfo info_;
  std::string trouble_;
  StatusCode code_ = StatusCode::kDevice;
};

// A set with an emulated card and two GPUs, which counts what is looked for and brought up.
struct Machine {
  std::map<std::string, int> looks;  // by kind
  std::map<std::string, NamedDevice*> devices;
  std::string first_gpu_trouble;

  DeviceSet open() {
    return DeviceSet(std::make_unique<cpu::CpuDevice>(1000),
                     {{"cuda",
                       [this] {
                         ++looks["cuda"];
                         FoundDevices found;
                         found.devices.push_back(make("cuda:0", false, first_gpu_trouble));
                         found.devices.push_back(make("cuda:1", false));
                         return found;
                       }},
                      {"fpga",
                       [this] {
                         ++looks["fpga"];
                         FoundDevices found;
                         found.devices.push_back(make("fpga:emu0", true));
                         return found;
                       }}},
                     {});
  }
  int starts(const std::string& id) const {
    const auto at = devices.find(id);
    return at == devices.end() ? 0 : at->second->starts;
  }

 private:
  std::unique_ptr<NamedDevice> make(const std::string& id, bool emulated,
                                    const std::string& trouble = "") {
    auto device = std::make_unique<NamedDevice>(id, emulated, trouble);
    devices[id] = device.get();
    return device;
  }
};

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

TEST(Devices, NothingIsLookedForBeforeItIsNamed) {
  Machine machine;
  const DeviceSet set = machine.open();
  EXPECT_EQ(id_of(set, "cpu"), "cpu");
  EXPECT_EQ(set.find_all("cpu")->front(), &set.host());
  EXPECT_TRUE(machine.looks.empty());
  EXPECT_EQ(id_of(set, "fpga"), "fpga:emu0");
  EXPECT_EQ(machine.looks, (std::map<std::string, int>{{"fpga", 1}}));
  EXPECT_EQ(id_of(set, "cuda:1"), "cuda:1");
  EXPECT_EQ(machine.starts("cuda:0"), 0) << "another GPU was asked for";
  EXPECT_EQ(machine.starts("cuda:1"), 1);
}

TEST(Devices, ListingThemBringsUpNone) {
  Machine machine;
  const DeviceSet set = machine.open();
  std::vector<std::string> ids;
  for (const kernels::Device* device : set.devices()) ids.push_back(device->info().id);
  EXPECT_EQ(ids, (std::vector<std::string>{"cpu", "cuda:0", "cuda:1", "fpga:emu0"}));
  EXPECT_EQ(set.devices().size(), 4u);
  EXPECT_EQ(machine.looks, (std::map<std::string, int>{{"cuda", 1}, {"fpga", 1}}));
  for (const auto& [id, device] : machine.devices) EXPECT_EQ(device->starts, 0) << id;
}

TEST(Devices, AutoTakesARealAcceleratorBeforeTheCpu) {
  Machine machine;
  EXPECT_EQ(id_of(machine.open(), "auto"), "cuda:0");
  machine.first_gpu_trouble = "is broken";
  EXPECT_EQ(id_of(machine.open(), "AUTO"), "cuda:1");
  const DeviceSet emulated(
      std::make_unique<cpu::CpuDevice>(1000),
      {{"fpga",
        [] {
          FoundDevices found;
          found.devices.push_back(std::make_unique<NamedDevice>("fpga:emu0", true));
          return found;
        }}},
      {});
  EXPECT_EQ(id_of(emulated, "auto"), "cpu");
}

TEST(Devices, AutoLeavesAnUntriedCardAlone) {
  const DeviceSet set(std::make_unique<cpu::CpuDevice>(1000),
                      {{"fpga",
                        [] {
                          FoundDevices found;
                          auto card = std::make_unique<NamedDevice>("fpga:0", false);
                          card->call_untried();
                          found.devices.push_back(std::move(card));
                          return found;
                        }}},
                      {});
  EXPECT_EQ(id_of(set, "auto"), "cpu");
  EXPECT_EQ(id_of(set, "fpga"), "fpga:0");
}

TEST(Devices, KindMeansItsFirstDeviceThatComesUp) {
  Machine machine;
  const DeviceSet set = machine.open();
  EXPECT_EQ(id_of(set, "cuda"), "cuda:0");
  EXPECT_EQ(id_of(set, "cuda:1"), "cuda:1");
  EXPECT_EQ(id_of(set, "fpga"), "fpga:emu0");
  machine.first_gpu_trouble = "is broken";
  const DeviceSet broken = machine.open();
  EXPECT_EQ(id_of(broken, "cuda"), "cuda:1");
  EXPECT_EQ(broken.find("cuda:0").error().code, StatusCode::kDevice);
  EXPECT_EQ(broken.find("cuda:0").error().message, "cuda:0: is broken");
}

TEST(Devices, MissingNumberListsWhatThereIs) {
  Machine machine;
  const DeviceSet set = machine.open();
  const auto found = set.find("cuda:7");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, StatusCode::kDevice);
  EXPECT_EQ(found.error().message,
            "no device 'cuda:7' (there are: cpu, cuda:0, cuda:1, fpga:emu0)");
  EXPECT_EQ(set.find("cpu:1").error().code, StatusCode::kDevice);
}

TEST(Devices, UnknownNameSuggestsTheNearest) {
  Machine machine;
  const DeviceSet set = machine.open();
  const auto found = set.find("cdua");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(found.error().message,
            "unknown device 'cdua' (did you mean 'cuda'?); there are: auto, cpu, cuda:0, cuda:1, "
            "fpga:emu0");
  for (const char* name : {"gpu", "GPU:1", "nvidia"}) {
    EXPECT_NE(set.find(name).error().message.find("(did you mean 'cuda:0'?)"), std::string::npos)
        << name;
  }
  // One that is there, not the first card that there might be.
  for (const char* name : {"xrt", "xilinx:0", "Alveo"}) {
    EXPECT_NE(set.find(name).error().message.find("(did you mean 'fpga:emu0'?)"), std::string::npos)
        << set.find(name).error().message;
  }
}

TEST(Devices, OtherNamesMeanTheFirstCardWhereThereIsNone) {
  const DeviceSet set(std::make_unique<cpu::CpuDevice>(1000), {}, {});
  EXPECT_NE(set.find("gpu").error().message.find("(did you mean 'cuda:0'?)"), std::string::npos);
  EXPECT_NE(set.find("xrt").error().message.find("(did you mean 'fpga:0'?)"), std::string::npos);
}

TEST(Devices, AnotherEmulatedCardIsASlipOfThePen) {
  const DeviceSet set(std::make_unique<cpu::CpuDevice>(1000),
                      {{"fpga",
                        [] {
                          FoundDevices found;
                          found.devices.push_back(std::make_unique<NamedDevice>("fpga:emu0", true));
                          found.missing = "there is no card";
                          return found;
                        }}},
                      {});
  for (const char* name : {"fpga:emu7", "fpga:emu", "fpga:emu00"}) {
    EXPECT_EQ(set.find(name).error().message,
              fmt::format("no device '{}' (did you mean 'fpga:emu0'?) (there are: cpu, fpga:emu0)",
                          name));
    EXPECT_EQ(set.find(name).error().code, StatusCode::kDevice);
  }
  EXPECT_EQ(set.find("fpga:1").error().message,
            "no device 'fpga:1' (there are: cpu, fpga:emu0); there is no card");
}

// What was looked for in vain says nothing of an emulated card that cannot be had.
TEST(Devices, MissingCardsAreToldToWhoAsksForACard) {
  const DeviceSet set(std::make_unique<cpu::CpuDevice>(1000),
                      {{"fpga",
                        [] {
                          FoundDevices found;
                          found.unavailable.push_back("the emulated card lacks a part");
                          found.missing = "there is no card";
                          return found;
                        }}},
                      {});
  const std::string lacks = " is not available: the emulated card lacks a part";
  EXPECT_EQ(set.find("fpga:emu0").error().message, "device 'fpga:emu0'" + lacks);
  EXPECT_EQ(set.find("fpga:0").error().message, "device 'fpga:0'" + lacks + "; there is no card");
}

TEST(Devices, ASettingOfTheUsersIsNoFaultOfTheDevice) {
  const DeviceSet set(std::make_unique<cpu::CpuDevice>(1000),
                      {{"fpga",
                        [] {
                          FoundDevices found;
                          auto card = std::make_unique<NamedDevice>("fpga:emu0", true, "TIMEOUT=x");
                          card->fail_with(StatusCode::kConfig);
                          found.devices.push_back(std::move(card));
                          return found;
                        }}},
                      {});
  for (const char* name : {"fpga", "fpga:emu0"}) {
    EXPECT_EQ(set.find(name).error().code, StatusCode::kConfig);
    EXPECT_EQ(set.find(name).error().message, "fpga:emu0: TIMEOUT=x");
  }
}

TEST(Devices, ListsKeepTheirOrder) {
  Machine machine;
  const DeviceSet set = machine.open();
  const auto listed = set.find_all("fpga, CPU,cuda:1");
  ASSERT_TRUE(listed.has_value()) << listed.error().message;
  std::vector<std::string> ids;
  for (const kernels::Device* device : *listed) ids.push_back(device->info().id);
  EXPECT_EQ(ids, (std::vector<std::string>{"fpga:emu0", "cpu", "cuda:1"}));
  EXPECT_EQ(machine.starts("cuda:0"), 0);
}

TEST(Devices, AllOfAutoAreTheCpuAndTheCardsThatCanBeBroughtUp) {
  Machine machine;
  const DeviceSet set = machine.open();
  const auto all = set.find_all("Auto");
  ASSERT_TRUE(all.has_value()) << all.error().message;
  std::vector<std::string> ids;
  for (const kernels::Device* device : *all) ids.push_back(device->info().id);
  EXPECT_EQ(ids, (std::vector<std::string>{"cpu", "cuda:0", "cuda:1"}));
  EXPECT_EQ(machine.starts("fpga:emu0"), 0);
}

TEST(Devices, ListsThatAreNoneAreRefused) {
  Machine machine;
  const DeviceSet set = machine.open();
  const std::pair<const char*, const char*> cases[] = {
      {"cpu,fpga,fpga:emu0", "device 'fpga:emu0' is listed twice"},
      {"fpga:emu0,fpga", "device 'fpga' is listed twice (it is fpga:emu0)"},
      {"cpu,auto", "'auto' stands alone: a list of devices names them, such as 'cpu,cuda:0'"},
      {"cpu,fgpa",
       "unknown device 'fgpa' (did you mean 'fpga'?); there are: auto, cpu, cuda:0, "
       "cuda:1, fpga:emu0"},
      {"cpu,", "unknown device ''; there are: auto, cpu, cuda:0, cuda:1, fpga:emu0"}};
  for (const auto& [list, message] : cases) {
    const auto refused = set.find_all(list);
    ASSERT_FALSE(refused.has_value()) << list;
    EXPECT_EQ(refused.error().code, StatusCode::kInvalidArgument) << list;
    EXPECT_EQ(refused.error().message, message);
  }
}

}  // namespace
}  // namespace assay::backends
