#include "backends/cpu/grow_tree_pool.h"

#include <algorithm>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kPoolBytes = int64_t{256} << 20;
constexpr int64_t kPoolShare = 8;

}  // namespace

int64_t pool_bytes(const Growth& growth) {
  const kernels::Device* device = growth.context.device;
  const int64_t bytes = device == nullptr
                            ? kPoolBytes
                            : std::min(kPoolBytes, device->info().memory_bytes / kPoolShare);
  return bytes / growth.side_by_side;
}

HistogramPool::HistogramPool(Growth& growth, int64_t word_count, int64_t byte_bound,
                             bool host_memory)
    : growth_(growth), word_count_(word_count), host_memory_(host_memory) {
  const int64_t bytes = std::max<int64_t>(1, word_count) * static_cast<int64_t>(sizeof(int64_t));
  slot_bound_ = static_cast<size_t>(std::max<int64_t>(3, byte_bound / bytes));
}

// The owner of the least gain, last made on a tie.
int32_t HistogramPool::take_back(int32_t node, int32_t keep) {
  size_t victim = slots_.size();
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (owners_[i] == keep || owners_[i] == node) continue;
    if (victim < slots_.size()) {
      const double gain = growth_.nodes[static_cast<size_t>(owners_[i])].split.gain;
      const double least = growth_.nodes[static_cast<size_t>(owners_[victim])].split.gain;
      if (gain > least || (gain == least && owners_[i] < owners_[victim])) continue;
    }
    victim = i;
  }
  growth_.nodes[static_cast<size_t>(owners_[victim])].histogram = -1;
  return static_cast<int32_t>(victim);
}

void HistogramPool::acquire(int32_t node, int32_t keep) {
  int32_t slot = 0;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else if (slots_.size() < slot_bound_) {
    slot = static_cast<int32_t>(slots_.size());
    slots_.push_back(host_memory_ ? BigBuffer<int64_t>(static_cast<size_t>(word_count_))
                                  : BigBuffer<int64_t>());
    owners_.push_back(-1);
  } else {
    slot = take_back(node, keep);
  }
  owners_[static_cast<size_t>(slot)] = node;
  growth_.nodes[static_cast<size_t>(node)].histogram = slot;
}

void HistogramPool::release(int32_t node) {
  int32_t& slot = growth_.nodes[static_cast<size_t>(node)].histogram;
  if (slot < 0) return;
  owners_[static_cast<size_t>(slot)] = -1;
  free_.push_back(slot);
  slot = -1;
}

void HistogramPool::move(int32_t from, int32_t to) {
  int32_t& slot = growth_.nodes[static_cast<size_t>(from)].histogram;
  growth_.nodes[static_cast<size_t>(to)].histogram = slot;
  owners_[static_cast<size_t>(slot)] = to;
  slot = -1;
}

int64_t* HistogramPool::words(int32_t node) {
  return slots_[static_cast<size_t>(growth_.nodes[static_cast<size_t>(node)].histogram)].data();
}

}  // namespace assay::backends::cpu
