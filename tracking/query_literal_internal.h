// What a literal of a query means beside the field it is compared with: a time, a duration, one of
// a fixed set of names, a number, a text. Plain functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/base/status.h"
#include "tracking/run_field.h"
#include "tracking/run_query_error_internal.h"
#include "tracking/run_query_lexer_internal.h"
#include "tracking/run_record.h"

namespace assay::tracking {

// A literal before it is known what it is compared with.
struct Literal {
  Token token;
  Value value;
};

// nullptr for what is no attribute.
const AttributeInfo* attribute_of(const std::optional<RunField>& field);

// How times are written, for errors.
inline constexpr std::string_view kTimesAre =
    "times are '2024-01-31', '2024-01-31 12:00' or '2024-01-31T12:00:00Z' (UTC), now, or an age "
    "like '2h'";

// The value that `beside` is compared with. Ages count from `now_ns`. Fails: invalid_argument, with
// the place in `source`, for what the field can never compare with.
Result<Value> literal_value(const QuerySource& source, const Literal& literal,
                            const std::optional<RunField>& beside, int64_t now_ns);

}  // namespace assay::tracking
