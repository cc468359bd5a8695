// Damaged images under a valid seal: what only somebody who means harm can make. HDF5 itself meets
// them. A program of its own, because HDF5 1.10 loses memory when it refuses such files.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <random>

#include "tests/tracking/sample_record.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"

extern "C" const char* __lsan_default_suppressions();  // NOLINT: the name is LeakSanitizer's
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }  // NOLINT

namespace assay::tracking {
namespace {

constexpr unsigned kSeed = 20240609;

std::string small_image() {
  RunRecord record = sample_record();
  record.stdout_text.clear();
  record.metrics.erase("many");
  record.params.erase("long");
  const std::string file = *run_file_image(record);
  return std::string(*verified_image(file, "sample"));
}

// Errors may be absent: a changed metric is a metric. A crash or a hang may not be there, and all
// handles are closed on every way out.
TEST(ResealedRun, NeverCrashesOrKeepsHandles) {
  const TestFolder folder;
  const std::string image = small_image();
  const std::string path = folder / "resealed.h5";
  std::mt19937 random(kSeed);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string bytes = image;
    const int changes = 1 + i % 4;
    for (int change = 0; change < changes; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    append_seal(bytes, "{}");
    spill(path, bytes);
    if (!read_run(path)) ++refused;
    for (const H5I_type_t type : {H5I_GROUP, H5I_DATASET, H5I_ATTR, H5I_FILE}) {
      hsize_t open = 0;
      H5Inmembers(type, &open);
      EXPECT_EQ(open, 0U) << "type " << type << " after file " << i;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(ResealedRun, CutImagesAreRefused) {
  const TestFolder folder;
  const std::string image = small_image();
  const std::string path = folder / "resealed.h5";
  for (size_t length = 0; length < image.size(); length += 97) {
    std::string bytes = image.substr(0, length);
    append_seal(bytes, "{}");
    spill(path, bytes);
    const auto record = read_run(path);
    ASSERT_FALSE(record) << length;
    EXPECT_EQ(record.error().code, StatusCode::kData);
  }
}

}  // namespace
}  // namespace assay::tracking
