// What an error of a query says: where it is, what was expected there, and the nearest word that a
// query can have. Plain functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::tracking {

// A text that errors show, and what it is called there: "query", "fields".
struct QuerySource {
  std::string_view text;
  std::string_view what = "query";
};

// The error "query, column N: WHY", the line with a caret below the place.
tl::unexpected<Error> query_error(const QuerySource& source, size_t at, std::string_view why);

// Which of `words` (keywords, names of functions) is meant by `word`: the nearest, or what people
// know it by from other languages, such as `descending`, `sort` or `avg`; empty if none.
std::string_view meant_word(std::string_view word, std::span<const std::string_view> words);

// " (did you mean 'like'?)", or nothing if no word is near.
std::string meant_hint(std::string_view word, std::span<const std::string_view> words);

}  // namespace assay::tracking
