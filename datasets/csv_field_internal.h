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
};

// Reads what follows a closing quote, or a quoted field with doubled quotes, into `scratch`.
FieldText read_quoted_field(const char* at, const char* end, char delimiter, std::string& scratch);

// The field that begins at `at`. end[-1] must be LF.
inline FieldText read_field(const char* at, const char* end, char delimiter, std::string& scratch) {
  if (*at == '"') return read_quoted_field(at, end, delimiter, scratch);
  const char* const begin = at;
  while (*at != delimiter && *at != '\n') ++at;
  const bool carriage_return = *at == '\n' && at > begin && at[-1] == '\r';
  return {{begin, static_cast<size_t>(at - begin - carriage_return)}, at};
}

// Whether an empty line begins at `at`, and how long it is (0 if none).
inline int empty_line(const char* at) {
  if (*at == '\n') return 1;
  return *at == '\r' && at[1] == '\n' ? 2 : 0;
}

}  // namespace assay::datasets
