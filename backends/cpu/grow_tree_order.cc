#include "backends/cpu/grow_tree_order.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace assay::backends::cpu {

SplitOrder::SplitOrder(Growth& growth)
    : growth_(growth), splits_left_(growth.problem.params.max_leaves - 1) {
  add(0);
}

void SplitOrder::add(int32_t node) {
  const int32_t number = next_number_++;
  const SplitChoice& split = node_at(node).split;
  if (split.feature < 0) return;
  const bool leaf_wise = growth_.problem.params.growth == kernels::GrowthPolicy::kLeafWise;
  const Open open{leaf_wise ? split.gain : 0, number, node};
  open_.insert(open);
  waiting_.insert(open);
}

std::vector<int32_t> SplitOrder::open() const {
  std::vector<int32_t> nodes;
  for (const Open& open : open_) nodes.push_back(open.node);
  return nodes;
}

int32_t SplitOrder::take() {
  if (waiting_.empty()) return -1;
  const int32_t node = waiting_.begin()->node;
  if (node != open_.begin()->node && 2 * ahead_ >= splits_left_) return -1;
  waiting_.erase(waiting_.begin());
  ++ahead_;
  return node;
}

void SplitOrder::note_split(int32_t node) {
  const auto i = static_cast<size_t>(node);
  if (split_.size() <= i) split_.resize(i + 1);
  split_[i] = 1;
}

void SplitOrder::advance() {
  while (!done()) {
    const auto best = static_cast<size_t>(open_.begin()->node);
    if (best >= split_.size() || split_[best] == 0) return;
    const int32_t left = growth_.nodes[best].left;
    open_.erase(open_.begin());
    --ahead_;
    if (--splits_left_ == 0) return;
    add(left);
    add(left + 1);
  }
}

// The rows of a node ascend, and so do those of each child.
void SplitOrder::close() {
  for (const Open& open : open_) {
    GrownNode& node = node_at(open.node);
    if (node.left < 0) continue;
    const std::span<uint32_t> rows = growth_.rows_of(node);
    const auto middle = rows.begin() + node_at(node.left).row_count();
    uint32_t* scratch = growth_.scratch.data() + node.begin;
    std::merge(rows.begin(), middle, middle, rows.end(), scratch);
    std::copy_n(scratch, rows.size(), rows.data());
    node.left = -1;
  }
}

namespace {

class Crew {
 public:
  Crew(Growth& growth, StepSplitter& splitter, SplitOrder& order)
      : growth_(growth), splitter_(splitter), order_(order) {}

  void work(int thread) {
    try {
      split_nodes(thread);
    } catch (...) {
      end(fail(StatusCode::kResourceExhausted, "grow_tree: no memory for a node"));
      throw;
    }
  }
  Status status() { return status_; }

 private:
  // How often a thread looks whether it can go on before it goes to sleep: about 20 microseconds.
  static constexpr int kLooks = 500;

  void split_nodes(int thread) {
    std::unique_lock lock(mutex_, std::defer_lock);
    acquire(lock);
    while (!over()) {
      const int32_t node = order_.take();
      if (node < 0) {
        await_change(lock);
        continue;
      }
      splitter_.begin(node, order_.splits_left() > 1, thread);
      lock.unlock();
      const Status status = splitter_.run(thread);
      acquire(lock);
      splitter_.end(thread);
      if (!status) status_ = status;
      order_.note_split(node);
      order_.advance();
      tell();
    }
  }

  bool over() { return order_.done() || !status_ || growth_.stop_requested(); }

  void tell() {
    changes_.fetch_add(1, std::memory_order_relaxed);
    if (sleeping_ > 0) changed_.notify_all();
  }

  void end(Status status) {
    const std::scoped_lock lock(mutex_);
    status_ = std::move(status);
    tell();
  }

  // The lock is never held for long.
  static void acquire(std::unique_lock<std::mutex>& lock) {
    for (int look = 0; look < kLooks; ++look) {
      if (lock.try_lock()) return;
      hwy::Pause();
    }
    lock.lock();
  }

  // Only while others have nodes.
  void await_change(std::unique_lock<std::mutex>& lock) {
    const int64_t seen = changes_.load(std::memory_order_relaxed);
    lock.unlock();
    for (int look = 0; look < kLooks; ++look) {
      if (changes_.load(std::memory_order_relaxed) != seen) break;
      hwy::Pause();
    }
    acquire(lock);
    ++sleeping_;
    changed_.wait(lock, [&] { return changes_.load(std::memory_order_relaxed) != seen; });
    --sleeping_;
  }

  Growth& growth_;
  StepSplitter& splitter_;
  std::mutex mutex_;  // guards what follows
  SplitOrder& order_;
  Status status_;
  int sleeping_ = 0;
  std::atomic<int64_t> changes_{0};  // also read without the lock
  std::condition_variable changed_;
};

}  // namespace

Status split_together(Growth& growth, StepSplitter& splitter, SplitOrder& order) {
  Crew crew(growth, splitter, order);
  Executor& executor = *growth.context.executor;
  // Nodes must not be moved while other threads use theirs.
  const auto splits = static_cast<size_t>(order.splits_left());
  growth.nodes.reserve(growth.nodes.size() + 2 * (splits + splits / 2 + 2));
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(executor.thread_count(),
                                              [&](int64_t, int thread) { crew.work(thread); }));
  order.close();
  return crew.status();
}

}  // namespace assay::backends::cpu
