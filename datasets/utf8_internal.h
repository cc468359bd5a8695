// Checks on raw text.
#pragma once

#include <cstdint>

namespace assay::datasets {

// The first byte in [begin, end) that is NUL or not part of well-formed UTF-8 (Unicode 15, table
// 3-7: no overlong forms, no surrogates, at most U+10FFFF); `end` if there is none.
const char* find_bad_byte(const char* begin, const char* end);

// LF bytes in [begin, end).
int64_t count_newlines(const char* begin, const char* end);

}  // namespace assay::datasets
