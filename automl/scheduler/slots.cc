#include "automl/scheduler/slots.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace assay::automl {
namespace {

// Slots that each device asks for; the CPU's is one.
std::vector<int64_t> slots_of_lanes(const SlotRequest& request, int threads) {
  const int64_t others = std::max<int64_t>(1, std::ssize(request.lanes) - (request.host ? 1 : 0));
  const int64_t needed = others * (request.host ? kThreadsBesideCpu : kThreadsPerLane);
  std::vector<int64_t> slots;
  for (size_t device = 0; device < request.lanes.size(); ++device) {
    const bool host = request.host == device;
    const int64_t most = std::max<int64_t>(1, request.lanes[device]);
    slots.push_back(host ? 1 : std::clamp<int64_t>(threads / needed, 1, most));
  }
  return slots;
}

// One slot for each device, then what lanes ask for, then the CPU's or everybody's.
std::vector<size_t> devices_of_slots(const SlotRequest& request,
                                     const std::vector<int64_t>& lane_slots, size_t slots) {
  std::vector<size_t> devices;
  const int64_t turns = *std::max_element(lane_slots.begin(), lane_slots.end());
  for (int64_t turn = 0; turn < turns; ++turn) {
    for (size_t device = 0; device < lane_slots.size() && devices.size() < slots; ++device) {
      if (turn < lane_slots[device]) devices.push_back(device);
    }
  }
  for (size_t turn = 0; devices.size() < slots; ++turn) {
    devices.push_back(request.host.value_or(turn % lane_slots.size()));
  }
  return devices;
}

}  // namespace

SlotPlan plan_slots(const SlotRequest& request) {
  const int threads = std::max(request.threads, 1);
  const std::vector<int64_t> lane_slots = slots_of_lanes(request, threads);
  int64_t slots = request.wanted_slots;
  int64_t roomy = slots;
  if (slots <= 0) {
    const int64_t wanted_threads = std::clamp<int64_t>(request.cells / kCellsPerThread, 1, threads);
    const int64_t of_lanes = std::accumulate(lane_slots.begin(), lane_slots.end(), int64_t{0});
    roomy = slots = std::max<int64_t>(threads / wanted_threads, of_lanes);
    if (request.memory_bytes > 0 && request.bytes_per_trial > 0) {
      slots = std::min(slots, request.memory_bytes / request.bytes_per_trial);
    }
  }
  const auto least = static_cast<int64_t>(request.lanes.size());
  const auto within = [&](int64_t count) {
    return static_cast<int>(std::max(std::clamp<int64_t>(count, 1, threads), least));
  };
  SlotPlan plan;
  plan.slots = within(slots);
  plan.threads_per_slot = std::max(1, threads / plan.slots);
  plan.without_memory_limit = within(roomy);
  plan.devices = devices_of_slots(request, lane_slots, static_cast<size_t>(plan.slots));
  return plan;
}

}  // namespace assay::automl
