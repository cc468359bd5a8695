// What a reader of a journal segment does where a frame does not check: finds where frames check
// again, tells damage from the torn end that a crash leaves, and whose change it was. Changes are
// never mended: what a checksum does not vouch for is no measurement. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tracking/journal_segment.h"

namespace assay::tracking {

// Bytes of a segment in which frame follows frame.
struct Stretch {
  size_t begin = 0;
  size_t end = 0;
};

// Where frames check behind `from`, at which none does, up to the segment's end, in order. Numbers
// begin at `last_seq` and never fall; with the salted checksum nothing else in the file passes for
// a frame.
std::vector<Stretch> find_stretches(std::string_view segment, size_t from, uint64_t salt,
                                    uint64_t last_seq);

// How many bytes the notes in the stretches say to be on disk of the segment of that number; 0 if
// they say nothing.
uint64_t synced_bytes(std::string_view segment, const std::vector<Stretch>& stretches,
                      uint64_t salt, uint64_t epoch);

// The same where the header is lost and with it the salt: notes are known by what else they hold,
// and none says more than the bytes before it.
uint64_t synced_bytes_unchecked(std::string_view segment, uint64_t epoch);

// The frame at `at`, which does not check, as it was if one bit of it changed; nothing if one bit
// does not explain it: then it may be what a crash leaves. (A torn frame of n bytes looks so by
// chance once in 2^29 / n times; those above `limit_bytes` are not looked at.)
inline constexpr size_t kMendLimitBytes = size_t{64} << 10;
std::optional<std::string> mend_frame(std::string_view segment, size_t at, uint64_t salt,
                                      size_t limit_bytes = kMendLimitBytes);

// The number of the run whose change does not check, if what its header says fits: the next frame
// begins at `next`, and the change is one above `last_seq`.
std::optional<uint32_t> run_of_bad_frame(std::string_view segment, size_t at, size_t next,
                                         uint64_t last_seq);

// The salt of a segment whose header does not check, if its first frame does with what the header
// says, or with one bit of that changed.
std::optional<uint64_t> find_salt(std::string_view segment);

}  // namespace assay::tracking
