// A disk that fails at each operation of a quarantine in turn.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/tracking/failing_files.h"
#include "tracking/quarantine.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Moves the workspace `store` away, and for each operation makes it anew from there, puts its
// damage into quarantine while operation `at` and all behind it fail, calls check(at) and removes
// it again. Ends after the one that needed no further operation.
template <class Check>
void quarantine_failing_at_each(const std::string& store, const StopToken& stop,
                                const Check& check) {
  const std::string damaged = store + "-damaged";
  std::filesystem::rename(store, damaged);
  for (int64_t at = 0;; ++at) {
    ASSERT_LT(at, 1000);
    std::filesystem::copy(damaged, store, std::filesystem::copy_options::recursive);
    FailingFiles files;
    bool complete = false;
    {
      const auto workspace = *Workspace::open(store, &files);
      files.restart(at, true);
      (void)quarantine_damage(*workspace, stop);
      complete = files.count() <= at;
      files.fail_at = -1;
    }
    check(at);
    std::filesystem::remove_all(store);
    if (complete) {
      EXPECT_GT(at, 10);
      return;
    }
  }
}

}  // namespace assay::tracking
