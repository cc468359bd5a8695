// The kernels of grow_tree that search splits: the best of each node and feature, then of each
// node.
//
// A block has one feature of one node: its histogram goes to shared memory, is summed up from the
// left, and each thread weighs some candidates. Candidates are numbered in the order of the scan of
// kernels/grow_tree.h; the greatest gain wins, the lowest number on a tie.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/philox.h"
#include "backends/cuda/tree_tasks.h"

namespace assay::backends::cuda {

// kGainNoise of kernels/tree_rules.h.
inline constexpr double kNoiseShare = 0x1p-48;

struct SearchFeaturesKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kBins = 256;
  static constexpr int32_t kEach = kBins / kThreads;
  static constexpr int32_t kWordBins = 32;  // of a word of a set
  static constexpr uint8_t kAbsent = 0xff;  // there are at most kMaxBins levels

  // Grid: x features of a node (blocks beyond a node's have nothing to do), y nodes.
  struct Params {
    const TreeRules* trees;
    const SplitTask* tasks;
    const SplitCounts* counts;
    const SearchTask* searches;
    const int32_t* features;     // lists of features to look at
    const int32_t* bin_counts;   // [feature_count]
    const int32_t* bin_offsets;  // as in HistogramKernel
    const uint8_t* categorical;  // [feature_count]
    uint64_t* histograms;        // where `derives`, those of larger children are made in place
    int64_t slot_size;
    FoundSplit* found;  // out, [nodes, feature_limit]
    int32_t feature_limit;
    int32_t derives;
  };

  // A thread's best so far.
  struct Best {
    double gain;
    int32_t number;  // -1: none
    int32_t reserved;
  };

  // A block's shared memory.
  struct Memory {
    uint64_t words[kBins];     // of bins; for sorted levels, of these in their order
    uint64_t prefixes[kBins];  // words[0] + ... + words[i]
    double ratios[kBins];      // of present levels, by code
    uint64_t level_words[kBins];
    uint8_t levels[kBins];  // present levels, by code
    uint8_t ranks[kBins];   // of codes among present levels, in order of their ratio; or kAbsent
    Best spare[kThreads / kWarp];
    int32_t first;  // numeric: the thresholds to try, one if they are random
    int32_t last;
  };
  static constexpr int32_t kSharedBytes = sizeof(Memory);

  // The greater gain, or of equal ones the candidate that comes first.
  ASSAY_DEVICE static bool better(const Best& a, const Best& b) {
    if (a.number < 0 || b.number < 0) return a.number > b.number;
    return a.gain > b.gain || (a.gain == b.gain && a.number < b.number);
  }

  // What a block works on.
  struct Job {
    const TreeRules* rules;
    const SearchTask* search;
    int32_t feature;
    int32_t bin_count;
    double share;
    uint64_t total;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const SearchTask& search = params.searches[block.y()];
    const auto place = static_cast<int32_t>(block.x());
    if (place >= search.feature_count) return;
    const SplitTask& task = params.tasks[search.task];
    Job job;
    job.rules = &params.trees[task.tree];
    job.search = &search;
    job.feature = params.features[search.first_feature + place];
    job.bin_count = params.bin_counts[job.feature];
    auto* memory = block.template shared<Memory>();
    load_words(block, params, job, *memory);
    job.total = sum_prefixes(block, *memory);
    const RowRange range = range_of(task, params.counts[search.task], search.part);
    job.share =
        static_cast<double>(range.end - range.begin) / static_cast<double>(mass_of(job.total));
    FoundSplit* found = params.found + block.y() * params.feature_limit + place;
    const bool allowed = job.rules->interactions == nullptr ||
                         (job.rules->interactions[job.feature] & search.groups) != 0;
    if (!allowed) {
      block.each([&](int32_t thread) {
        if (thread == 0) found->feature = -1;
      });
    } else if (params.categorical[job.feature] != 0) {
      search_levels(block, job, *memory, found);
    } else {
      search_thresholds(block, job, *memory, found);
    }
  }

  template <class Block>
  ASSAY_DEVICE static void load_words(Block& block, const Params& params, const Job& job,
                                      Memory& memory) {
    const SearchTask& search = *job.search;
    const SplitTask& task = params.tasks[search.task];
    const int64_t offset = params.bin_offsets[job.feature];
    const RowRange own = range_of(task, params.counts[search.task], search.part);
    const RowRange built = range_of(task, params.counts[search.task], search.built);
    const bool larger = own.begin != built.begin || own.end != built.end;
    const int32_t slot = larger ? search.parent_slot : search.slot;
    uint64_t* histogram = params.histograms + slot * params.slot_size + offset;
    const uint64_t* smaller = params.histograms + search.slot * params.slot_size + offset;
    const bool derives = larger && params.derives != 0;
    block.each([&](int32_t thread) {
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        const int32_t bin = k * kThreads + thread;
        uint64_t word = bin < job.bin_count ? histogram[bin] : 0;
        if (derives && bin < job.bin_count) histogram[bin] = word -= smaller[bin];
        memory.words[bin] = word;
      }
    });
  }

  // Prefixes of the words; the sum of all.
  template <class Block>
  ASSAY_DEVICE static uint64_t sum_prefixes(Block& block, Memory& memory) {
    typename Block::template PerThread<uint64_t> sums;
    block.each([&](int32_t thread) {
      uint64_t sum = 0;
      ASSAY_UNROLL
      for (int32_t i = 0; i < kEach; ++i) sum += memory.words[thread * kEach + i];
      sums[thread] = sum;
    });
    const uint64_t total = block.prefix_sums(sums, memory.prefixes);
    block.each([&](int32_t thread) {
      uint64_t sum = sums[thread];
      ASSAY_UNROLL
      for (int32_t i = 0; i < kEach; ++i) {
        sum += memory.words[thread * kEach + i];
        memory.prefixes[thread * kEach + i] = sum;
      }
    });
    return total;
  }

  // What candidates are weighed against: the node as it is.
  struct Whole {
    double l2;
    double score;
  };
  ASSAY_DEVICE static Whole whole_of(const Job& job, double l2) {
    return {l2, score_of(*job.rules, side_of(*job.rules, job.total), l2, job.search->bounds)};
  }
  // What a gain must exceed.
  ASSAY_DEVICE static double floor_of(const Job& job, const Whole& whole) {
    const double noise = whole.score * kNoiseShare;
    return job.rules->min_gain < noise ? noise : job.rules->min_gain;
  }

  // The sides of a candidate.
  struct Sides {
    SideSums left;
    SideSums right;
  };
  ASSAY_DEVICE static Sides sides_of(const Job& job, uint64_t left_word) {
    return {side_of(*job.rules, left_word), side_of(*job.rules, job.total - left_word)};
  }
  ASSAY_DEVICE static bool both_may_stand(const Job& job, const Sides& sides) {
    return may_stand(*job.rules, sides.left, job.share) &&
           may_stand(*job.rules, sides.right, job.share);
  }
  ASSAY_DEVICE static double gain_of(const Job& job, const Sides& sides, const Whole& whole) {
    const NodeBounds& bounds = job.search->bounds;
    return (score_of(*job.rules, sides.left, whole.l2, bounds) +
            score_of(*job.rules, sides.right, whole.l2, bounds)) -
           whole.score;
  }
  ASSAY_DEVICE static bool keeps_direction(const Job& job, const Sides& sides, double l2) {
    const int8_t* monotone = job.rules->monotone;
    const int32_t direction = monotone == nullptr ? 0 : monotone[job.feature];
    if (direction == 0) return true;
    const double left = value_of(sides.left, l2, job.search->bounds);
    const double right = value_of(sides.right, l2, job.search->bounds);
    return direction > 0 ? left <= right : left >= right;
  }
  // Of the values of the sides, if there are constraints.
  ASSAY_DEVICE static double middle_of(const Job& job, const Sides& sides, double l2) {
    if (job.rules->monotone == nullptr) return 0;
    const double left = value_of(sides.left, l2, job.search->bounds);
    const double right = value_of(sides.right, l2, job.search->bounds);
    return (left + right) * 0.5;
  }

  // Candidates of a lane come with ascending numbers.
  ASSAY_DEVICE static void weigh(const Job& job, uint64_t left_word, int32_t number,
                                 const Whole& whole, Best& best) {
    const Sides sides = sides_of(job, left_word);
    if (!both_may_stand(job, sides)) return;
    const double gain = gain_of(job, sides, whole);
    if (!(gain > best.gain) || !keeps_direction(job, sides, whole.l2)) return;
    best.gain = gain;
    best.number = number;
  }

  // The best candidate of all lanes.
  template <class Block>
  ASSAY_DEVICE static Best choose(Block& block, typename Block::template PerThread<Best>& lanes,
                                  Memory& memory) {
    return block.best(
        lanes, [](const Best& a, const Best& b) { return better(a, b); }, memory.spare);
  }

  ASSAY_DEVICE static void put(const Job& job, double gain, uint64_t left_word, double l2,
                               FoundSplit* found) {
    found->gain = gain;
    found->middle = middle_of(job, sides_of(job, left_word), l2);
    found->feature = job.feature;
    found->threshold = -1;
    found->missing_left = 0;
    found->added_l2 = 0;
  }

  // Numeric. Candidate 2 t has missing on the left of threshold t, 2 t + 1 on the right; where no
  // row is missing there is one candidate a threshold, and 2 t or 2 t + 1 says where missing goes.
  ASSAY_DEVICE static uint64_t threshold_word(const Memory& memory, int32_t number) {
    const uint64_t left = memory.prefixes[number / 2];
    return number % 2 == 0 ? left : left - memory.words[0];
  }

  template <class Block>
  ASSAY_DEVICE static void set_thresholds(Block& block, const Job& job, Memory& memory) {
    block.each([&](int32_t thread) {
      if (thread != 0) return;
      memory.first = 1;
      memory.last = job.bin_count - 2;
      if (job.rules->random_thresholds == 0) return;
      int32_t low = 1;
      while (low < job.bin_count && memory.words[low] == 0) ++low;
      int32_t high = job.bin_count - 1;
      while (high > low && memory.words[high] == 0) --high;
      memory.first = low;
      memory.last = low - 1;
      if (low >= high) return;
      memory.first = low + drawn_threshold(job.search->key, job.feature, high - low);
      memory.last = memory.first;
    });
  }

  template <class Block>
  ASSAY_DEVICE static void search_thresholds(Block& block, const Job& job, Memory& memory,
                                             FoundSplit* found) {
    const double l2 = job.rules->l2;
    set_thresholds(block, job, memory);
    typename Block::template PerThread<Best> lanes;
    block.each([&](int32_t thread) {
      const Whole whole = whole_of(job, l2);
      Best best{floor_of(job, whole), -1, 0};
      const uint64_t missing = memory.words[0];
      const int64_t total_mass = mass_of(job.total);
      for (int32_t t = memory.first + thread; t <= memory.last; t += kThreads) {
        const uint64_t left = memory.prefixes[t];
        if (missing != 0) {
          weigh(job, left, 2 * t, whole, best);
          weigh(job, left - missing, 2 * t + 1, whole, best);
        } else {
          const int64_t mass = mass_of(left);
          weigh(job, left, mass >= total_mass - mass ? 2 * t : 2 * t + 1, whole, best);
        }
      }
      lanes[thread] = best;
    });
    const Best winner = choose(block, lanes, memory);
    block.each([&](int32_t thread) {
      if (thread != 0) return;
      found->feature = -1;
      if (winner.number < 0) return;
      put(job, winner.gain, threshold_word(memory, winner.number), l2, found);
      found->set = kernels::CategorySet{};
      found->threshold = winner.number / 2;
      found->missing_left = winner.number % 2 == 0 ? 1 : 0;
    });
  }

  // Categorical. With few levels candidate k is level k alone. Else levels are sorted, and
  // candidate k < longest are the first k + 1, longest + k the last k + 1 of them.
  ASSAY_DEVICE static double ratio_of(const TreeRules& rules, uint64_t word) {
    const double divisor =
        static_cast<double>(mass_of(word)) * rules.hessian_unit + rules.category_smooth;
    return divisor > 0 ? static_cast<double>(gradient_of(word)) * rules.unit / divisor : 0.0;
  }

  // Their number. A thread looks at kEach codes.
  template <class Block>
  ASSAY_DEVICE static int32_t list_levels(Block& block, const Job& job, Memory& memory) {
    typename Block::template PerThread<uint32_t> places;
    block.each([&](int32_t thread) {
      uint32_t count = 0;
      ASSAY_UNROLL
      for (int32_t i = 0; i < kEach; ++i) count += memory.words[thread * kEach + i] != 0 ? 1 : 0;
      places[thread] = count;
    });
    const uint32_t total = block.prefix_sums(places, reinterpret_cast<uint32_t*>(memory.prefixes));
    block.each([&](int32_t thread) {
      uint32_t place = places[thread];
      ASSAY_UNROLL
      for (int32_t i = 0; i < kEach; ++i) {
        const int32_t code = thread * kEach + i;
        const uint64_t word = memory.words[code];
        memory.ranks[code] = kAbsent;
        if (word == 0) continue;
        memory.levels[place] = static_cast<uint8_t>(code);
        memory.level_words[place] = word;
        memory.ratios[place] = ratio_of(*job.rules, word);
        ++place;
      }
    });
    return static_cast<int32_t>(total);
  }

  // A thread ranks kEach levels at once, so that it reads each ratio once.
  template <class Block>
  ASSAY_DEVICE static void sort_levels(Block& block, int32_t count, Memory& memory) {
    block.each([&](int32_t thread) {
      double own[kEach];
      int32_t rank[kEach];
      ASSAY_UNROLL
      for (int32_t i = 0; i < kEach; ++i) {
        const int32_t k = i * kThreads + thread;
        own[i] = k < count ? memory.ratios[k] : 0;
        rank[i] = 0;
      }
      for (int32_t other = 0; other < count; ++other) {
        const double ratio = memory.ratios[other];
        ASSAY_UNROLL
        for (int32_t i = 0; i < kEach; ++i) {
          const int32_t k = i * kThreads + thread;
          rank[i] += ratio < own[i] || (ratio == own[i] && other < k) ? 1 : 0;
        }
      }
      ASSAY_UNROLL
      for (int32_t i = 0; i < kEach; ++i) {
        const int32_t k = i * kThreads + thread;
        if (k < count) {
          memory.ranks[memory.levels[k]] = static_cast<uint8_t>(rank[i]);
          memory.words[rank[i]] = memory.level_words[k];
        } else {
          memory.words[k] = 0;
        }
      }
    });
    (void)sum_prefixes(block, memory);
  }

  // How a categorical feature's candidates are made.
  struct LevelRules {
    double l2;
    int32_t longest;  // 0: each level alone
    int32_t first;    // candidates [first, last)
    int32_t last;
  };

  ASSAY_DEVICE static LevelRules level_rules(const Job& job, int32_t levels) {
    const TreeRules& rules = *job.rules;
    const bool random = rules.random_thresholds != 0;
    if (levels < 2) return {rules.l2, 0, 0, 0};
    if (!random && levels <= rules.onehot_levels) return {rules.l2, 0, 0, levels};
    const double l2 = rules.l2 + rules.category_l2;
    if (random) {
      const int32_t count = 1 + drawn_threshold(job.search->key, job.feature, levels - 1);
      return {l2, levels, count - 1, count};
    }
    const int32_t half = (levels + 1) / 2;
    const int32_t longest = rules.max_category_levels < half ? rules.max_category_levels : half;
    return {l2, longest, 0, 2 * longest};
  }

  ASSAY_DEVICE static uint64_t level_word(const Job& job, const Memory& memory, int32_t levels,
                                          const LevelRules& rules, int32_t number) {
    if (rules.longest == 0) return memory.level_words[number];
    if (number < rules.longest) return memory.prefixes[number];
    const int32_t rest = levels - (number - rules.longest + 1);
    return rest == 0 ? job.total : job.total - memory.prefixes[rest - 1];
  }

  // The bins of a candidate among the kWordBins from thread * kWordBins on.
  ASSAY_DEVICE static uint32_t set_word(const Memory& memory, int32_t levels,
                                        const LevelRules& rules, int32_t number, int32_t thread) {
    if (rules.longest == 0) {
      const int32_t level = memory.levels[number];
      return level / kWordBins == thread ? 1u << level % kWordBins : 0;
    }
    const bool front = number < rules.longest;
    const int32_t count = front ? number + 1 : number - rules.longest + 1;
    const int32_t first = front ? 0 : levels - count;
    uint32_t word = 0;
    for (int32_t i = 0; i < kWordBins; ++i) {
      const int32_t rank = memory.ranks[thread * kWordBins + i];
      if (rank != kAbsent && rank >= first && rank < first + count) word |= 1u << i;
    }
    return word;
  }

  template <class Block>
  ASSAY_DEVICE static void search_levels(Block& block, const Job& job, Memory& memory,
                                         FoundSplit* found) {
    const int32_t levels = list_levels(block, job, memory);
    const LevelRules rules = level_rules(job, levels);
    if (rules.longest > 0) sort_levels(block, levels, memory);
    typename Block::template PerThread<Best> lanes;
    block.each([&](int32_t thread) {
      const Whole whole = whole_of(job, rules.l2);
      Best best{floor_of(job, whole), -1, 0};
      for (int32_t number = rules.first + thread; number < rules.last; number += kThreads) {
        weigh(job, level_word(job, memory, levels, rules, number), number, whole, best);
      }
      lanes[thread] = best;
    });
    const Best winner = choose(block, lanes, memory);
    block.each([&](int32_t thread) {
      if (winner.number < 0) {
        if (thread == 0) found->feature = -1;
        return;
      }
      const int32_t number = winner.number;
      if (thread == 0) {
        put(job, winner.gain, level_word(job, memory, levels, rules, number), rules.l2, found);
      }
      if (thread < kBins / kWordBins) {
        found->set.words[static_cast<size_t>(thread)] =
            set_word(memory, levels, rules, number, thread);
      }
    });
  }
};

// The best split of each node of those of its features: a warp has a node.
struct ChooseSplitsKernel {
  static constexpr int32_t kThreads = kWarp;

  // Grid: x nodes.
  struct Params {
    const SearchTask* searches;
    const FoundSplit* found;  // [nodes, feature_limit]
    FoundSplit* best;         // out, [nodes]
    int32_t feature_limit;
  };

  struct Candidate {
    double gain;
    int32_t feature;  // -1: none
    int32_t place;
  };
  ASSAY_DEVICE static bool better(const Candidate& a, const Candidate& b) {
    if (a.feature < 0 || b.feature < 0) return a.feature >= 0 && b.feature < 0;
    return a.gain > b.gain || (a.gain == b.gain && a.feature < b.feature);
  }

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const int64_t node = block.x();
    const FoundSplit* found = params.found + node * params.feature_limit;
    const int32_t count = params.searches[node].feature_count;
    typename Block::template PerThread<Candidate> lanes;
    block.each([&](int32_t thread) {
      Candidate best{0, -1, -1};
      for (int32_t k = thread; k < count; k += kThreads) {
        if (found[k].feature < 0) continue;
        const Candidate other{found[k].gain, found[k].feature, k};
        if (better(other, best)) best = other;
      }
      lanes[thread] = best;
    });
    const Candidate winner = block.best(
        lanes, [](const Candidate& a, const Candidate& b) { return better(a, b); },
        static_cast<Candidate*>(nullptr));
    block.each([&](int32_t thread) {
      FoundSplit& out = params.best[node];
      if (winner.place < 0) {
        if (thread != 0) return;
        out = FoundSplit{};
        out.feature = -1;
        return;
      }
      // Word by word, side by side.
      constexpr auto kWords = static_cast<int32_t>(sizeof(FoundSplit) / sizeof(uint64_t));
      static_assert(sizeof(FoundSplit) % sizeof(uint64_t) == 0 && kWords <= kThreads);
      if (thread >= kWords) return;
      reinterpret_cast<uint64_t*>(&out)[thread] =
          reinterpret_cast<const uint64_t*>(found + winner.place)[thread];
    });
  }
};

}  // namespace assay::backends::cuda
