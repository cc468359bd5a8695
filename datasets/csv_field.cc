#include "datasets/csv_field_internal.h"

#include <algorithm>

namespace assay::datasets {

FieldText read_quoted_field(const char* at, const char* end, char delimiter, std::string& scratch) {
  const char* const begin = at + 1;
  const auto find_quote = [end](const char* from) {
    const void* found = std::memchr(from, '"', static_cast<size_t>(end - from));
    // Blocks hold whole records, so a quote is there; if not, the field ends at the final LF.
    return found == nullptr ? end - 1 : static_cast<const char*>(found);
  };
  const char* close = find_quote(begin);
  const char* after = close + (*close == '"');
  if (after[0] == delimiter || after[0] == '\n' || (after[0] == '\r' && after[1] == '\n')) {
    return {{begin, static_cast<size_t>(close - begin)}, after + (after[0] == '\r')};
  }
  scratch.assign(begin, close);
  while (*after == '"') {
    scratch += '"';
    const char* const part = after + 1;
    close = find_quote(part);
    scratch.append(part, close);
    after = close + (*close == '"');
  }
  const char* const rest = after;
  while (*after != delimiter && *after != '\n') ++after;
  const bool carriage_return = *after == '\n' && after > rest && after[-1] == '\r';
  const bool stray =
      std::any_of(rest, after - carriage_return, [](char c) { return c != ' ' && c != '\t'; });
  return {scratch, after, stray};
}

std::string shown_text(std::string_view text) {
  constexpr size_t kLimit = 40;
  std::string out;
  for (const char c : text.substr(0, kLimit)) out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  // Cut within a UTF-8 sequence: take the rest of the sequence away.
  if (text.size() > kLimit) {
    while (!out.empty() && (static_cast<unsigned char>(text[out.size()]) & 0xC0) == 0x80) {
      out.pop_back();
    }
    out += "...";
  }
  return out;
}

}  // namespace assay::datasets
