// How a file spells each distinct number of a column: the first spelling met ("1.0" for 1). Holds
// at most kMaxSpellings numbers and nothing at all beyond that. Plain value.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace assay::datasets {

class SpellingTable {
 public:
  // As many as a target may have classes.
  static constexpr size_t kMaxSpellings = 10000;

  void clear() { *this = {}; }
  void add(double value, std::string_view text) {
    if (full_ || spellings_.count(value) > 0) return;
    spellings_.emplace(value, text);
    if (spellings_.size() <= kMaxSpellings) return;
    full_ = true;
    spellings_ = {};
  }
  // Adds what was met behind it.
  void merge(const SpellingTable& later) {
    for (const auto& [value, text] : later.spellings_) add(value, text);
    if (!later.full_) return;
    full_ = true;
    spellings_ = {};
  }
  // There were too many numbers: nothing is kept.
  bool full() const { return full_; }
  std::map<double, std::string> sorted() const { return {spellings_.begin(), spellings_.end()}; }

 private:
  std::unordered_map<double, std::string> spellings_;
  bool full_ = false;
};

}  // namespace assay::datasets
