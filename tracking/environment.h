// What a run ran on and with: versions, machine, limits, command line. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tracking/run_record.h"

namespace assay::tracking {

struct EnvironmentRequest {
  std::vector<std::string> command_line{};  // argv; empty: from /proc/self/cmdline
  std::optional<uint64_t> seed{};
  std::optional<int> threads{};  // what the user limited it to
};

// Keys: assay_version, compiler, build_type, hdf5_version, libgit2_version, host, os, kernel,
// architecture, cpu_model, cpu_count (of the machine), usable_cpu_count, usable_memory_bytes,
// command_line, working_folder_name, start_time (ISO 8601 UTC), user, pid; seed and threads if
// given. What cannot be found out is "unknown".
std::map<std::string, Value> collect_environment(const EnvironmentRequest& request);

// The user's login name, else "uid:<number>".
std::string user_name();

// Nanoseconds since 1970 UTC.
int64_t wall_time_ns();

// `2024-01-31T12:00:00Z`.
std::string iso_time(int64_t wall_ns);

// The release of Assay, for example "0.1.0".
std::string assay_version();

}  // namespace assay::tracking
