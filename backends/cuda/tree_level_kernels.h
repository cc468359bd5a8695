// The kernels of grow_tree that grow symmetric trees: they weigh the candidates of a level at its
// leaves, and give each leaf its part of the split that is chosen. Where classes are counted, those
// that weigh are in tree_class_level_kernels.h.
//
// What candidates a feature has is told by the histogram of the whole sample, and each is weighed
// at every leaf (kSymmetric of kernels/grow_tree.h). Leaves are independent of each other up to the
// gains, whose sum has an order: so blocks weigh a feature's candidates at some leaves and write
// down what each gains (WeighLeavesKernel), and a block for each feature adds these up in order of
// the leaves, each thread for some candidates, and finds the feature's best (AddGainsKernel).
// ChooseSplitsKernel then finds the tree's, and SplitLeavesKernel what it is at each leaf.
// Candidates are numbered as by SearchFeaturesKernel, which has most of the pieces.
//
// The histogram of a tree that counts classes has a plane for each class, one behind the other.
// What candidates there are is told by the sums of the planes, but for the order of a category's
// levels.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/tree_class_sums.h"
#include "backends/cuda/tree_search_kernels.h"
#include "backends/cuda/tree_tasks.h"

namespace assay::backends::cuda {

// A leaf of a level. `node` is as of a node that wants a split, and `parent_slot` has the larger
// child's histogram (SubtractSlotsKernel).
struct LevelLeaf {
  SearchTask node;
  int32_t search;  // place of its tree's among the level's searches
  int32_t reserved;
};

// Leaves [first, first + count) of a level, of one tree.
struct LevelPiece {
  int32_t first;
  int32_t count;
};

// A leaf's part of the split of its level.
struct LeafSplit {
  double gain;
  double middle;
  int32_t stands;  // 0: the split may not stand here
  int32_t reserved;
};

// Where a level is, for the kernels below.
struct LevelView {
  const TreeRules* trees;
  const SplitTask* tasks;
  const SplitCounts* counts;
  // One a tree, `slot` has the whole sample's histogram and `key` is the level's. Any of its tasks
  // tells the tree.
  const SearchTask* searches;
  const LevelLeaf* leaves;
  const int32_t* features;     // lists of features to look at
  const int32_t* bin_counts;   // [feature_count]
  const int32_t* bin_offsets;  // as in HistogramKernel
  const uint8_t* categorical;  // [feature_count]
  const uint64_t* histograms;
  int64_t slot_size;
  int64_t plane_size;     // words of a class
  int32_t feature_limit;  // the most features of a search
  // A row of gains has one for each number of a candidate and, last, the score of the leaf.
  int32_t gain_count;

  ASSAY_DEVICE int64_t row_size() const { return int64_t{gain_count} + 1; }
};

// The candidates of a feature at a level, and their sums at a leaf.
struct LevelCandidates {
  using Search = SearchFeaturesKernel;
  using Job = Search::Job;
  static constexpr int32_t kThreads = Search::kThreads;
  static constexpr int32_t kEach = Search::kEach;

  // A block's shared memory.
  struct Memory {
    Search::Memory search;
    int32_t tries_missing;
  };
  static constexpr int32_t kSharedBytes = sizeof(Memory);

  // A thread has those of kEach thresholds with missing on either side, or kEach sets of levels.
  static constexpr int32_t kMine = 2 * kEach;

  Search::LevelRules rules;  // categorical
  int32_t levels;
  bool categorical;
  bool tries_missing;  // numeric: each threshold is tried with missing on either side
  int32_t first;       // thresholds [first, last] or sets [first, last]
  int32_t last;
  double l2;

  // Of the feature at a place of a search's list.
  ASSAY_DEVICE static Job job_of(const LevelView& level, const SearchTask& search, int32_t place) {
    Job job;
    job.rules = &level.trees[level.tasks[search.task].tree];
    job.search = &search;
    job.feature = level.features[search.first_feature + place];
    job.bin_count = level.bin_counts[job.feature];
    job.share = 0;
    job.total = 0;
    return job;
  }
  // Of the first class, where classes are counted.
  ASSAY_DEVICE static const uint64_t* words_of(const LevelView& level, int32_t slot,
                                               int32_t feature) {
    return level.histograms + slot * level.slot_size + level.bin_offsets[feature];
  }

  // Lists them, with the whole sample's sums in the memory and in job.total.
  template <class Block>
  ASSAY_DEVICE static LevelCandidates list(Block& block, const LevelView& level, Job& job,
                                           Memory& memory) {
    const uint64_t* words = words_of(level, job.search->slot, job.feature);
    const int32_t classes = job.rules->class_count;
    block.each([&](int32_t thread) {
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        const int32_t bin = k * kThreads + thread;
        uint64_t word = bin < job.bin_count ? words[bin] : 0;
        for (int32_t c = 1; c < classes && bin < job.bin_count; ++c) {
          word += words[c * level.plane_size + bin];
        }
        memory.search.words[bin] = word;
        if (bin == kernels::kMissingBin) memory.tries_missing = word != 0 ? 1 : 0;
      }
    });
    job.total = Search::sum_prefixes(block, memory.search);
    LevelCandidates found{};
    found.categorical = level.categorical[job.feature] != 0;
    if (!found.categorical) {
      Search::set_thresholds(block, job, memory.search);
      found.tries_missing = memory.tries_missing != 0;
      found.first = memory.search.first;
      found.last = memory.search.last;
      found.l2 = job.rules->l2;
      return found;
    }
    found.levels = Search::list_levels(block, job, memory.search);
    found.rules = Search::level_rules(job, found.levels);
    if (found.rules.longest > 0) {
      if (classes > 0) set_class_ratios(block, level, job, found.levels, memory.search);
      Search::sort_levels(block, found.levels, memory.search);
    }
    found.first = found.rules.first;
    found.last = found.rules.last - 1;
    found.l2 = found.rules.l2;
    return found;
  }

  // Of the levels that are listed, by the sample's heaviest class, the lowest on a tie.
  template <class Block>
  ASSAY_DEVICE static void set_class_ratios(Block& block, const LevelView& level, const Job& job,
                                            int32_t levels, Search::Memory& memory) {
    const uint64_t* words = words_of(level, job.search->slot, job.feature);
    int32_t heaviest = 0;
    int64_t most = -1;
    typename Block::template PerThread<uint64_t> sums;
    for (int32_t c = 0; c < job.rules->class_count; ++c) {
      block.each([&](int32_t thread) {
        sums[thread] = 0;
        for (int32_t bin = thread; bin < job.bin_count; bin += kThreads) {
          sums[thread] += words[c * level.plane_size + bin];
        }
      });
      const int64_t weight = gradient_of(block.prefix_sums(sums, memory.prefixes));
      if (weight > most) {
        most = weight;
        heaviest = c;
      }
    }
    const uint64_t* plane = words + heaviest * level.plane_size;
    block.each([&](int32_t thread) {
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        const int32_t place = k * kThreads + thread;
        if (place >= levels) continue;
        memory.ratios[place] =
            class_ratio(*job.rules, plane[memory.levels[place]], memory.level_words[place]);
      }
    });
  }

  // The number of a thread's i-th candidate, i < kMine; -1: it has none.
  ASSAY_DEVICE int32_t number_of(int32_t thread, int32_t i) const {
    const int32_t at = first + i / 2 * kThreads + thread;
    if (at > last) return -1;
    if (categorical) return i % 2 == 0 ? at : -1;
    return i % 2 == 0 && !tries_missing ? -1 : 2 * at + i % 2;
  }

  // Puts a leaf's sums, of one class where classes are counted, in the memory, where `word_of`
  // reads them; their total.
  template <class Block>
  ASSAY_DEVICE uint64_t load(Block& block, const uint64_t* words, int32_t bin_count,
                             Memory& memory) const {
    const bool sorted = categorical && rules.longest > 0;
    const bool alone = categorical && rules.longest == 0;
    Search::Memory& sums = memory.search;
    block.each([&](int32_t thread) {
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        const int32_t bin = k * kThreads + thread;
        const uint64_t word = bin < bin_count ? words[bin] : 0;
        if (!sorted) {
          sums.words[bin] = word;
        } else if (sums.ranks[bin] != Search::kAbsent) {
          sums.words[sums.ranks[bin]] = word;
        }
        if (alone && bin < levels) sums.level_words[bin] = words[sums.levels[bin]];
      }
    });
    return Search::sum_prefixes(block, sums);
  }

  // The sums of a candidate's left side.
  ASSAY_DEVICE uint64_t word_of(const Job& job, const Memory& memory, int32_t number) const {
    if (!categorical) return Search::threshold_word(memory.search, number);
    return Search::level_word(job, memory.search, levels, rules, number);
  }
};

// A leaf's histogram, and its rows over its mass.
ASSAY_DEVICE inline int32_t slot_of(const LevelView& level, const SearchTask& node) {
  const SplitTask& task = level.tasks[node.task];
  const SplitCounts& counts = level.counts[node.task];
  const RowRange own = range_of(task, counts, node.part);
  const RowRange built = range_of(task, counts, node.built);
  return own.begin == built.begin && own.end == built.end ? node.slot : node.parent_slot;
}
ASSAY_DEVICE inline double share_of(const LevelView& level, const SearchTask& node,
                                    uint64_t total) {
  const RowRange own = range_of(level.tasks[node.task], level.counts[node.task], node.part);
  return static_cast<double>(own.end - own.begin) / static_cast<double>(mass_of(total));
}
ASSAY_DEVICE inline bool allows(const TreeRules& rules, const SearchTask& node, int32_t feature) {
  return rules.interactions == nullptr || (rules.interactions[feature] & node.groups) != 0;
}

ASSAY_DEVICE inline bool sends_left(const FoundSplit& split, int32_t bin) {
  if (split.threshold < 0) return split.set.contains(static_cast<uint8_t>(bin));
  return bin == kernels::kMissingBin ? split.missing_left != 0 : bin <= split.threshold;
}

// What each candidate gains at each leaf.
struct WeighLeavesKernel {
  static constexpr int32_t kThreads = LevelCandidates::kThreads;
  static constexpr int32_t kSharedBytes = LevelCandidates::kSharedBytes;

  // Grid: x features of a search (blocks beyond a search's have nothing to do), y pieces.
  struct Params {
    LevelView level;
    const LevelPiece* pieces;
    double* gains;       // out, [leaves, feature_limit] rows: 0 where a candidate may not stand
    int32_t first_leaf;  // whose gains are the first
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    using Job = LevelCandidates::Job;
    const LevelView& level = params.level;
    const LevelPiece& piece = params.pieces[block.y()];
    const SearchTask& search = level.searches[level.leaves[piece.first].search];
    const auto place = static_cast<int32_t>(block.x());
    if (place >= search.feature_count) return;
    auto* memory = block.template shared<LevelCandidates::Memory>();
    Job job = LevelCandidates::job_of(level, search, place);
    const LevelCandidates candidates = LevelCandidates::list(block, level, job, *memory);
    for (int32_t leaf = piece.first; leaf < piece.first + piece.count; ++leaf) {
      const SearchTask& node = level.leaves[leaf].node;
      job.search = &node;
      const uint64_t* words = LevelCandidates::words_of(level, slot_of(level, node), job.feature);
      job.total = candidates.load(block, words, job.bin_count, *memory);
      job.share = share_of(level, node, job.total);
      const int64_t row = int64_t{leaf - params.first_leaf} * level.feature_limit + place;
      weigh(block, level, job, candidates, *memory, params.gains + row * level.row_size());
    }
  }

  template <class Block>
  ASSAY_DEVICE static void weigh(Block& block, const LevelView& level,
                                 const LevelCandidates::Job& job, const LevelCandidates& candidates,
                                 const LevelCandidates::Memory& memory, double* gains) {
    using Search = SearchFeaturesKernel;
    const bool allowed = allows(*job.rules, *job.search, job.feature);
    block.each([&](int32_t thread) {
      const Search::Whole whole = Search::whole_of(job, candidates.l2);
      if (thread == 0) gains[level.gain_count] = whole.score;
      ASSAY_UNROLL
      for (int32_t i = 0; i < LevelCandidates::kMine; ++i) {
        const int32_t number = candidates.number_of(thread, i);
        if (number < 0) continue;
        const Search::Sides sides = Search::sides_of(job, candidates.word_of(job, memory, number));
        const bool stands = allowed && Search::both_may_stand(job, sides) &&
                            Search::keeps_direction(job, sides, whole.l2);
        gains[number] = stands ? Search::gain_of(job, sides, whole) : 0.0;
      }
    });
  }
};

// The sums of the gains in order of the leaves, and of each feature the best candidate.
struct AddGainsKernel {
  static constexpr int32_t kThreads = LevelCandidates::kThreads;
  static constexpr int32_t kSharedBytes = LevelCandidates::kSharedBytes;
  using Best = SearchFeaturesKernel::Best;

  // Grid: x features of a search (blocks beyond a search's have nothing to do), y searches.
  struct Params {
    LevelView level;
    const LevelPiece* shares;  // [searches] the tree's leaves among those that have gains
    const double* gains;       // as by WeighLeavesKernel
    // [searches, feature_limit] rows: the sums so far, of leaves before these. Null if all leaves
    // have gains.
    double* sums;
    FoundSplit* found;   // out, [searches, feature_limit]
    int32_t first_leaf;  // whose gains are the first
    int32_t goes_on;     // there are sums of leaves before
    int32_t ends;        // these are the last leaves: the best is wanted
  };

  struct Sums {
    double gains[LevelCandidates::kMine];
    double scores;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LevelView& level = params.level;
    const SearchTask& search = level.searches[block.y()];
    const auto place = static_cast<int32_t>(block.x());
    if (place >= search.feature_count) return;
    auto* memory = block.template shared<LevelCandidates::Memory>();
    LevelCandidates::Job job = LevelCandidates::job_of(level, search, place);
    const LevelCandidates candidates = LevelCandidates::list(block, level, job, *memory);
    const int64_t at = block.y() * level.feature_limit + place;
    double* row = params.sums == nullptr ? nullptr : params.sums + at * level.row_size();
    const LevelPiece& share = params.shares[block.y()];
    const int64_t leaf_size = level.feature_limit * level.row_size();
    const double* gains =
        params.gains + (share.first - params.first_leaf) * leaf_size + place * level.row_size();
    typename Block::template PerThread<Sums> sums;
    block.each([&](int32_t thread) {
      Sums& own = sums[thread];
      start(level, candidates, thread, params.goes_on != 0 ? row : nullptr, own);
      for (int32_t leaf = 0; leaf < share.count; ++leaf) {
        add(level, candidates, thread, gains + leaf * leaf_size, own);
      }
    });
    if (params.ends == 0) {
      block.each([&](int32_t thread) {
        if (thread == 0) row[level.gain_count] = sums[thread].scores;
        ASSAY_UNROLL
        for (int32_t i = 0; i < LevelCandidates::kMine; ++i) {
          const int32_t number = candidates.number_of(thread, i);
          if (number >= 0) row[number] = sums[thread].gains[i];
        }
      });
      return;
    }
    typename Block::template PerThread<Best> lanes;
    block.each([&](int32_t thread) {
      lanes[thread] = best_of(*job.rules, candidates, thread, sums[thread]);
    });
    const Best winner = SearchFeaturesKernel::choose(block, lanes, memory->search);
    put(block, job, candidates, *memory, winner, params.found + at);
  }

 private:
  // `row` has the sums so far, or is null.
  ASSAY_DEVICE static void start(const LevelView& level, const LevelCandidates& candidates,
                                 int32_t thread, const double* row, Sums& sums) {
    sums = Sums{};
    if (row != nullptr) add(level, candidates, thread, row, sums);
  }

  ASSAY_DEVICE static void add(const LevelView& level, const LevelCandidates& candidates,
                               int32_t thread, const double* row, Sums& sums) {
    sums.scores += row[level.gain_count];
    ASSAY_UNROLL
    for (int32_t i = 0; i < LevelCandidates::kMine; ++i) {
      const int32_t number = candidates.number_of(thread, i);
      if (number >= 0) sums.gains[i] += row[number];
    }
  }

  ASSAY_DEVICE static Best best_of(const TreeRules& rules, const LevelCandidates& candidates,
                                   int32_t thread, const Sums& sums) {
    const double noise = sums.scores * kNoiseShare;
    Best best{rules.min_gain < noise ? noise : rules.min_gain, -1, 0};
    // A thread's candidates come with ascending numbers.
    ASSAY_UNROLL
    for (int32_t i = 0; i < LevelCandidates::kMine; ++i) {
      const int32_t number = candidates.number_of(thread, i);
      if (number >= 0 && sums.gains[i] > best.gain) best = {sums.gains[i], number, 0};
    }
    return best;
  }

  template <class Block>
  ASSAY_DEVICE static void put(Block& block, const LevelCandidates::Job& job,
                               const LevelCandidates& candidates,
                               const LevelCandidates::Memory& memory, const Best& winner,
                               FoundSplit* found) {
    using Search = SearchFeaturesKernel;
    block.each([&](int32_t thread) {
      const int32_t number = winner.number;
      if (thread == 0) {
        found->gain = winner.gain;
        found->middle = 0;
        found->feature = number < 0 ? -1 : job.feature;
        found->threshold = candidates.categorical ? -1 : number / 2;
        found->missing_left = missing_left(job, candidates, memory, number) ? 1 : 0;
        found->added_l2 = candidates.categorical && candidates.rules.longest > 0 ? 1 : 0;
      }
      if (thread >= Search::kBins / Search::kWordBins) return;
      found->set.words[static_cast<size_t>(thread)] =
          candidates.categorical && number >= 0
              ? Search::set_word(memory.search, candidates.levels, candidates.rules, number, thread)
              : 0;
    });
  }

  // The memory has the whole sample's sums.
  ASSAY_DEVICE static bool missing_left(const LevelCandidates::Job& job,
                                        const LevelCandidates& candidates,
                                        const LevelCandidates::Memory& memory, int32_t number) {
    if (number < 0 || candidates.categorical) return false;
    if (candidates.tries_missing) return number % 2 == 0;
    const int64_t left = mass_of(memory.search.prefixes[number / 2]);
    return left >= mass_of(job.total) - left;
  }
};

// What the best split of the level is at each leaf.
struct SplitLeavesKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kEach = SearchFeaturesKernel::kBins / kThreads;
  static constexpr int32_t kSharedBytes = kMostWarps * static_cast<int32_t>(sizeof(uint64_t));

  // Grid: x leaves.
  struct Params {
    LevelView level;
    const FoundSplit* best;  // [searches]
    LeafSplit* splits;       // out, [leaves]
    int32_t first_leaf;      // that of the first block
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LevelView& level = params.level;
    const int64_t place = params.first_leaf + block.x();
    const LevelLeaf& leaf = level.leaves[place];
    const FoundSplit& best = params.best[leaf.search];
    LeafSplit& out = params.splits[place];
    if (best.feature < 0) {
      block.each([&](int32_t thread) {
        if (thread == 0) out = LeafSplit{};
      });
      return;
    }
    LevelCandidates::Job job{};
    job.rules = &level.trees[level.tasks[leaf.node.task].tree];
    job.search = &leaf.node;
    job.feature = best.feature;
    job.bin_count = level.bin_counts[best.feature];
    const uint64_t* words =
        LevelCandidates::words_of(level, slot_of(level, leaf.node), best.feature);
    typename Block::template PerThread<uint64_t> totals;
    typename Block::template PerThread<uint64_t> lefts;
    block.each([&](int32_t thread) {
      totals[thread] = lefts[thread] = 0;
      for (int32_t bin = thread; bin < job.bin_count; bin += kThreads) {
        totals[thread] += words[bin];
        if (sends_left(best, bin)) lefts[thread] += words[bin];
      }
    });
    auto* spare = block.template shared<uint64_t>();
    job.total = block.prefix_sums(totals, spare);
    const uint64_t left = block.prefix_sums(lefts, spare);
    job.share = share_of(level, leaf.node, job.total);
    block.each([&](int32_t thread) {
      if (thread == 0) out = weigh(job, best, left);
    });
  }

 private:
  ASSAY_DEVICE static LeafSplit weigh(const LevelCandidates::Job& job, const FoundSplit& best,
                                      uint64_t left) {
    using Search = SearchFeaturesKernel;
    const TreeRules& rules = *job.rules;
    const double l2 = best.added_l2 != 0 ? rules.l2 + rules.category_l2 : rules.l2;
    const Search::Sides sides = Search::sides_of(job, left);
    LeafSplit split{};
    if (!allows(rules, *job.search, job.feature) || !Search::both_may_stand(job, sides) ||
        !Search::keeps_direction(job, sides, l2)) {
      return split;
    }
    split.gain = Search::gain_of(job, sides, Search::whole_of(job, l2));
    split.middle = Search::middle_of(job, sides, l2);
    split.stands = 1;
    return split;
  }
};

}  // namespace assay::backends::cuda
