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
// Of the lanes of all rows, for one pass to be worth it; and if wide sums are small.
constexpr double kFilled = 0.6;
constexpr double kLeastFilled = 0.49;
constexpr int64_t kSmallBytes = 64 * 1024;

size_t lanes_for(size_t trees) { return trees <= 4 ? 4 : 8; }

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

bool SharedRoots::have_same_samples(std::span<Growth* const> trees) {
  return std::all_of(trees.begin(), trees.end(),
                     [&](const Growth* tree) { return same_sample(*trees[0], *tree); });
}

// A wide addition costs about as much as two or three single ones, whatever its lanes hold, and
// more where wide sums do not fit the first cache. Rows that a tree does not have fill its lane
// with nothing.
bool SharedRoots::pays(std::span<Growth* const> trees) {
  if (trees.size() < 2) return false;
  if (have_same_samples(trees)) return true;
  double samples = 0;
  for (const Growth* tree : trees) samples += static_cast<double>(tree->problem.sample_count);
  const size_t lanes = lanes_for(trees.size());
  const Growth& first = *trees[0];
  const double filled =
      samples / (static_cast<double>(lanes) * static_cast<double>(first.problem.row_count));
  if (filled >= kFilled) return true;
  if (filled < kLeastFilled) return false;
  const ColumnPlan plan = ColumnPlan::make(first.args.bins, first.features, 1);
  return plan.word_count() * static_cast<int64_t>(lanes * sizeof(int64_t)) <= kSmallBytes;
}

// Where samples differ all rows of the table are taken: samples that are worth one pass have most
// of them, and a row of none adds zeros.
SharedRoots::SharedRoots(std::vector<Growth*> trees)
    : trees_(std::move(trees)),
      lanes_(lanes_for(trees_.size())),
      plan_(ColumnPlan::make(trees_[0]->args.bins, trees_[0]->features, 1)),
      all_rows_(!have_same_samples(trees_)),
      row_count_(all_rows_ ? trees_[0]->problem.row_count : trees_[0]->problem.sample_count),
      words_(static_cast<size_t>(word_count())) {}

std::span<const uint32_t> SharedRoots::chunk_rows(int64_t begin, int64_t end, Part& part) const {
  const auto count = static_cast<size_t>(end - begin);
  if (!all_rows_) return {trees_[0]->args.rows + begin, count};
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
