// The kernel that chooses the features that nodes look at, where they look at some only:
// choose_columns of kernels/tree_rules.h, a node a thread.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/philox.h"
#include "backends/cuda/tree_tasks.h"

namespace assay::backends::cuda {

struct ChooseColumnsKernel {
  static constexpr int32_t kThreads = 64;
  // The most features of a node that are chosen here: the time grows with their square.
  static constexpr int32_t kMostChosen = 64;

  // Grid: x blocks of kThreads nodes.
  struct Params {
    const SearchTask* searches;
    int32_t* features;  // lists; those to be made are written, feature_count each
    int32_t search_count;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const int64_t at = block.x() * kThreads + thread;
      if (at >= params.search_count) return;
      const SearchTask& search = params.searches[at];
      if (search.usable_count > 0) choose(search, params.features);
    });
  }

 private:
  // A shuffle of the list would exchange place i with a later one for each i. Of that no more is
  // kept than what lies in those later places, the newest last.
  ASSAY_DEVICE static void choose(const SearchTask& search, int32_t* features) {
    const int32_t* usable = features + search.first_usable;
    int32_t* chosen = features + search.first_feature;
    int32_t places[kMostChosen];
    int32_t held[kMostChosen];
    const auto held_at = [&](int32_t place, int32_t count) {
      for (int32_t k = count - 1; k >= 0; --k) {
        if (places[k] == place) return held[k];
      }
      return usable[place];
    };
    DeviceRng rng(columns_seed(search.key));
    for (int32_t i = 0; i < search.feature_count; ++i) {
      const auto left = static_cast<uint64_t>(search.usable_count - i);
      const auto j = i + static_cast<int32_t>(rng.below(left));
      const int32_t own = held_at(i, i);
      chosen[i] = j == i ? own : held_at(j, i);
      places[i] = j;
      held[i] = own;
    }
  }
};

}  // namespace assay::backends::cuda
