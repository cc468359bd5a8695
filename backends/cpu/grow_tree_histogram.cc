#include "backends/cpu/grow_tree_histogram.h"

#include <algorithm>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 16384;
// Rows x features of a build that is not worth waking threads for.
constexpr int64_t kSerialCells = 1 << 16;
// More groups than this are shared out whole, without a histogram for each thread.
constexpr size_t kManyGroups = 16;
constexpr int64_t kPrefetchRows = 16;

// Calls add(cells of the row, packed) for each row, with the rows ahead on their way into cache.
template <class Add>
inline void for_rows(const ColumnPlan::Group& group, std::span<const uint32_t> rows,
                     const uint32_t* packed, Add&& add) {
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t ahead_end = std::max<int64_t>(0, count - kPrefetchRows);
  int64_t i = 0;
  for (; i < ahead_end; ++i) {
    const int64_t ahead = rows[static_cast<size_t>(i + kPrefetchRows)];
    __builtin_prefetch(group.cells + ahead * group.width);
    __builtin_prefetch(packed + ahead);
    const int64_t row = rows[static_cast<size_t>(i)];
    add(group.cells + row * group.width, packed[row]);
  }
  for (; i < count; ++i) {
    const int64_t row = rows[static_cast<size_t>(i)];
    add(group.cells + row * group.width, packed[row]);
  }
}

}  // namespace

ColumnPlan ColumnPlan::make(const kernels::BinnedView& bins, std::span<const int32_t> features,
                            int32_t lanes) {
  ColumnPlan plan;
  plan.lanes = lanes;
  plan.features.assign(features.begin(), features.end());
  int64_t offset = 0;
  int32_t last_block = -1;
  for (const int32_t feature : features) {
    const int32_t block = feature / kernels::kBlockWidth;
    if (block != last_block) {
      Group group;
      group.cells = bins.bins + bins.block_offset(block);
      group.width = bins.block_width(block);
      group.begin = group.end = offset;
      plan.groups.push_back(std::move(group));
      last_block = block;
    }
    Group& group = plan.groups.back();
    group.columns.push_back(feature % kernels::kBlockWidth);
    group.offsets.push_back(static_cast<int32_t>(offset - group.begin));
    plan.offsets.push_back(offset);
    offset += int64_t{bins.bin_counts[feature]} * lanes;
    group.end = offset;
  }
  plan.offsets.push_back(offset);
  return plan;
}

void HistogramBuilder::add_rows(const ColumnPlan::Group& group, std::span<const uint32_t> rows,
                                int64_t* words) const {
  const size_t column_count = group.columns.size();
  const int32_t* columns = group.columns.data();
  const int32_t* offsets = group.offsets.data();
  int64_t* base = words + group.begin;
  if (rules_.class_mode) {
    const int64_t lanes = rules_.lanes;
    for_rows(group, rows, packed_, [=](const uint8_t* cells, uint32_t packed) {
      const int64_t word = class_word(packed);
      int64_t* lane = base + class_of(packed);
      for (size_t j = 0; j < column_count; ++j) {
        lane[offsets[j] + int64_t{cells[columns[j]]} * lanes] += word;
      }
    });
  } else if (column_count == static_cast<size_t>(group.width)) {
    for_rows(group, rows, packed_, [=](const uint8_t* cells, uint32_t packed) {
      const int64_t word = gradient_word(packed);
      for (size_t j = 0; j < column_count; ++j) base[offsets[j] + cells[j]] += word;
    });
  } else {
    for_rows(group, rows, packed_, [=](const uint8_t* cells, uint32_t packed) {
      const int64_t word = gradient_word(packed);
      for (size_t j = 0; j < column_count; ++j) base[offsets[j] + cells[columns[j]]] += word;
    });
  }
}

Status HistogramBuilder::build(const ColumnPlan& plan, std::span<const uint32_t> rows,
                               int64_t* words) {
  const auto row_count = static_cast<int64_t>(rows.size());
  const auto group_count = static_cast<int64_t>(plan.groups.size());
  const auto cells = row_count * static_cast<int64_t>(plan.features.size());
  pending_ = nullptr;
  if (cells <= kSerialCells || executor_.thread_count() == 1) {
    std::fill_n(words, plan.word_count(), int64_t{0});
    for (const ColumnPlan::Group& group : plan.groups) add_rows(group, rows, words);
    return {};
  }
  const int64_t chunks =
      plan.groups.size() > kManyGroups ? 1 : chunk_count_of(row_count, kChunkRows);
  if (chunks == 1) {
    return executor_.parallel_for(group_count, [&](int64_t g, int) {
      const ColumnPlan::Group& group = plan.groups[static_cast<size_t>(g)];
      std::fill(words + group.begin, words + group.end, int64_t{0});
      add_rows(group, rows, words);
    });
  }
  pending_ = &plan;
  partials_.resize(static_cast<size_t>(executor_.thread_count()));
  touched_.assign(partials_.size() * plan.groups.size(), 0);
  return executor_.parallel_for(chunks * group_count, [&](int64_t task, int thread) {
    const auto g = static_cast<size_t>(task % group_count);
    const ColumnPlan::Group& group = plan.groups[g];
    std::vector<int64_t>& partial = partials_[static_cast<size_t>(thread)];
    uint8_t& touched = touched_[static_cast<size_t>(thread) * plan.groups.size() + g];
    if (touched == 0) {
      if (partial.size() < static_cast<size_t>(plan.word_count())) {
        partial.resize(static_cast<size_t>(plan.word_count()));
      }
      std::fill(partial.begin() + group.begin, partial.begin() + group.end, int64_t{0});
      touched = 1;
    }
    const ChunkRange range = chunk_range(row_count, kChunkRows, task / group_count);
    add_rows(group,
             rows.subspan(static_cast<size_t>(range.begin),
                          static_cast<size_t>(range.end - range.begin)),
             partial.data());
  });
}

void HistogramBuilder::finish(int64_t begin, int64_t end, int64_t* words) const {
  if (pending_ == nullptr) return;
  for (size_t g = 0; g < pending_->groups.size(); ++g) {
    const int64_t first = std::max(begin, pending_->groups[g].begin);
    const int64_t last = std::min(end, pending_->groups[g].end);
    if (first >= last) continue;
    std::fill(words + first, words + last, int64_t{0});
    for (size_t t = 0; t < partials_.size(); ++t) {
      if (touched_[t * pending_->groups.size() + g] == 0) continue;
      const int64_t* partial = partials_[t].data();
      for (int64_t i = first; i < last; ++i) words[i] += partial[i];
    }
  }
}

}  // namespace assay::backends::cpu
