// Run and writer ids: ULIDs, 26 characters of Crockford's base 32 (upper case): 48 bits of
// milliseconds since 1970, then 80 random bits from the kernel. Ids made by one process are
// strictly increasing, also within a millisecond and when the clock steps back. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::tracking {

// A new id. Fails: internal if the kernel gives no random bytes.
Result<std::string> make_ulid();

// An id of that time, for what has to come behind something that a wrong clock may have named.
// `time_ms`: 0 to 2^48 - 1. Fails: as make_ulid().
Result<std::string> make_ulid_at(int64_t time_ms);

// True for 26 characters of the alphabet that fit 128 bits. Lower case is accepted.
bool is_ulid(std::string_view text);

// Milliseconds since 1970 in an id; 0 if it is none.
int64_t ulid_time_ms(std::string_view id);

// Two lower-case hex digits of the id's last random byte: the folder of its run file.
std::string ulid_shard(std::string_view id);

}  // namespace assay::tracking
