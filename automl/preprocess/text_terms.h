// What a text is made of, for features: words, runs of words and runs of characters within words,
// each as a hash; and a few counts. Pure.
//
// A word is a run of ASCII letters and digits and of bytes above 127, so that letters of any script
// stay together; ASCII letters count as small ones. "Red wine!" has the words "red" and "wine",
// with `words` 2 also the term "red wine", with `chars` 4 also, of each word with a blank at both
// ends, its runs of 3 and 4 bytes: " re", "red", "ed ", " red", "red ", ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace assay::automl {

inline constexpr int32_t kMaxWordRun = 3;
inline constexpr int32_t kLeastCharRun = 3;
inline constexpr int32_t kMaxCharRun = 8;
// Of each text no more is looked at.
inline constexpr size_t kMaxTextBytes = 4096;

struct TermRules {
  int32_t words = 2;  // longest run of words, 1..kMaxWordRun
  int32_t chars = 0;  // longest run of characters, kLeastCharRun..kMaxCharRun; 0: none
  bool operator==(const TermRules&) const = default;
};

// Appends the hashes of all terms, as often as they occur.
void append_terms(std::string_view text, const TermRules& rules, std::vector<uint32_t>& terms);

struct TextCounts {
  double length = 0;  // characters (of UTF-8)
  double words = 0;
  double digits = 0;    // share of the characters; 0 of an empty text
  double capitals = 0;  // likewise: A-Z
};
TextCounts count_text(std::string_view text);

}  // namespace assay::automl
