// The data sets that runs recorded: a name, and a version for each content. Made from the links in
// the run files' seals (run_links.h); nothing of it is stored. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/read_problems.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// One content of a data set.
struct DatasetVersion {
  int64_t number = 0;          // 1, 2, ... by first use
  std::string label{};         // the version that its last run gave it, or empty
  std::string content_hash{};  // empty if no run knew it
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t first_used_ns = 0;         // start of the first run, nanoseconds since 1970 UTC
  int64_t last_used_ns = 0;          // of the last
  std::vector<RunInfo> runs{};       // that used it, newest first; without trials of sweeps
  std::vector<std::string> roles{};  // train, test, ...; sorted
};

struct DatasetHistory {
  std::string name{};
  std::vector<DatasetVersion> versions{};  // by number
};

// All data sets that runs recorded (not those in the trash), the one used last first. Files that
// are damaged or cannot be read are told in `problems` (may be null) and left out.
// Fails: io.
Result<std::vector<DatasetHistory>> list_datasets(Workspace& workspace,
                                                  ReadProblems* problems = nullptr);

// A data set by its name, or by the beginning (4 characters or more) of a content's hash: then with
// that version only. Fails: not_found with the nearest name, invalid_argument if the beginning fits
// several contents.
Result<DatasetHistory> find_dataset(const std::vector<DatasetHistory>& all,
                                    std::string_view reference);

}  // namespace assay::tracking
