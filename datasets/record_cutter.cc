#include <cstring>

#include "datasets/record_cutter_internal.h"

namespace assay::datasets {
namespace {

int64_t find_quote(const char* text, int64_t from, int64_t to) {
  const void* found = std::memchr(text + from, '"', static_cast<size_t>(to - from));
  return found == nullptr ? to : static_cast<const char*>(found) - text;
}

}  // namespace

int64_t RecordCutter::scan(const char* text, int64_t from, int64_t to) {
  int64_t end = from;
  int64_t at = from;
  while (at < to) {
    if (state_ == State::kQuoteInQuoted) {
      state_ = text[at] == '"' ? State::kQuoted : State::kPlain;
      at += text[at] == '"';
      continue;
    }
    const int64_t quote = find_quote(text, at, to);
    if (state_ == State::kQuoted) {
      if (quote < to) state_ = State::kQuoteInQuoted;
      at = quote + 1;
      continue;
    }
    const void* newline = memrchr(text + at, '\n', static_cast<size_t>(quote - at));
    if (newline != nullptr) end = static_cast<const char*>(newline) - text + 1;
    if (quote == to) break;
    const char before = quote > 0 ? text[quote - 1] : '\n';
    if (before == delimiter_ || before == '\n') state_ = State::kQuoted;
    at = quote + 1;
  }
  return end;
}

}  // namespace assay::datasets
