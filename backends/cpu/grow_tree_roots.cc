#include "backends/cpu/grow_tree_roots.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 2048;  // of a thread: their words stay in the cache
constexpr int64_t kTaskRows = 4096;
// Rows x features of a pass that is not worth waking threads for.
constexpr int64_t kSerialCells = 50'000;
// With so many blocks of features a thread, threads share out blocks instead of rows.
constexpr int64_t kGroupsPerThread = 4;
constexpr int64_t kMergedWords = 16384;
// With one of the samples above the table's rows over this, all rows are taken.
constexpr int64_t kDenseShare = 2;

bool same_sample(const Growth& first, const Growth& second) {
  return first.args.rows == second.args.rows &&
         first.problem.sample_count == second.problem.sample_count;
}

}  // namespace

bool SharedRoots::fit_together(const Growth& first, const Growth& second) {
  return !first.rules.class_mode && !second.rules.class_mode && first.opens_root() &&
         second.opens_root() && first.features == second.features &&
         first.args.bins.bundles == second.args.bins.bundles;
}

SharedRoots::SharedRoots(std::vector<Growth*> trees)
    : trees_(std::move(trees)),
      lanes_(trees_.size() <= 4 ? 4 : 8),
      plan_(ColumnPlan::make(trees_[0]->args.bins, trees_[0]->features, 1)),
      words_(static_cast<size_t>(word_count())) {
  gather_rows();
}

void SharedRoots::gather_rows() {
  const Growth& first = *trees_[0];
  rows_ = {first.args.rows, static_cast<size_t>(first.problem.sample_count)};
  row_count_ = first.problem.sample_count;
  if (std::all_of(trees_.begin(), trees_.end(),
                  [&](const Growth* tree) { return same_sample(first, *tree); })) {
    return;
  }
  // Samples that have most rows, as folds do, differ in few: rows in none of them add zeros, which
  // costs less than to tell which they are.
  const int64_t table_rows = first.problem.row_count;
  all_rows_ = std::any_of(trees_.begin(), trees_.end(), [&](const Growth* tree) {
    return kDenseShare * tree->problem.sample_count > table_rows;
  });
  if (all_rows_) {
    rows_ = {};
    row_count_ = table_rows;
    return;
  }
  std::vector<uint8_t> sampled(static_cast<size_t>(first.problem.row_count), 0);
  for (const Growth* tree : trees_) {
    const uint32_t* end = tree->args.rows + tree->problem.sample_count;
    for (const uint32_t* row = tree->args.rows; row != end; ++row) sampled[*row] = 1;
  }
  union_.reserve(sampled.size());
  for (uint32_t row = 0; row < sampled.size(); ++row) {
    if (sampled[row] != 0) union_.push_back(row);
  }
  rows_ = union_;
  row_count_ = static_cast<int64_t>(union_.size());
}

std::span<const uint32_t> SharedRoots::chunk_rows(int64_t begin, int64_t end, Part& part) const {
  const auto count = static_cast<size_t>(end - begin);
  if (!all_rows_) return rows_.subspan(static_cast<size_t>(begin), count);
  part.rows.resize(count);
  std::iota(part.rows.begin(), part.rows.end(), static_cast<uint32_t>(begin));
  return part.rows;
}

void SharedRoots::add_rows(int64_t begin, int64_t end, std::span<const ColumnGroup> groups,
                           Part& part, int64_t* words) const {
  if (part.packed.size() == 0) {
    part.packed = BigBuffer<uint32_t>(static_cast<size_t>(kChunkRows) * lanes_);
    std::fill_n(part.packed.data(), part.packed.size(), 0u);  // lanes without a tree stay so
  }
  for (; begin < end; begin += kChunkRows) {
    const auto chunk = chunk_rows(begin, std::min(end, begin + kChunkRows), part);
    for (size_t k = 0; k < trees_.size(); ++k) {
      const uint32_t* source = trees_[k]->packed.data();
      uint32_t* target = part.packed.data() + k;
      for (size_t i = 0; i < chunk.size(); ++i) target[i * lanes_] = source[chunk[i]];
    }
    for (const ColumnGroup& group : groups) {
      accumulate_lanes(group, chunk, part.packed.data(), static_cast<int32_t>(lanes_),
                       words + group.begin * static_cast<int64_t>(lanes_));
    }
  }
}

// Every thread adds all rows of some blocks.
Status SharedRoots::add_by_groups(Executor& executor) {
  std::vector<Part> parts(static_cast<size_t>(executor.thread_count()));
  return executor.parallel_for(
      static_cast<int64_t>(plan_.groups.size()), [&](int64_t task, int thread) {
        const std::span group(plan_.groups.data() + task, 1);
        add_rows(0, row_count_, group, parts[static_cast<size_t>(thread)], words_.data());
      });
}

// Every thread adds some rows, to sums of its own, which are brought together at the end.
Status SharedRoots::add_by_rows(Executor& executor) {
  std::vector<Part> parts(static_cast<size_t>(executor.thread_count()));
  ASSAY_RETURN_IF_ERROR(
      executor.parallel_for(chunk_count_of(row_count_, kTaskRows), [&](int64_t task, int thread) {
        Part& part = parts[static_cast<size_t>(thread)];
        int64_t* words = words_.data();  // the first thread's
        if (thread > 0) {
          if (part.words.size() == 0) {
            part.words = BigBuffer<int64_t>(words_.size());
            std::fill_n(part.words.data(), part.words.size(), int64_t{0});
          }
          words = part.words.data();
        }
        const ChunkRange range = chunk_range(row_count_, kTaskRows, task);
        add_rows(range.begin, range.end, plan_.groups, part, words);
      }));
  return executor.parallel_for(chunk_count_of(word_count(), kMergedWords), [&](int64_t task, int) {
    const ChunkRange range = chunk_range(word_count(), kMergedWords, task);
    for (const Part& part : parts) {
      if (part.words.size() == 0) continue;
      for (int64_t i = range.begin; i < range.end; ++i) words_.data()[i] += part.words.data()[i];
    }
  });
}

Status SharedRoots::build(Executor& executor) {
  std::fill_n(words_.data(), words_.size(), int64_t{0});
  const int64_t cells = row_count_ * static_cast<int64_t>(plan_.column_count());
  const int64_t threads = executor.thread_count();
  if (threads == 1 || cells <= kSerialCells) {
    Part part;
    add_rows(0, row_count_, plan_.groups, part, words_.data());
  } else if (static_cast<int64_t>(plan_.groups.size()) >= kGroupsPerThread * threads) {
    ASSAY_RETURN_IF_ERROR(add_by_groups(executor));
  } else {
    ASSAY_RETURN_IF_ERROR(add_by_rows(executor));
  }
  for (size_t k = 0; k < trees_.size(); ++k) trees_[k]->root = {words_.data() + k, lanes_};
  return {};
}

}  // namespace assay::backends::cpu
