// Times as people write them: ISO 8601, UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace assay::tracking {

// `2024-01-31`, `2024-01-31 12:00`, `2024-01-31T12:00:30.25Z`, with `+01:00` too. Nanoseconds since
// 1970 UTC; false for anything else, and outside the years 1678 to 2261.
bool parse_time(std::string_view text, int64_t& time_ns);

// What is wrong with a time that parse_time() refuses: "there is no month 13 (must be 01 to 12)",
// "write '2024-01-31'". Empty for a text that does not look like a date.
std::string time_fault(std::string_view text);

// `2024-01-31T12:00:30.250000000Z`: reads back as the same nanosecond.
std::string time_text(int64_t time_ns);

}  // namespace assay::tracking
