// Damaged run files: an error that names the file, never a crash or a wrong record.
#include <gtest/gtest.h>

#include <random>

#include "tests/tracking/sample_record.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"

namespace assay::tracking {
namespace {

constexpr unsigned kSeed = 20240607;

class CorruptRun : public testing::Test {
 protected:
  // A small record: its file is a few KiB, so that every cut and flip counts.
  void SetUp() override {
    RunRecord record = sample_record();
    record.stdout_text.clear();
    record.metrics.erase("many");
    record.params.erase("long");
    image_ = *run_file_image(record);
  }

  // Both readers fail with `data`, naming the file.
  void expect_refused(const std::string& bytes, const std::string& what) {
    const std::string path = folder_ / "01HZY0J8Q0ABCDEFGHJKMNPQRS.h5";
    spill(path, bytes);
    const auto record = read_run(path);
    ASSERT_FALSE(record) << what;
    EXPECT_EQ(record.error().code, StatusCode::kData) << what;
    EXPECT_NE(record.error().message.find("01HZY0J8Q0ABCDEFGHJKMNPQRS.h5"), std::string::npos);
  }

  TestFolder folder_;
  std::string image_;
};

TEST_F(CorruptRun, IsRefusedWhenCutAnywhere) {
  std::mt19937 random(kSeed);
  PosixFileLayer files;
  for (int i = 0; i < 300; ++i) {
    const size_t length = i < 10 ? static_cast<size_t>(i) : random() % image_.size();
    expect_refused(image_.substr(0, length), "cut at " + std::to_string(length));
    EXPECT_FALSE(read_run_info(files, folder_ / "01HZY0J8Q0ABCDEFGHJKMNPQRS.h5")) << length;
  }
}

TEST_F(CorruptRun, IsRefusedWhenAnyBitFlips) {
  std::mt19937 random(kSeed + 1);
  for (int i = 0; i < 1500; ++i) {
    std::string bytes = image_;
    const size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    expect_refused(bytes, "flip at " + std::to_string(at));
  }
}

TEST_F(CorruptRun, IsRefusedWhenBytesAreAppended) {
  expect_refused(image_ + "x", "one byte more");
  expect_refused(image_ + image_, "twice");
}

TEST_F(CorruptRun, IsRefusedWhenItIsSomethingElse) {
  expect_refused("", "empty");
  expect_refused("\x89HDF\r\n\x1a\n", "an HDF5 signature");
  expect_refused(std::string(1 << 16, '\0'), "zeros");
  expect_refused("ASSAYRUN" + std::string(152, '\xff'), "a footer of ones");
}

TEST_F(CorruptRun, OfANewerSealSaysSo) {
  std::string bytes = image_;
  bytes[bytes.size() - 160 + 8] = 2;
  expect_refused(bytes, "seal version 2");
  EXPECT_NE(read_run(folder_ / "01HZY0J8Q0ABCDEFGHJKMNPQRS.h5").error().message.find("newer"),
            std::string::npos);
}

TEST_F(CorruptRun, SummaryThatIsNoJsonIsRefused) {
  std::string bytes = image_.substr(0, verified_image(image_, "sample")->size());
  append_seal(bytes, "[1,2");
  spill(folder_ / "odd.h5", bytes);
  PosixFileLayer files;
  const auto info = read_run_info(files, folder_ / "odd.h5");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, StatusCode::kData);
}

}  // namespace
}  // namespace assay::tracking
