// The kernels of grow_tree in class mode: trees that count classes (kernels/grow_tree.h). Those of
// symmetric ones are in tree_class_level_kernels.h.
//
// Nodes are not kept as histograms: children of forests look at other features than their parents,
// and most nodes have few rows. So a block takes one feature of one node from its rows to its best
// split.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/philox.h"
#include "backends/cuda/tree_class_sums.h"
#include "backends/cuda/tree_row_kernels.h"
#include "backends/cuda/tree_search_kernels.h"
#include "backends/cuda/tree_tasks.h"

namespace assay::backends::cuda {

struct QuantiseClassesKernel {
  static constexpr int32_t kThreads = 256;

  // Grid: x blocks of kThreads positions.
  struct Params {
    const uint32_t* rows;  // or null
    const int32_t* classes;
    const float* weights;  // or null: 1
    RowItem* order;        // out: positions 0, 1, 2, ...
    uint64_t seed;
    int64_t sample_count;
    double scale;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const int64_t position = block.x() * kThreads + thread;
      if (position >= params.sample_count) return;
      const auto place = static_cast<uint32_t>(position);
      const uint32_t row = params.rows == nullptr ? place : params.rows[place];
      const float weight = params.weights == nullptr ? 1.0f : params.weights[row];
      const uint32_t random = rounding_bits(params.seed, row);
      params.order[position] =
          RowItem::of(place, quantised(weight, params.scale, random & 0xffff), params.classes[row]);
    });
  }
};

// The best split of one feature of one node.
struct SearchClassesKernel {
  static constexpr int32_t kThreads = ClassCounter::kThreads;
  static constexpr int32_t kBins = ClassCounter::kBins;
  static_assert(kThreads == kBins);  // a thread has a bin, a candidate, or a level
  static constexpr int32_t kWordBins = SearchFeaturesKernel::kWordBins;
  static constexpr uint8_t kAbsent = SearchFeaturesKernel::kAbsent;

  // Grid: x features of a node (blocks beyond a node's have nothing to do), y nodes.
  struct Params {
    kernels::BinnedView bins;
    const uint8_t* columns;  // as BinnedView's, or null
    TileWindow window;       // features that are not here are left alone
    const TreeRules* trees;
    const SplitTask* tasks;
    const SplitCounts* counts;
    const SearchTask* searches;
    const int32_t* features;     // lists of features to look at
    const int32_t* bin_counts;   // [feature_count]
    const uint8_t* categorical;  // [feature_count]
    FoundSplit* found;           // out, [nodes, feature_limit]
    int32_t feature_limit;
  };

  using Best = SearchFeaturesKernel::Best;

  // A block's shared memory, and behind it words [classes, kBins]: of bins, then summed up from the
  // left where that is asked for.
  struct Memory {
    double ratios[kBins];                  // of present levels, in order of their code
    uint64_t spare[kMostWarps];            //
    uint64_t totals[kMostCountedClasses];  // of the node
    Best bests[kThreads / kWarp];          //
    uint8_t levels[kBins];                 // present bins, ascending
    uint8_t ranks[kBins];   // of bins among present levels in order of ratio; or kAbsent
    uint8_t sorted[kBins];  // present bins in that order
  };
  static constexpr int32_t kWordsAt = (static_cast<int32_t>(sizeof(Memory)) + 15) / 16 * 16;
  static constexpr int32_t shared_bytes(int32_t classes) {
    return kWordsAt + classes * kBins * static_cast<int32_t>(sizeof(uint64_t));
  }
  static_assert(kWordsAt + kMostCountedClasses * kBins * 8 <= 64 << 10);

  // What a block works on.
  struct Job {
    const TreeRules* rules;
    const SearchTask* search;
    FeatureCells cells;  // of the feature
    int32_t feature;
    int32_t bin_count;
    int32_t classes;
    int32_t levels;  // bins with rows
    Memory* memory;
    uint64_t* words;

    ASSAY_DEVICE uint64_t* of_class(int32_t c) const { return words + c * kBins; }
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const SearchTask& search = params.searches[block.y()];
    const auto place = static_cast<int32_t>(block.x());
    if (place >= search.feature_count) return;
    const SplitTask& task = params.tasks[search.task];
    const RowRange range = range_of(task, params.counts[search.task], search.part);
    Job job;
    job.rules = &params.trees[task.tree];
    job.search = &search;
    job.feature = params.features[search.first_feature + place];
    job.cells = feature_cells(params.bins, params.columns, params.window, job.feature);
    if (job.cells.first == nullptr) return;
    job.bin_count = params.bin_counts[job.feature];
    job.classes = job.rules->class_count;
    job.memory = block.template shared<Memory>();
    job.words = block.template shared<uint64_t>(kWordsAt);
    FoundSplit* found = params.found + block.y() * params.feature_limit + place;
    const bool allowed = job.rules->interactions == nullptr ||
                         (job.rules->interactions[job.feature] & search.groups) != 0;
    Best winner{0, -1, 0};
    if (allowed && range.end - range.begin > 1) {
      count_rows(block, job, range);
      if (params.categorical[job.feature] != 0) {
        search_levels(block, job, found);
        return;
      }
      winner = search_thresholds(block, job);
    }
    block.each([&](int32_t thread) {
      if (thread != 0) return;
      found->feature = -1;
      if (winner.number < 0) return;
      put(job, winner, found);
      found->set = kernels::CategorySet{};
      found->threshold = winner.number / 2;
      found->missing_left = winner.number % 2 == 0 ? 1 : 0;
    });
  }

 private:
  // The words of bins, the node's totals and its levels.
  template <class Block>
  ASSAY_DEVICE static void count_rows(Block& block, Job& job, const RowRange& range) {
    const int64_t rows = range.end - range.begin;
    const int32_t copies = ClassCounter::copies_of(job.bin_count, rows);
    ClassCounter::count(
        block, {job.rules->order[range.side] + range.begin, job.rules->rows, rows, job.cells},
        job.bin_count, job.classes, copies, job.words);
    typename Block::template PerThread<uint64_t> own;
    typename Block::template PerThread<uint64_t> before;
    typename Block::template PerThread<uint32_t> present;
    block.each([&](int32_t thread) { present[thread] = 0; });
    for (int32_t c = 0; c < job.classes; ++c) {
      uint64_t* words = job.of_class(c);
      block.each([&](int32_t thread) {
        uint64_t sum = 0;
        if (thread < job.bin_count) {
          for (int32_t copy = 0; copy < copies; ++copy) sum += words[thread * copies + copy];
        }
        own[thread] = before[thread] = sum;
        present[thread] |= sum != 0 ? 1 : 0;
      });
      const uint64_t total = block.prefix_sums(before, job.memory->spare);
      block.each([&](int32_t thread) {
        words[thread] = own[thread];
        if (thread == 0) job.memory->totals[c] = total;
      });
    }
    list_levels(block, job, present);
  }

  template <class Block>
  ASSAY_DEVICE static void list_levels(Block& block, Job& job,
                                       typename Block::template PerThread<uint32_t>& present) {
    typename Block::template PerThread<uint32_t> places;
    block.each([&](int32_t thread) { places[thread] = present[thread]; });
    job.levels = static_cast<int32_t>(
        block.prefix_sums(places, reinterpret_cast<uint32_t*>(job.memory->spare)));
    block.each([&](int32_t thread) {
      if (present[thread] != 0) job.memory->levels[places[thread]] = static_cast<uint8_t>(thread);
    });
  }

  // Words of classes in the order of `sorted` (null: of bins), summed up from the left.
  template <class Block>
  ASSAY_DEVICE static void sum_up(Block& block, const Job& job, const uint8_t* sorted) {
    typename Block::template PerThread<uint64_t> own;
    typename Block::template PerThread<uint64_t> before;
    for (int32_t c = 0; c < job.classes; ++c) {
      uint64_t* words = job.of_class(c);
      block.each([&](int32_t thread) {
        uint64_t word = 0;
        if (sorted == nullptr) {
          word = words[thread];
        } else if (thread < job.levels) {
          word = words[sorted[thread]];
        }
        own[thread] = before[thread] = word;
      });
      (void)block.prefix_sums(before, job.memory->spare);
      block.each([&](int32_t thread) { words[thread] = before[thread] + own[thread]; });
    }
  }

  ASSAY_DEVICE static ClassSide node_of(const Job& job) {
    ClassSide node;
    for (int32_t c = 0; c < job.classes; ++c) node.add(job.memory->totals[c], job.rules->unit);
    return node;
  }

  // How candidates of a feature are numbered (SearchFeaturesKernel).
  enum class Scan : int32_t { kThresholds, kSingleLevels, kSortedLevels };

  ASSAY_DEVICE static uint64_t left_word(const Job& job, Scan scan, int32_t longest, int32_t number,
                                         int32_t c) {
    const uint64_t* words = job.of_class(c);
    if (scan == Scan::kThresholds) {
      return number % 2 == 0 ? words[number / 2] : words[number / 2] - words[0];
    }
    if (scan == Scan::kSingleLevels) return words[job.memory->levels[number]];
    if (number < longest) return words[number];
    const int32_t rest = job.levels - (number - longest + 1);
    return job.memory->totals[c] - (rest == 0 ? 0 : words[rest - 1]);
  }

  ASSAY_DEVICE static void weigh(const Job& job, Scan scan, int32_t longest, int32_t number,
                                 double whole, Best& best) {
    const TreeRules& rules = *job.rules;
    ClassSide left;
    ClassSide right;
    for (int32_t c = 0; c < job.classes; ++c) {
      const uint64_t word = left_word(job, scan, longest, number, c);
      left.add(word, rules.unit);
      right.add(job.memory->totals[c] - word, rules.unit);
    }
    if (!left.may_stand(rules) || !right.may_stand(rules)) return;
    const double gain = (left.score() + right.score()) - whole;
    if (!(gain > best.gain)) return;
    best.gain = gain;
    best.number = number;
  }

  // What a gain must exceed.
  ASSAY_DEVICE static double floor_of(const Job& job, double whole) {
    const double noise = whole * kNoiseShare;
    return job.rules->min_gain < noise ? noise : job.rules->min_gain;
  }

  template <class Block>
  ASSAY_DEVICE static Best choose(Block& block, typename Block::template PerThread<Best>& lanes,
                                  const Job& job) {
    const auto better = [](const Best& a, const Best& b) {
      return SearchFeaturesKernel::better(a, b);
    };
    return block.best(lanes, better, job.memory->bests);
  }

  ASSAY_DEVICE static void put(const Job& job, const Best& winner, FoundSplit* found) {
    found->gain = winner.gain;
    found->feature = job.feature;
    found->middle = 0;
    found->threshold = -1;
    found->missing_left = 0;
    found->added_l2 = 0;
  }

  template <class Block>
  ASSAY_DEVICE static Best search_thresholds(Block& block, const Job& job) {
    const uint8_t* levels = job.memory->levels;
    const bool missing = job.levels > 0 && levels[0] == kernels::kMissingBin;
    int32_t first = 1;
    int32_t last = job.bin_count - 2;
    if (job.rules->random_thresholds != 0) {
      // Of the value bins with rows, the first and the last.
      const int32_t values = job.levels - (missing ? 1 : 0);
      const int32_t low = values > 0 ? levels[missing ? 1 : 0] : 0;
      const int32_t high = values > 0 ? levels[job.levels - 1] : 0;
      first = low < high ? low + drawn_threshold(job.search->key, job.feature, high - low) : 1;
      last = low < high ? first : 0;
    }
    sum_up(block, job, nullptr);
    typename Block::template PerThread<Best> lanes;
    block.each([&](int32_t thread) {
      const ClassSide node = node_of(job);
      const double whole = node.score();
      Best best{floor_of(job, whole), -1, 0};
      for (int32_t t = first + thread; t <= last; t += kThreads) {
        if (missing) {
          weigh(job, Scan::kThresholds, 0, 2 * t, whole, best);
          weigh(job, Scan::kThresholds, 0, 2 * t + 1, whole, best);
        } else {
          int64_t rows = 0;
          for (int32_t c = 0; c < job.classes; ++c) rows += mass_of(job.of_class(c)[t]);
          const bool left = rows >= node.rows - rows;
          weigh(job, Scan::kThresholds, 0, left ? 2 * t : 2 * t + 1, whole, best);
        }
      }
      lanes[thread] = best;
    });
    return choose(block, lanes, job);
  }

  // Of the weight of the node's heaviest class in a level.
  ASSAY_DEVICE static double ratio_of(const Job& job, int32_t bin) {
    int32_t heaviest = 0;
    int64_t most = 0;
    uint64_t sum = 0;
    for (int32_t c = 0; c < job.classes; ++c) {
      const int64_t weight = gradient_of(job.memory->totals[c]);
      if (c == 0 || weight > most) {
        most = weight;
        heaviest = c;
      }
      sum += job.of_class(c)[bin];
    }
    return class_ratio(*job.rules, job.of_class(heaviest)[bin], sum);
  }

  template <class Block>
  ASSAY_DEVICE static void sort_levels(Block& block, const Job& job) {
    Memory& memory = *job.memory;
    block.each([&](int32_t thread) {
      memory.ranks[thread] = kAbsent;
      if (thread < job.levels) memory.ratios[thread] = ratio_of(job, memory.levels[thread]);
    });
    block.each([&](int32_t thread) {
      if (thread >= job.levels) return;
      const double own = memory.ratios[thread];
      int32_t rank = 0;
      for (int32_t other = 0; other < job.levels; ++other) {
        const double ratio = memory.ratios[other];
        rank += ratio < own || (ratio == own && other < thread) ? 1 : 0;
      }
      memory.ranks[memory.levels[thread]] = static_cast<uint8_t>(rank);
      memory.sorted[rank] = memory.levels[thread];
    });
    sum_up(block, job, memory.sorted);
  }

  template <class Block>
  ASSAY_DEVICE static void search_levels(Block& block, const Job& job, FoundSplit* found) {
    const TreeRules& rules = *job.rules;
    const bool random = rules.random_thresholds != 0;
    const bool single = !random && job.levels <= rules.onehot_levels;
    const Scan scan = single ? Scan::kSingleLevels : Scan::kSortedLevels;
    int32_t first = 0;
    int32_t last = job.levels < 2 ? 0 : job.levels;
    int32_t longest = job.levels;
    if (job.levels >= 2 && !single) {
      sort_levels(block, job);
      const int32_t half = (job.levels + 1) / 2;
      if (random) {
        first = drawn_threshold(job.search->key, job.feature, job.levels - 1);
        last = first + 1;
      } else {
        longest = rules.max_category_levels < half ? rules.max_category_levels : half;
        last = 2 * longest;
      }
    }
    typename Block::template PerThread<Best> lanes;
    block.each([&](int32_t thread) {
      const double whole = node_of(job).score();
      Best best{floor_of(job, whole), -1, 0};
      for (int32_t number = first + thread; number < last; number += kThreads) {
        weigh(job, scan, longest, number, whole, best);
      }
      lanes[thread] = best;
    });
    const Best winner = choose(block, lanes, job);
    block.each([&](int32_t thread) {
      if (winner.number < 0) {
        if (thread == 0) found->feature = -1;
        return;
      }
      if (thread == 0) put(job, winner, found);
      if (thread >= kBins / kWordBins) return;
      found->set.words[static_cast<size_t>(thread)] =
          set_word(job, scan, longest, winner.number, thread);
    });
  }

  // The bins of a candidate among the kWordBins from thread * kWordBins on.
  ASSAY_DEVICE static uint32_t set_word(const Job& job, Scan scan, int32_t longest, int32_t number,
                                        int32_t thread) {
    const Memory& memory = *job.memory;
    if (scan == Scan::kSingleLevels) {
      const int32_t level = memory.levels[number];
      return level / kWordBins == thread ? 1u << level % kWordBins : 0;
    }
    const bool front = number < longest;
    const int32_t count = front ? number + 1 : number - longest + 1;
    const int32_t first = front ? 0 : job.levels - count;
    uint32_t word = 0;
    for (int32_t i = 0; i < kWordBins; ++i) {
      const int32_t rank = memory.ranks[thread * kWordBins + i];
      if (rank != kAbsent && rank >= first && rank < first + count) word |= 1u << i;
    }
    return word;
  }
};

// Leaves of rows, and the weight of each class in each leaf, over the rows of a sample in their
// order: each row walks down its finished tree.
struct LeafWeightsKernel {
  static constexpr int32_t kThreads = 256;

  // Grid: x tasks; LeafTask::first_sum counts words.
  struct Params {
    kernels::BinnedView bins;
    const TreeRules* trees;
    const LeafTask* tasks;
    const kernels::TreeNode* nodes;    // of all trees
    const kernels::CategorySet* sets;  // likewise
    uint64_t* sums;                    // [leaves, classes] of each tree, in fixed point, from 0
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const LeafTask task = params.tasks[block.x()];
      const TreeRules rules = params.trees[task.tree];
      for (int64_t i = task.begin + thread; i < task.end; i += kThreads) {
        const int64_t row = rules.row_of(static_cast<uint32_t>(i));
        const int32_t leaf = LeafSumsKernel::leaf_of(params, task, row);
        task.leaf_of[i] = leaf;
        const float weight = rules.weights == nullptr ? 1.0f : rules.weights[row];
        const double fixed = static_cast<double>(weight) * rules.gradient_scale;
        add_to(
            params.sums + task.first_sum + int64_t{leaf} * rules.class_count + rules.classes[row],
            static_cast<uint64_t>(round_to_even(fixed)));
      }
    });
  }
};

}  // namespace assay::backends::cuda
