// A dataflow region cycle by cycle: pipelined loops of so many stages, and the queues between them,
// of so many places. It tells whether a region comes to its end or hangs, which a run of one
// process after the other cannot show. What flows is counted, not computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace assay::backends::xrt {

struct FlowQueue {
  int64_t depth = 0;
  int64_t held = 0;
  int64_t arrived = 0;  // visible from the next cycle on
};

// What an iteration of a loop takes and gives: it begins when all of `takes` have an item, and what
// it gives is written when it comes to that stage.
struct FlowWrite {
  FlowQueue* queue = nullptr;
  int32_t stage = 0;
};
struct FlowStep {
  std::vector<FlowQueue*> takes;
  std::vector<FlowWrite> gives;
};

enum class FlowStyle {
  kStalling,  // all stages stand still while an input is missing or a queue is full (stp)
  kFlushing,  // a stage goes on as long as there is room behind it (flp)
  kPolling,   // as kStalling, but the loop looks for its input and goes on without (read_nb)
};

class FlowLoop {
 public:
  FlowLoop(std::string name, FlowStyle style, int32_t stages, std::vector<FlowStep> steps)
      : name_(std::move(name)),
        style_(style),
        slots_(static_cast<size_t>(stages), -1),
        steps_(std::move(steps)) {}

  const std::string& name() const { return name_; }
  bool done() const { return ended_ == steps_.size(); }
  size_t begun() const { return begun_; }
  size_t under_way() const { return begun_ - ended_; }

  // A cycle. Whether anything moved.
  bool tick() {
    if (done()) return false;
    return style_ == FlowStyle::kFlushing ? flush() : advance();
  }

 private:
  bool input_is_there() const {
    if (begun_ == steps_.size()) return false;
    for (const FlowQueue* queue : steps_[begun_].takes) {
      if (queue->held == 0) return false;
    }
    return true;
  }
  bool is_blocked(size_t stage) const {
    if (slots_[stage] < 0) return false;
    for (const FlowWrite& write : steps_[static_cast<size_t>(slots_[stage])].gives) {
      const bool full = write.queue->held + write.queue->arrived >= write.queue->depth;
      if (static_cast<size_t>(write.stage) == stage && full) return true;
    }
    return false;
  }
  void give(size_t stage) {
    for (const FlowWrite& write : steps_[static_cast<size_t>(slots_[stage])].gives) {
      if (static_cast<size_t>(write.stage) == stage) ++write.queue->arrived;
    }
  }
  // Writes what the stage gives and hands its iteration on.
  void move(size_t stage) {
    give(stage);
    if (stage + 1 == slots_.size()) {
      ++ended_;
    } else {
      slots_[stage + 1] = slots_[stage];
    }
    slots_[stage] = -1;
  }
  void begin() {
    for (FlowQueue* queue : steps_[begun_].takes) --queue->held;
    slots_[0] = static_cast<int64_t>(begun_++);
  }

  bool advance() {
    for (size_t stage = 0; stage < slots_.size(); ++stage) {
      if (is_blocked(stage)) return false;
    }
    const bool more = begun_ < steps_.size();
    const bool starved = more && !input_is_there();
    if (starved && style_ == FlowStyle::kStalling) return false;
    bool moved = false;
    for (size_t stage = slots_.size(); stage-- > 0;) {
      if (slots_[stage] < 0) continue;
      move(stage);
      moved = true;
    }
    if (more && !starved) {
      begin();
      moved = true;
    }
    return moved;
  }

  bool flush() {
    bool moved = false;
    for (size_t stage = slots_.size(); stage-- > 0;) {
      const bool room = stage + 1 == slots_.size() || slots_[stage + 1] < 0;
      if (slots_[stage] < 0 || !room || is_blocked(stage)) continue;
      move(stage);
      moved = true;
    }
    if (slots_[0] < 0 && input_is_there()) {
      begin();
      moved = true;
    }
    return moved;
  }

  std::string name_;
  FlowStyle style_;
  std::vector<int64_t> slots_;  // the iteration in each stage, or -1
  std::vector<FlowStep> steps_;
  size_t begun_ = 0;
  size_t ended_ = 0;
};

// Cycles until all loops have ended; or -1: nothing moves any more.
inline int64_t run_flow(std::vector<FlowLoop>& loops, std::deque<FlowQueue>& queues) {
  for (int64_t cycle = 1;; ++cycle) {
    bool moved = false;
    bool done = true;
    for (FlowLoop& loop : loops) {
      moved = loop.tick() || moved;
      done = done && loop.done();
    }
    if (done) return cycle;
    for (FlowQueue& queue : queues) {
      moved = moved || queue.arrived > 0;
      queue.held += queue.arrived;
      queue.arrived = 0;
    }
    if (!moved) return -1;
  }
}

}  // namespace assay::backends::xrt
