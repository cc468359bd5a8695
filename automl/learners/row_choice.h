// RowChoice: which of some rows a boosting round takes. What is chosen is kept as a bit a row;
// from the bits come the chosen rows, and all others merged with rows that are never chosen from,
// both ascending. Rows are counted and written in chunks side by side, so nothing here runs over
// all rows on one thread; the result does not depend on threads. Owns its bits; not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/executor.h"

namespace assay::automl {

class RowChoice {
 public:
  static constexpr int64_t kWordRows = 64;
  static constexpr int64_t kChunkRows = 64 * kWordRows;

  RowChoice() = default;
  // Of `rows`; those `beside` them go with the rest. Both ascend, have no row in common and must
  // outlive it. None is chosen.
  RowChoice(std::span<const uint32_t> rows, std::span<const uint32_t> beside);

  // Row rows[begin + i] is chosen if bit i of word_of(begin, end) is set: called once for every
  // word of kWordRows rows, end - begin of them. Bits behind the rows must be 0.
  Status choose(Executor& executor, FunctionRef<uint64_t(int64_t begin, int64_t end)> word_of);
  Status choose_all(Executor& executor);

  int64_t row_count() const { return static_cast<int64_t>(rows_.size()); }
  int64_t chosen_count() const { return starts_.empty() ? 0 : starts_.back(); }
  int64_t rest_count() const {
    return row_count() - chosen_count() + static_cast<int64_t>(beside_.size());
  }
  // Of rows kWordRows * word and on.
  uint64_t word(int64_t word) const { return words_[static_cast<size_t>(word)]; }

  // Writes the chosen rows, at least chosen_count(), and the rest, at least rest_count() or empty
  // if nobody wants it.
  Status write(Executor& executor, std::span<uint32_t> chosen, std::span<uint32_t> rest) const;

 private:
  void write_chunk(int64_t chunk, uint32_t* chosen, uint32_t* rest) const;

  std::span<const uint32_t> rows_;
  std::span<const uint32_t> beside_;
  std::vector<uint64_t> words_;
  std::vector<int64_t> starts_;  // [chunks + 1]: chosen rows before each
};

}  // namespace assay::automl
