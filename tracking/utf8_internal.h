// UTF-8 checks: HDF5 names and strings are marked UTF-8, so they must be.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::tracking {

// Well-formed UTF-8 without overlong forms or surrogates.
bool is_utf8(std::string_view text);

// The text with each offending byte and each NUL replaced by U+FFFD.
std::string clean_utf8(std::string_view text);

// The first `max_bytes` bytes, without half a character at the end.
std::string cut_utf8(std::string text, size_t max_bytes);

// Fails: invalid_argument for a key that is empty, longer than 512 bytes, not UTF-8 or holds a NUL.
Status check_key(std::string_view what, std::string_view key);

}  // namespace assay::tracking
