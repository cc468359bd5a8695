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
  int threads = 1;              // >= 1, all there are
  int64_t wanted_slots = 0;     // what the user asked for; 0: choose
  int64_t cells = 0;            // training rows * features
  int64_t memory_bytes = 0;     // free for trials; 0: not limited
  int64_t bytes_per_trial = 0;  // planned for the leading learner
  // Of each device, at least one: how many trials it can serve side by side (Device::lanes).
  std::vector<int32_t> lanes = {1};
  std::optional<size_t> host = {};  // the place of the CPU in the list of devices, if it is there
};

// A fit scales well over threads only if each has enough cells to work on, and trials side by side
// scale always: so each slot gets one thread for every kCellsPerThread cells, and there are as many
// slots as that allows, and memory, but one for each device at least. A device with lanes is idle
// while a trial works on the host, so it has a slot for each lane where there are kThreadsPerLane
// threads for it, shared among devices. Beside the CPU, whose own trials need threads, that is
// kThreadsBesideCpu, and other devices have no slots beyond that. Without the CPU devices have as
// many slots as their lanes ask for, and share the others alike.
inline constexpr int64_t kCellsPerThread = 4'000'000;
inline constexpr int64_t kThreadsPerLane = 4;
inline constexpr int64_t kThreadsBesideCpu = 8;
SlotPlan plan_slots(const SlotRequest& request);

}  // namespace assay::automl
