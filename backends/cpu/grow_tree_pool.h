// The histograms that open nodes keep, under a bound on bytes. When it is reached, the node that
// will be split last loses its histogram, which is built again if that node is ever split.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/cpu/big_buffer.h"
#include "backends/cpu/grow_tree_growth.h"

namespace assay::backends::cpu {

// What open nodes' histograms may take: 256 MiB, or an eighth of the device's memory, shared by
// trees that grow side by side.
int64_t pool_bytes(const Growth& growth);

class HistogramPool {
 public:
  // Histograms of `word_count` words, at least 3 of them and else as many as fit `byte_bound`.
  // Without `host_memory` it only tells slots: the words are elsewhere.
  HistogramPool(Growth& growth, int64_t word_count, int64_t byte_bound, bool host_memory = true);
  // Gives `node` a slot. Takes one from another node if none is free: never from `keep`.
  void acquire(int32_t node, int32_t keep);
  void release(int32_t node);
  // Hands the slot of one node on to another.
  void move(int32_t from, int32_t to);
  int64_t* words(int32_t node);
  // Whether so many more nodes get a slot without taking one from another.
  bool has_room(size_t nodes) const {
    return free_.size() + (slot_bound_ - slots_.size()) >= nodes;
  }
  // Slots that there may be.
  size_t slot_bound() const { return slot_bound_; }

 private:
  int32_t take_back(int32_t node, int32_t keep);

  Growth& growth_;
  int64_t word_count_;
  bool host_memory_;
  size_t slot_bound_;
  std::vector<BigBuffer<int64_t>> slots_;
  std::vector<int32_t> free_;
  std::vector<int32_t> owners_;  // of each slot: a node
};

}  // namespace assay::backends::cpu
