#include "backends/cpu/grow_tree_histogram.h"

#include <algorithm>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 8192;
// Rows x features of a build that is not worth waking threads for.
constexpr int64_t kSerialCells = 100'000;
// More groups than this are shared out whole, without a histogram for each thread.
constexpr size_t kManyGroups = 16;

ColumnGroup group_of_block(const kernels::BinnedView& bins, int32_t block, int64_t first_word) {
  ColumnGroup group;
  group.cells = bins.bins + bins.block_offset(block);
  group.width = bins.block_width(block);
  group.row_count = bins.row_count;
  group.starts.assign(2 * kernels::kBlockWidth, 0);
  group.begin = group.end = first_word;
  return group;
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
    if (block != last_block) plan.groups.push_back(group_of_block(bins, block, offset));
    last_block = block;
    ColumnGroup& group = plan.groups.back();
    const auto column = static_cast<uint16_t>(feature % kernels::kBlockWidth);
    group.columns.push_back(column);
    group.starts[column] = static_cast<uint16_t>((offset - group.begin) / lanes);
    plan.offsets.push_back(offset);
    offset += int64_t{bins.bin_counts[feature]} * lanes;
    group.end = offset;
  }
  plan.offsets.push_back(offset);
  return plan;
}

void HistogramBuilder::begin(const ColumnPlan& plan, int64_t* words, bool shared) {
  plan_ = &plan;
  words_ = words;
  shared_ = shared;
  if (shared) {
    partials_.resize(static_cast<size_t>(executor_.thread_count()));
    touched_.assign(partials_.size() * plan.groups.size(), 0);
  } else {
    std::fill_n(words, plan.word_count(), int64_t{0});
  }
}

void HistogramBuilder::add_group(size_t group, std::span<const uint32_t> rows, int thread) {
  const ColumnGroup& columns = plan_->groups[group];
  int64_t* target = words_;
  if (shared_) {
    std::vector<int64_t>& partial = partials_[static_cast<size_t>(thread)];
    uint8_t& touched = touched_[static_cast<size_t>(thread) * plan_->groups.size() + group];
    if (touched == 0) {
      if (partial.size() < static_cast<size_t>(plan_->word_count())) {
        partial.resize(static_cast<size_t>(plan_->word_count()));
      }
      std::fill(partial.begin() + columns.begin, partial.begin() + columns.end, int64_t{0});
      touched = 1;
    }
    target = partial.data();
  }
  accumulate_rows(rules_, columns, rows, packed_, target + columns.begin);
}

void HistogramBuilder::add(std::span<const uint32_t> rows, int thread) {
  for (size_t g = 0; g < plan_->groups.size(); ++g) add_group(g, rows, thread);
}

Status HistogramBuilder::build(const ColumnPlan& plan, std::span<const uint32_t> rows,
                               int64_t* words) {
  const auto row_count = static_cast<int64_t>(rows.size());
  const auto group_count = static_cast<int64_t>(plan.groups.size());
  const auto cells = row_count * static_cast<int64_t>(plan.features.size());
  if (cells <= kSerialCells || executor_.thread_count() == 1) {
    begin(plan, words, false);
    add(rows, 0);
    return {};
  }
  const int64_t chunks =
      plan.groups.size() > kManyGroups ? 1 : chunk_count_of(row_count, kChunkRows);
  begin(plan, words, chunks > 1);
  return executor_.parallel_for(chunks * group_count, [&](int64_t task, int thread) {
    const ChunkRange range =
        chunk_range(row_count, chunks > 1 ? kChunkRows : row_count, task / group_count);
    add_group(static_cast<size_t>(task % group_count),
              rows.subspan(static_cast<size_t>(range.begin),
                           static_cast<size_t>(range.end - range.begin)),
              thread);
  });
}

void HistogramBuilder::finish(int64_t begin, int64_t end, int64_t* words) const {
  if (!shared_) return;
  const size_t group_count = plan_->groups.size();
  for (size_t g = 0; g < group_count; ++g) {
    const int64_t first = std::max(begin, plan_->groups[g].begin);
    const int64_t last = std::min(end, plan_->groups[g].end);
    if (first >= last) continue;
    std::fill(words + first, words + last, int64_t{0});
    for (size_t t = 0; t < partials_.size(); ++t) {
      if (touched_[t * group_count + g] == 0) continue;
      const int64_t* partial = partials_[t].data();
      for (int64_t i = first; i < last; ++i) words[i] += partial[i];
    }
  }
}

}  // namespace assay::backends::cpu
