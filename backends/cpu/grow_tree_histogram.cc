#include "backends/cpu/grow_tree_histogram.h"

#include <algorithm>
#include <utility>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 4096;
// Rows x features of a build that is not worth waking threads for.
constexpr int64_t kSerialCells = 100'000;
// More groups than this are shared out whole, without a histogram for each thread.
constexpr size_t kManyGroups = 16;

// The table that histograms are built from: the bundles, if there are any.
kernels::BinnedView column_table(const kernels::BinnedView& view) {
  if (view.bundles == nullptr) return view;
  kernels::BinnedView table;
  table.bins = view.bundles->cells;
  table.row_count = view.row_count;
  table.feature_count = view.bundles->bundle_count;
  table.bin_counts = view.bundles->code_counts;
  return table;
}

// The feature's bin under each code of its bundle; null if it is alone.
const uint8_t* bins_of(const kernels::BinnedView& view, int32_t feature) {
  if (view.bundles == nullptr) return nullptr;
  const int32_t* ends = view.bundles->feature_offsets + view.bundles->bundle_of[feature];
  if (ends[1] - ends[0] == 1) return nullptr;
  return view.bundles->bins + int64_t{view.bundles->places[feature]} * 256;
}

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

ColumnPlan ColumnPlan::make(const kernels::BinnedView& view, std::span<const int32_t> features,
                            int32_t lanes) {
  ColumnPlan plan;
  plan.lanes = lanes;
  const kernels::BinnedView table = column_table(view);
  std::vector<std::pair<int32_t, int32_t>> columns;  // of each feature, and the feature
  for (const int32_t feature : features) {
    columns.emplace_back(view.bundles == nullptr ? feature : view.bundles->bundle_of[feature],
                         feature);
  }
  std::sort(columns.begin(), columns.end());
  if (view.bundles != nullptr) {
    plan.searched.assign(static_cast<size_t>(view.feature_count), 0);
    for (const int32_t feature : features) {
      plan.searched[static_cast<size_t>(view.bundles->places[feature])] = 1;
    }
  }
  int64_t offset = 0;
  int32_t last_block = -1;
  int32_t last = -1;
  for (const auto& [column, feature] : columns) {
    if (column != last) {
      const int32_t block = column / kernels::kBlockWidth;
      if (block != last_block) plan.groups.push_back(group_of_block(table, block, offset));
      last_block = block;
      last = column;
      ColumnGroup& group = plan.groups.back();
      const auto place = static_cast<uint16_t>(column % kernels::kBlockWidth);
      group.columns.push_back(place);
      group.starts[place] = static_cast<uint16_t>((offset - group.begin) / lanes);
      plan.feature_offsets.push_back(plan.features.size());
      plan.offsets.push_back(offset);
      if (view.bundles != nullptr) plan.bundles.push_back(column);
      offset += int64_t{table.bin_counts[column]} * lanes;
      group.end = offset;
    }
    plan.features.push_back({feature, bins_of(view, feature)});
  }
  plan.feature_offsets.push_back(plan.features.size());
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
  const auto cells = row_count * static_cast<int64_t>(plan.column_count());
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

void HistogramBuilder::take(const ColumnPlan& plan, const RootWords& sums, int64_t* words) {
  plan_ = &plan;
  shared_ = false;
  const auto count = static_cast<size_t>(plan.word_count());
  for (size_t i = 0; i < count; ++i) words[i] = sums.words[i * sums.stride];
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
