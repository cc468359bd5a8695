// Words of a query, with where each begins. The text must outlive the tokens.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_query_error_internal.h"

namespace assay::tracking {

enum class TokenKind {
  kWord,      // a keyword, an attribute, or GROUP.KEY up to a quoted part
  kQuoted,    // "..." or `...`: a quoted key
  kText,      // '...'
  kNumber,    // 12, -0.5, 1e-3, inf, nan
  kDuration,  // 90s, 1h30m, 250ms
  kSymbol,    // = != <> < <= > >= ( ) ,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  size_t at = 0;       // byte offset in the query
  size_t length = 0;   // bytes in the query
  std::string text{};  // without quotes and escapes
  double number = 0;   // of a number; seconds of a duration
  bool whole = false;  // the number is an integer that fits i64: see `integer`
  int64_t integer = 0;
};

// Symbols of comparisons, in the order of QueryOp from kEqual on.
inline constexpr std::array<std::string_view, 6> kComparisons = {"=", "!=", "<", "<=", ">", ">="};

// Fails: invalid_argument with the position of a character that begins no word, of a text without
// its end, or of a malformed number.
Result<std::vector<Token>> tokens_of(const QuerySource& source);

// Letters, digits, bytes above ASCII, and _ . - / : of keys without quotes.
bool is_key_character(char c);

// Seconds of a duration like "90s", "1h30m", "1.5d" (units ns, us, ms, s, m or min, h, d, w); false
// if the text is none.
bool parse_duration(std::string_view text, double& seconds);

// For a text that parse_duration() refuses and that looks like a duration: " (did you mean '2h'?)"
// or the units that there are; else nothing.
std::string duration_hint(std::string_view text);

}  // namespace assay::tracking
