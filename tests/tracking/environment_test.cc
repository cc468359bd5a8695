#include "tracking/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "kernels/base/executor.h"

namespace assay::tracking {
namespace {

TEST(Environment, HasEveryKey) {
  const auto values = collect_environment({});
  for (const char* key :
       {"assay_version", "compiler", "hdf5_version", "libgit2_version", "os", "host", "kernel",
        "architecture", "cpu_model", "cpu_count", "usable_cpu_count", "usable_memory_bytes",
        "command_line", "working_folder_name", "start_time", "user", "pid"}) {
    ASSERT_TRUE(values.contains(key)) << key;
    EXPECT_FALSE(values.at(key).text().empty()) << key;
  }
  EXPECT_EQ(values.at("pid"), Value(::getpid()));
  EXPECT_EQ(values.at("usable_cpu_count"), Value(usable_cpu_count()));
  EXPECT_EQ(values.at("assay_version"), Value(assay_version()));
  EXPECT_FALSE(values.contains("seed"));
  EXPECT_FALSE(values.contains("threads"));
}

TEST(Environment, KeepsAllBitsOfTheSeed) {
  const auto values = collect_environment({.seed = UINT64_MAX, .threads = 7});
  EXPECT_EQ(values.at("seed"), Value("18446744073709551615"));
  EXPECT_EQ(values.at("threads"), Value(7));
}

TEST(Environment, QuotesTheCommandLine) {
  const auto values =
      collect_environment({.command_line = {"assay", "run", "my data.csv", "it's", ""}});
  EXPECT_EQ(values.at("command_line"), Value(R"(assay run 'my data.csv' 'it'\''s' '')"));
}

TEST(Environment, WritesTimesAsIso) {
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(iso_time(int64_t{1'700'000'000} * 1'000'000'000), "2023-11-14T22:13:20Z");
}

}  // namespace
}  // namespace assay::tracking
