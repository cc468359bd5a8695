// How many trials run side by side, on which devices, and how many threads each gets. Threads are
// never oversubscribed, slots * threads_per_slot <= threads, unless there are more devices than
// threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace assay::automl {

struct SlotPlan {
  int slots = 1;
  int threads_per_slot = 1;
  int without_memory_limit = 1;  // how many slots there would be if memory had no end
  std::vector<size_t> devices;   // of each slot: its device's place in the request's list
};

struct SlotRequest {
  int threads = 1;                  // >= 1, all there are
  int64_t wanted_slots = 0;         // what the user asked for; 0: choose
  int64_t cells = 0;                // training rows * features
  int64_t memory_bytes = 0;         // free for trials; 0: not limited
  int64_t bytes_per_trial = 0;      // planned for the leading learner
  size_t device_count = 1;          // >= 1
  std::optional<size_t> host = {};  // the place of the CPU in the list of devices, if it is there
};

// A fit scales well over threads only if each has enough cells to work on, and trials side by side
// scale always: so each slot gets one thread for every kCellsPerThread cells, and there are as many
// slots as that allows, and memory, but one for each device at least. Beside the CPU another device
// has one slot: its calls follow one another, and more slots would take threads from the CPU's for
// waiting. Without the CPU devices have the same number of slots, or nearly so.
inline constexpr int64_t kCellsPerThread = 4'000'000;
SlotPlan plan_slots(const SlotRequest& request);

}  // namespace assay::automl
