// Well-formed UTF-8 (Unicode 15, table 3-7; RFC 3629): no overlong forms, no surrogates, at most
// U+10FFFF. Thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace assay {

// Bytes of the character at the beginning of `text`, 1 to 4 (NUL is one of 1), or 0 if there is
// none.
size_t utf8_length(std::string_view text);

}  // namespace assay
