// The query language of runs.
//
//   metrics.auc > 0.9 and (params.learner = 'gbdt' or tags.team like 'fraud%')
//     order by metrics.auc desc limit 20 offset 40
//
//   query     = ["where"] [or] ["order" "by" key {"," key}] ["limit" WHOLE] ["offset" WHOLE]
//   or        = and {"or" and}
//   and       = not {"and" not}
//   not       = "not" not | "(" or ")" | predicate
//   predicate = operand ("=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") operand
//             | field ["not"] "in" "(" literal {"," literal} ")"
//             | field ["not"] "between" literal "and" literal
//             | field ["not"] ("like" | "ilike") TEXT
//             | field "is" ["not"] "null"
//   operand   = field | literal
//   key       = field ["asc" | "desc"]
//   field     = attribute | ("params" | "tags" | "metrics") "." KEY
//             | ("last" | "min" | "max" | "count") "(" "metrics" "." KEY ")"
//   literal   = NUMBER | 'text' | true | false | DURATION
//
// Keywords and attributes (run_field.h) are read in any case; keys and texts are not. A KEY is a
// word of letters, digits and _ . - / :, or anything between " " or ` `. In a text or key the
// closing quote is written twice. `metrics.KEY` is the last value logged.
//
// Values. A missing value makes a comparison unknown; not, and, or follow SQL's three values, and
// only runs for which the whole is true are found. Numbers compare as numbers, whole numbers
// exactly. NaN equals nothing and is neither below nor above anything; it is not null. A text and
// a number compare as numbers if the text is a decimal number; a text and a boolean as booleans if
// the text is 'true' or 'false'. Other values of different types are not equal, and which is
// greater is unknown. `like` knows % (any characters), _ (one character) and \ (the next one as it
// is); it is unknown for what is no text. Attributes that are empty count as missing. run_id,
// parent, kind, status and experiment compare in ASCII lower case. Texts compare by their first
// 1,024 bytes.
// Times are '2024-01-31', '2024-01-31 12:00' or '2024-01-31T12:00:00.5Z' (UTC), `now`, or an age:
// start_time > '2h' finds what began within the last two hours. Durations are seconds or '5m'.
//
// Order: numbers, then texts, then booleans, or the reverse with desc; then NaN, then missing
// values, either way. Runs that tie come newest first, as do all runs without an order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_field.h"
#include "tracking/run_record.h"

namespace assay::tracking {

inline constexpr size_t kQueryLimitBytes = 64 * 1024;
inline constexpr int kQueryDepthLimit = 100;

enum class QueryOp : uint8_t {
  kAnd,    // of children
  kOr,     // of children
  kNot,    // of the one child
  kEqual,  // of two operands; so are the next five
  kUnequal,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,       // the first operand is one of the others
  kBetween,  // the first operand lies between the other two, ends included
  kLike,     // the first operand looks like the second
  kILike,    // likewise, in ASCII lower case
  kIsNull,   // of one operand
};

// A field, or a literal.
struct QueryOperand {
  std::optional<RunField> field{};
  Value literal{};
  bool operator==(const QueryOperand&) const = default;
};

struct QueryNode {
  QueryOp op = QueryOp::kAnd;
  std::vector<int> children{};           // of kAnd, kOr, kNot: indices of RunQuery::nodes
  std::vector<QueryOperand> operands{};  // of the others
  bool operator==(const QueryNode&) const = default;
};

struct QueryOrder {
  RunField field{};
  bool descending = false;
  bool operator==(const QueryOrder&) const = default;
};

struct RunQuery {
  std::vector<QueryNode> nodes{};  // children come before their parents
  int root = -1;                   // -1: every run
  std::vector<QueryOrder> order{};
  std::optional<int64_t> limit{};
  int64_t offset = 0;
  bool operator==(const RunQuery&) const = default;
};

// Reads a query; an empty one finds every run. `now_ns` (since 1970 UTC) is what ages count from.
// Fails: invalid_argument with the column, the line with a caret below it, and the nearest valid
// name; also above kQueryLimitBytes, and deeper than kQueryDepthLimit.
Result<RunQuery> parse_run_query(std::string_view text, int64_t now_ns);

// Fields with commas between them: "params.lr, max(metrics.auc)". Fails: as parse_run_query().
Result<std::vector<RunField>> parse_run_fields(std::string_view text);

// A query that reads back as the same one.
std::string query_text(const RunQuery& query);

// The fields that a query names, in order, each once.
std::vector<RunField> query_fields(const RunQuery& query);

}  // namespace assay::tracking
