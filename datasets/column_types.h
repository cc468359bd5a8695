// How one field of text becomes a value: numbers, booleans, datetimes, missing tokens, and the rule
// that names a column's type from all its distinct values. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/table.h"

namespace assay::datasets {

// Without the blanks (space, tab) at both ends.
std::string_view trimmed(std::string_view text);

enum class NumberKind {
  kNone,       // not a number
  kFinite,     // value set; what underflows is 0
  kNotFinite,  // overflows a double (1e999), or spells infinity: inf, -inf, +Infinity, any case
};

// A decimal number: [+-] digits [. digits] [e|E [+-] digits], with a digit before the exponent and
// blanks allowed around it. Correctly rounded. Hexadecimal, digit separators and decimal commas are
// not numbers.
NumberKind parse_number(std::string_view text, double& value);

// Whether it is digits alone that begin with a 0 which a number does without: "01", "00501". Such
// columns hold codes, not numbers.
bool padded_digits(std::string_view text);

// true, yes, t, y against false, no, f, n, in any case, blanks allowed around.
std::optional<bool> parse_boolean(std::string_view text);
// parse_boolean, and 1 and 0: for columns that are known to be boolean.
std::optional<bool> parse_boolean_value(std::string_view text);
// The spelling of the other value in the same style: "Yes" gives "No", "T" gives "F".
std::string opposite_boolean(std::string_view spelling);

// Seconds since 1970-01-01T00:00:00 UTC. Accepts yyyy-mm-dd or yyyy/mm/dd; then, after T or a
// blank, hh:mm[:ss[.fraction]]; then Z, +hh, +hhmm or +hh:mm. Without an offset it is taken as UTC.
// Years 0001..9999, days checked against the proleptic Gregorian calendar, second 60 allowed.
std::optional<double> parse_datetime(std::string_view text);

// Fields that mean "no value". Compared with the trimmed field; empty is always missing.
class MissingTokens {
 public:
  // NA, N/A, n/a, na, #N/A, <NA>, NaN, nan, NAN, -nan, null, NULL, Null, None, ?: what pandas takes
  // for missing by default, but for spellings of old C libraries, and a few more. A lone dash or
  // point is not among them: some tables have them for values ("+" and "-").
  static std::span<const std::string_view> defaults();
  MissingTokens();
  explicit MissingTokens(std::span<const std::string> tokens);
  bool contains(std::string_view text) const;
  // Whether a token is a number ("-999").
  bool has_numbers() const { return has_numbers_; }

 private:
  std::vector<std::string> tokens_;
  bool has_numbers_ = false;
  uint64_t lengths_ = 0;  // bit k: some token has length k (63: that or more)
};

// What the non-missing values of a string column amount to.
struct StringSummary {
  int64_t value_count = 0;  // non-missing rows
  int64_t level_count = 0;  // distinct values
  int64_t level_bytes = 0;  // bytes of the distinct values together
};

// kText if, with more than 20 values, more than half of them are distinct (fewer than two rows a
// level on average: no level can teach anything), or if more than 50 distinct values average more
// than 64 bytes (free text). Else kCategorical.
ColumnType string_type(const StringSummary& summary);

// Cells of a numeric or datetime column that are not missing and yet no number or datetime.
struct MisfitSummary {
  int64_t value_count = 0;  // non-missing rows, misfits included
  int64_t misfit_count = 0;
  int64_t distinct_count = 0;  // distinct misfits
};

inline constexpr int64_t kMaxDistinctMisfits = 20;

// Whether they are slips, which count as missing, rather than values that speak for another type:
// at most 0.1 % of the values, or at most 5 that are at most 1 %; and at most kMaxDistinctMisfits
// distinct ones.
bool misfits_are_few(const MisfitSummary& misfits);

// The type of a column with these distinct non-missing values: numeric if all are numbers (or there
// are none), boolean if all are of one pair of spellings (true/false, yes/no, t/f, y/n) and both
// occur, datetime if all are datetimes, else kCategorical (which misfits_are_few() and
// string_type() refine).
ColumnType infer_type(std::span<const std::string_view> levels);

}  // namespace assay::datasets
