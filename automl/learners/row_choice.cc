#include "automl/learners/row_choice.h"

#include <algorithm>
#include <bit>

namespace assay::automl {

RowChoice::RowChoice(std::span<const uint32_t> rows, std::span<const uint32_t> beside)
    : rows_(rows),
      beside_(beside),
      words_(static_cast<size_t>(chunk_count_of(row_count(), kWordRows))),
      starts_(static_cast<size_t>(chunk_count_of(row_count(), kChunkRows)) + 1) {}

Status RowChoice::choose(Executor& executor,
                         FunctionRef<uint64_t(int64_t begin, int64_t end)> word_of) {
  const int64_t count = row_count();
  const int64_t chunks = chunk_count_of(count, kChunkRows);
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(chunks, [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(count, kChunkRows, chunk);
    int64_t chosen = 0;
    for (int64_t first = begin; first < end; first += kWordRows) {
      const uint64_t word = word_of(first, std::min(first + kWordRows, end));
      words_[static_cast<size_t>(first / kWordRows)] = word;
      chosen += std::popcount(word);
    }
    starts_[static_cast<size_t>(chunk) + 1] = chosen;
  }));
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  return {};
}

Status RowChoice::choose_all(Executor& executor) {
  return choose(executor, [](int64_t begin, int64_t end) {
    return ~uint64_t{0} >> (kWordRows - (end - begin));
  });
}

Status RowChoice::write(Executor& executor, std::span<uint32_t> chosen,
                        std::span<uint32_t> rest) const {
  if (rows_.empty()) {
    if (!rest.empty()) std::copy(beside_.begin(), beside_.end(), rest.begin());
    return {};
  }
  uint32_t* const rest_rows = rest.empty() ? nullptr : rest.data();
  return executor.parallel_for(chunk_count_of(row_count(), kChunkRows), [&](int64_t chunk, int) {
    write_chunk(chunk, chosen.data(), rest_rows);
  });
}

// The rows beside them that a chunk places are those from its first row on, up to the next one's.
void RowChoice::write_chunk(int64_t chunk, uint32_t* chosen, uint32_t* rest) const {
  const auto [begin, end] = chunk_range(row_count(), kChunkRows, chunk);
  const int64_t before = starts_[static_cast<size_t>(chunk)];
  chosen += before;
  const uint32_t* beside = beside_.data();
  const uint32_t* const last = beside + beside_.size();
  if (rest != nullptr) {
    if (begin > 0) beside = std::lower_bound(beside, last, rows_[static_cast<size_t>(begin)]);
    rest += begin - before + (beside - beside_.data());
  }
  for (int64_t i = begin; i < end; ++i) {
    const uint32_t row = rows_[static_cast<size_t>(i)];
    const bool taken = (word(i / kWordRows) >> (i % kWordRows) & 1) != 0;
    if (taken) *chosen++ = row;
    if (rest == nullptr) continue;
    while (beside != last && *beside < row) *rest++ = *beside++;
    if (!taken) *rest++ = row;
  }
  if (rest == nullptr) return;
  const uint32_t* const stop =
      end < row_count() ? std::lower_bound(beside, last, rows_[static_cast<size_t>(end)]) : last;
  std::copy(beside, stop, rest);
}

}  // namespace assay::automl
