// Durations and sizes as people write them, for config files and the command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::automl {

// What a duration (in seconds) and a size (in bytes: 2^53) are at most.
inline constexpr double kLongestDuration = 1e9;
inline constexpr double kLargestSize = 9007199254740992;

// Seconds from "90", "30s", "1.5m", "1h30m", "500ms", "2d": a plain number of seconds, or parts
// with units d, h, m (or min), s, ms, largest unit first, each at most once.
// Fails: invalid_argument if it is not so, or not in [0, kLongestDuration] seconds.
Result<double> parse_duration(std::string_view text);

// Bytes from "4GiB", "512MB", "300M", "1.5 G", "1000": k, M, G, T with B are powers of 1000, with
// iB of 1024; without B (300M) of 1024, as in ulimit and Slurm. Letters in any case.
// Fails: invalid_argument if it is not so, above 0 but no whole byte (rounded), or above
// kLargestSize.
Result<int64_t> parse_bytes(std::string_view text);

// "1h30m", "30s", "0.5s": reads back by parse_duration to the same number.
std::string format_duration(double seconds);

// "17.2 MiB", "340.0 KiB", "12 B": for people.
std::string rounded_bytes(int64_t bytes);

// "4GiB", "1536MiB", "1000B": exact, reads back by parse_bytes.
std::string format_bytes(int64_t bytes);

}  // namespace assay::automl
