// What a device worker finds in its environment.
#include "backends/xrt/worker_environment.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "backends/xrt/installation.h"

namespace assay::backends::xrt {
namespace {

using testing::ElementsAre;

TEST(WorkerEnvironment, SetsAndRemovesWhatItIsTold) {
  const std::vector<std::string> own = {"A=1", "B=2", "BB=3", "NO_VALUE", "C=x=y"};
  const EnvironmentRules rules{{{"B", "{run}/b"}, {"D", "{name}"}}, {"C", "E"}};
  EXPECT_THAT(worker_environment(own, rules, "/tmp/assay-fpga-x"),
              ElementsAre("A=1", "BB=3", "NO_VALUE", "B=/tmp/assay-fpga-x/b", "D=assay-fpga-x"));
}

// A shell that was set up for the vendor's emulation.
TEST(WorkerEnvironment, OfARealCardHasNoEmulation) {
  const std::vector<std::string> shell = {"XCL_EMULATION_MODE=sw_emu", "XILINX_XRT=/opt/xilinx/xrt",
                                          "EMCONFIG_PATH=/home/me", "SDACCEL_EM_RUN_DIR=/tmp/x"};
  const WorkerSpec spec = real_card({"/nowhere"}, 1, "/a.xclbin");
  EXPECT_EQ(spec.card, 1u);
  EXPECT_THAT(worker_environment(shell, spec.environment, "/tmp/run"),
              ElementsAre("XILINX_XRT=/opt/xilinx/xrt"));
}

TEST(WorkerEnvironment, FilesOfTheUsersStayWhereTheyAre) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_THAT(worker_environment({"ASSAY_FPGA_EVENTS=events.txt"}, {}, "/tmp/run"),
              ElementsAre("ASSAY_FPGA_EVENTS=" + here + "/events.txt"));
  EXPECT_THAT(worker_environment({"ASSAY_FPGA_EVENTS=/a/events"}, {}, "/tmp/run"),
              ElementsAre("ASSAY_FPGA_EVENTS=/a/events"));
  EXPECT_THAT(worker_environment({"ASSAY_FPGA_EVENTS="}, {}, "/tmp/run"),
              ElementsAre("ASSAY_FPGA_EVENTS="));
}

}  // namespace
}  // namespace assay::backends::xrt
