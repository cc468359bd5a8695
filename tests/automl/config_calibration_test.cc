#include "automl/config/calibration_file.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

namespace assay::automl {
namespace {

using kernels::Calibration;
using testing::HasSubstr;

Calibration sample() {
  Calibration calibration;
  calibration.made_ns = 1'700'000'000'000'000'000;
  calibration.processor = "Chip \"X\", AVX2";
  calibration.usable_cpus = 4;
  calibration.devices = {
      {"cpu", {"Chip \"X\", AVX2", 0}, {{"gemm", "cpu.eigen", {1250.5, 0.03125}, 1.5}}},
      {"cuda", {"Card", int64_t{80} << 30}, {{"gemm", "cuda.cublas", {2e4, 3.0}, 1}}}};
  return calibration;
}

std::string changed(std::string_view from, std::string_view to) {
  std::string text = calibration_json(sample());
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string trouble_with(std::string_view text) {
  const auto read = parse_calibration(text);
  if (read) return "nothing";
  EXPECT_EQ(read.error().code, StatusCode::kData);
  return read.error().message;
}

TEST(Calibration, ReadsWhatItWrote) {
  const auto read = parse_calibration(calibration_json(sample()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->made_ns, sample().made_ns);
  EXPECT_EQ(read->processor, sample().processor);
  EXPECT_EQ(read->usable_cpus, 4);
  ASSERT_EQ(read->devices.size(), 2u);
  EXPECT_EQ(read->devices[1].kind, "cuda");
  EXPECT_EQ(read->devices[1].device, sample().devices[1].device);
  ASSERT_EQ(read->devices[0].ops.size(), 1u);
  EXPECT_EQ(read->devices[0].ops[0].op, "gemm");
  EXPECT_EQ(read->devices[0].ops[0].implementation, "cpu.eigen");
  EXPECT_EQ(read->devices[0].ops[0].fit, (kernels::CostFit{1250.5, 0.03125}));
  EXPECT_EQ(read->devices[0].ops[0].misfit, 1.5);
}

TEST(Calibration, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(trouble_with(""), HasSubstr("no JSON object"));
  EXPECT_THAT(trouble_with("[1]"), HasSubstr("no JSON object"));
  EXPECT_THAT(trouble_with("{}"), HasSubstr("no text 'format'"));
  EXPECT_THAT(trouble_with(changed("assay-calibration", "other")), HasSubstr("its format"));
  EXPECT_THAT(trouble_with(changed("\"version\": 1", "\"version\": 2")),
              HasSubstr("version 2 (this program reads 1)"));
  EXPECT_THAT(trouble_with(changed("\"usable_cpus\": 4", "\"usable_cpus\": 0")),
              HasSubstr("'usable_cpus'"));
  EXPECT_THAT(trouble_with(changed("\"made_ns\": 17", "\"made_ns\": 17e")), HasSubstr("made_ns"));
  EXPECT_THAT(trouble_with(changed("\"made_ns\": 1", "\"made_ns\": 91")), HasSubstr("'made_ns'"));
  EXPECT_THAT(trouble_with(changed("1250.5", "-1")), HasSubstr("'wait_ns'"));
  EXPECT_THAT(trouble_with(changed("1250.5", "\"1\"")), HasSubstr("'wait_ns'"));
  EXPECT_THAT(trouble_with(changed("1250.5", "1e400")), testing::Ne("nothing"));
  EXPECT_THAT(trouble_with(changed("0.03125", "0")), HasSubstr("'factor'"));
  EXPECT_THAT(trouble_with(changed("\"misfit\": 1.5", "\"misfit\": 0.5")), HasSubstr("'misfit'"));
  EXPECT_THAT(trouble_with(changed("\"cpu.eigen\"", "7")), HasSubstr("no text 'implementation'"));
  EXPECT_THAT(trouble_with(changed("\"cpu.eigen\"", "\"" + std::string(300, 'x') + "\"")),
              HasSubstr("has 300 bytes"));
}

class CalibrationFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + fmt::format("assay-calibration-{}", ::getpid());
    std::filesystem::remove_all(folder_);
    path_ = folder_ + "/deep/assay/calibration.json";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  KnownCalibration read(std::string_view processor = "Chip \"X\", AVX2", int cpus = 4) {
    return read_calibration(path_, processor, cpus);
  }

  std::string folder_;
  std::string path_;
};

TEST_F(CalibrationFile, IsOfOneMachine) {
  EXPECT_FALSE(read().calibration);
  EXPECT_EQ(read().note, "") << "that there is none is no news";
  ASSERT_TRUE(write_calibration(path_, sample()));
  ASSERT_TRUE(read().calibration);
  EXPECT_EQ(read().note, "");
  EXPECT_FALSE(read("Chip Y").calibration);
  EXPECT_THAT(read("Chip Y").note, HasSubstr("another machine (Chip \"X\", AVX2; this is Chip Y)"));
  EXPECT_FALSE(read("Chip \"X\", AVX2", 2).calibration);
  EXPECT_THAT(read("Chip \"X\", AVX2", 2).note, HasSubstr("made with 4 processors (there are 2)"));
}

TEST_F(CalibrationFile, IsReplacedWhole) {
  Calibration calibration = sample();
  ASSERT_TRUE(write_calibration(path_, calibration));
  calibration.devices.pop_back();
  ASSERT_TRUE(write_calibration(path_, calibration));
  ASSERT_TRUE(read().calibration);
  EXPECT_EQ(read().calibration->devices.size(), 1u);
  const std::filesystem::directory_iterator beside(std::filesystem::path(path_).parent_path());
  EXPECT_EQ(std::distance(begin(beside), end(beside)), 1) << "no temporary file is left";
}

TEST_F(CalibrationFile, ThatIsBrokenIsLeftOutWithANote) {
  ASSERT_TRUE(write_calibration(path_, sample()));
  std::filesystem::resize_file(path_, 40);
  EXPECT_FALSE(read().calibration);
  EXPECT_THAT(read().note, HasSubstr(path_ + " is not used: it is no calibration"));
  std::ofstream(path_) << std::string((1 << 20) + 1, ' ');
  EXPECT_FALSE(read().calibration);
  EXPECT_NE(read().note, "");
}

TEST(CalibrationPath, FollowsTheEnvironment) {
  const auto kept = [](const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
  };
  const std::string home = kept("HOME");
  const std::string config = kept("XDG_CONFIG_HOME");
  ::setenv("HOME", "/home/somebody", 1);
  ::unsetenv("XDG_CONFIG_HOME");
  EXPECT_EQ(calibration_path(), "/home/somebody/.config/assay/calibration.json");
  ::setenv("XDG_CONFIG_HOME", "/settings", 1);
  EXPECT_EQ(calibration_path(), "/settings/assay/calibration.json");
  ::setenv("XDG_CONFIG_HOME", "not/absolute", 1);  // the specification: to be left out
  EXPECT_EQ(calibration_path(), "/home/somebody/.config/assay/calibration.json");
  ::unsetenv("HOME");
  EXPECT_EQ(calibration_path(), "");
  EXPECT_EQ(write_calibration("", sample()).error().code, StatusCode::kInvalidArgument);
  EXPECT_FALSE(read_calibration("", "x", 1).calibration);
  if (!home.empty()) ::setenv("HOME", home.c_str(), 1);
  ::unsetenv("XDG_CONFIG_HOME");
  if (!config.empty()) ::setenv("XDG_CONFIG_HOME", config.c_str(), 1);
}

}  // namespace
}  // namespace assay::automl
