// SlotGroup: the threads that run trials, one a slot, each with its device and its own executor.
#pragma once

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "automl/scheduler/slots.h"
#include "kernels/base/clock.h"

namespace assay::automl {

struct SweepState;

// Not thread-safe.
class SlotGroup {
 public:
  explicit SlotGroup(std::shared_ptr<SweepState> state) : state_(std::move(state)) {}
  // Leaves threads behind that have not ended: they keep the state alive.
  ~SlotGroup();
  SlotGroup(const SlotGroup&) = delete;
  SlotGroup& operator=(const SlotGroup&) = delete;

  // Each thread takes trials from the state's queue until there are no more.
  void start(const SlotPlan& plan);
  // Waits for all threads to end, but not past `deadline_ns` (kNoDeadline: as long as it takes).
  // Gives the number of those that have not.
  int wait(const Clock& clock, int64_t deadline_ns);
  int running() const;

 private:
  struct Shared;
  std::shared_ptr<SweepState> state_;
  std::shared_ptr<Shared> shared_;
  std::vector<std::thread> threads_;
};

}  // namespace assay::automl
