// The hash that a JSON record ends with, so that a change of any of its bytes is seen: the member
// `record_sha256`, the SHA-256 of all bytes before the comma in front of it. Records of earlier
// releases have none.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::tracking {

// `json` is an object with members, in lines of its own indented by two, and a line feed behind.
std::string with_seal(std::string json);
// Fails: data, naming `source`, if the text has a hash that is not its own.
Status check_seal(std::string_view text, const std::string& source);

}  // namespace assay::tracking
