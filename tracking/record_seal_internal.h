// What JSON records begin and end with. First the member `record_version`, so that a record of a
// newer release is not read as this one's. Last the hash, so that a change of any byte is seen: the
// member `record_sha256`, the SHA-256 of all bytes before the comma in front of it. Records of
// earlier releases have no hash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::tracking {

class Fields;

inline constexpr int64_t kRecordVersion = 1;

// Fails: data, naming `source`, if the version is not there, or a newer release's
// (written_by_newer).
Status check_record_version(const Fields& fields, const std::string& source);
// Whether an error's message says that what was read is of a newer release, and so no damage.
bool written_by_newer(std::string_view message);

// `json` is an object with members, in lines of its own indented by two, and a line feed behind.
std::string with_seal(std::string json);
// Fails: data, naming `source`, if the text has a hash that is not its own.
Status check_seal(std::string_view text, const std::string& source);

}  // namespace assay::tracking
