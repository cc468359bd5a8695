// One field of a record: the rules for quotes and line ends, in one place for the parsers, the
// dialect and the messages.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace assay::datasets {

struct FieldText {
  std::string_view text;  // unquoted; valid as long as the input and `scratch` are unchanged
  const char* next;       // at the delimiter or LF that ends the field
  bool stray = false;     // something else than blanks stands after the closing quote
};

// Reads a quoted field with doubled quotes, or with something after the closing one, into
// `scratch`.
FieldText read_quoted_field(const char* at, const char* end, char delimiter, std::string& scratch);

inline constexpr std::string_view kStrayText =
    "text after a closing quote (a quote inside a quoted field is written twice)";

// The field that begins at `at`. end[-1] must be LF.
inline FieldText read_field(const char* at, const char* end, char delimiter, std::string& scratch) {
  if (*at == '"') return read_quoted_field(at, end, delimiter, scratch);
  const char* const begin = at;
  while (*at != delimiter && *at != '\n') ++at;
  const bool carriage_return = *at == '\n' && at > begin && at[-1] == '\r';
  return {{begin, static_cast<size_t>(at - begin - carriage_return)}, at};
}

// A value as messages show it: short, and without what would upset a terminal.
std::string shown_text(std::string_view text);

// Whether an empty line begins at `at`, and how long it is (0 if none).
inline int empty_line(const char* at) {
  if (*at == '\n') return 1;
  return *at == '\r' && at[1] == '\n' ? 2 : 0;
}

}  // namespace assay::datasets
