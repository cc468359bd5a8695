#include "automl/preprocess/text_terms.h"

#include <algorithm>
#include <array>

namespace assay::automl {
namespace {

// FNV-1a over 64 bits, folded with a last mix so that all bits count. Model files hold these
// hashes: not to be changed.
constexpr uint64_t kStart = 14695981039346656037ULL;
// Runs of characters are told from words that are spelled alike.
constexpr unsigned char kCharMark = 1;

uint64_t add_byte(uint64_t hash, unsigned char byte) { return (hash ^ byte) * 1099511628211ULL; }

uint32_t finish(uint64_t hash) {
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93ULL;
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

bool is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
bool is_number(unsigned char c) { return c >= '0' && c <= '9'; }
bool in_word(unsigned char c) {
  return is_upper(c) || is_number(c) || (c >= 'a' && c <= 'z') || c >= 0x80;
}
unsigned char lower(unsigned char c) {
  return is_upper(c) ? static_cast<unsigned char>(c + ('a' - 'A')) : c;
}

void append_chars(std::string_view word, int32_t most, std::vector<uint32_t>& terms) {
  const auto length = word.size() + 2;
  const auto at = [&](size_t i) {
    const bool blank = i == 0 || i + 1 == length;
    return blank ? static_cast<unsigned char>(' ') : lower(static_cast<unsigned char>(word[i - 1]));
  };
  for (size_t begin = 0; begin + kLeastCharRun <= length; ++begin) {
    uint64_t hash = add_byte(kStart, kCharMark);
    const size_t end = std::min(length, begin + static_cast<size_t>(most));
    for (size_t i = begin; i < end; ++i) {
      hash = add_byte(hash, at(i));
      if (i - begin + 1 >= kLeastCharRun) terms.push_back(finish(hash));
    }
  }
}

}  // namespace

void append_terms(std::string_view text, const TermRules& rules, std::vector<uint32_t>& terms) {
  text = text.substr(0, kMaxTextBytes);
  // Unfinished hashes of the runs that end with the last word: runs[k] has k + 1 words.
  std::array<uint64_t, kMaxWordRun> runs{};
  int32_t known = 0;
  size_t at = 0;
  while (at < text.size()) {
    if (!in_word(static_cast<unsigned char>(text[at]))) {
      ++at;
      continue;
    }
    const size_t begin = at;
    // Longer runs go on from those before this word.
    for (int32_t k = std::min(known, rules.words - 1); k > 0; --k) {
      runs[static_cast<size_t>(k)] = add_byte(runs[static_cast<size_t>(k - 1)], ' ');
    }
    runs[0] = kStart;
    known = std::min(known + 1, rules.words);
    for (; at < text.size() && in_word(static_cast<unsigned char>(text[at])); ++at) {
      const unsigned char c = lower(static_cast<unsigned char>(text[at]));
      for (int32_t k = 0; k < known; ++k) {
        runs[static_cast<size_t>(k)] = add_byte(runs[static_cast<size_t>(k)], c);
      }
    }
    for (int32_t k = 0; k < known; ++k) terms.push_back(finish(runs[static_cast<size_t>(k)]));
    if (rules.chars > 0) append_chars(text.substr(begin, at - begin), rules.chars, terms);
  }
}

TextCounts count_text(std::string_view text) {
  text = text.substr(0, kMaxTextBytes);
  TextCounts counts;
  bool inside = false;
  for (const char character : text) {
    const auto c = static_cast<unsigned char>(character);
    const bool word = in_word(c);
    if (word && !inside) ++counts.words;
    inside = word;
    if ((c & 0xc0) == 0x80) continue;  // within a character
    ++counts.length;
    if (is_number(c)) ++counts.digits;
    if (is_upper(c)) ++counts.capitals;
  }
  if (counts.length > 0) {
    counts.digits /= counts.length;
    counts.capitals /= counts.length;
  }
  return counts;
}

}  // namespace assay::automl
