// Histograms on the card: the plan of a node's columns as kernel tree_histogram wants them, and the
// buffers of one tree. Words of several nodes lie in slots of one buffer; what a node's histogram
// is made of stays on the card between its parent's split and its own. One tree at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/grow_tree_growth.h"
#include "backends/xrt/xrt_device.h"
#include "kernels/device_array.h"

namespace assay::backends::xrt {

// Classes that the kernels count at a time.
inline constexpr int32_t kCardLanes = 8;

// Where the columns of a histogram are in a slot. Columns come in groups of a block of the table;
// with more classes than kCardLanes there is a part for each window of classes.
struct CardPlan {
  struct Group {
    int32_t block = 0;
    std::vector<int32_t> starts;  // [width + 1], as the kernel has them
    int64_t begin = 0;            // first word in the slot
  };
  struct Column {
    int32_t feature = 0;
    int32_t group = 0;
    int32_t start = 0;  // number of its first code in the group
  };
  std::vector<Group> groups;
  std::vector<Column> columns;  // features ascending
  int32_t lanes = 1;
  int64_t word_count = 0;  // of a slot, a multiple of 8

  // `features` ascending.
  static CardPlan make(const kernels::BinnedView& view, std::span<const int32_t> features,
                       int32_t lanes);
  int32_t window_count() const { return (lanes + kCardLanes - 1) / kCardLanes; }
  int32_t window_lanes(int32_t window) const {
    return std::min(kCardLanes, lanes - window * kCardLanes);
  }
  int64_t window_begin(const Group& group, int32_t window) const;
  // The words of a column, [bin_count, lanes], from those of a slot; put together in `own` if they
  // are in several windows.
  const int64_t* words_of(const Column& column, const kernels::BinnedView& view,
                          const int64_t* slot, std::vector<int64_t>& own) const;
};

class CardHistograms {
 public:
  // Sends the table, if the card does not have it, and the quantised rows. `growth` must be
  // quantised and in order, and outlive it, as `lease` must. `slot_words` and `slots`: the room for
  // histograms. Fails: resource_exhausted; device.
  static Result<CardHistograms> make(CardLease& lease, const cpu::Growth& growth,
                                     int64_t slot_words, int64_t slots);
  // Histograms of the rows [begin, end) of growth.order into a slot; with `parent` >= 0 also what
  // is left of that slot's. Added to the batch. Fails: resource_exhausted.
  Status add(Batch& batch, const CardPlan& plan, std::span<const uint32_t> rows, int64_t slot,
             int64_t parent);
  // What plan the card knows may be gone: another may come at its address.
  void forget_plan() { placed_ = nullptr; }
  // A batch of this tree.
  Batch batch() const { return Batch(*lease_->device, growth_->context.stop, lease_); }
  // Brings a slot's words to the host.
  void fetch(Batch& batch, const CardPlan& plan, int64_t slot) const;
  const int64_t* slot_words(int64_t slot) const { return words_.on_device() + slot * slot_words_; }
  // The buffer of all slots, and where one begins in it.
  const int64_t* words() const { return words_.on_device(); }
  int64_t slot_begin(int64_t slot) const { return slot * slot_words_; }

 private:
  CardHistograms() = default;
  Status place_starts(const CardPlan& plan);

  CardLease* lease_ = nullptr;
  const cpu::Growth* growth_ = nullptr;
  kernels::DeviceArray<uint8_t> own_cells_;  // where the table is not at whole lines of its buffer
  const uint8_t* cells_ = nullptr;           // where the table's buffer begins
  int64_t cell_begin_ = 0;
  kernels::DeviceArray<uint32_t> packed_;
  kernels::DeviceArray<uint32_t> rows_;
  kernels::DeviceArray<int64_t> words_;
  std::vector<kernels::DeviceArray<int32_t>> starts_;  // of each group
  const CardPlan* placed_ = nullptr;                   // whose starts those are
  int64_t slot_words_ = 0;
};

}  // namespace assay::backends::xrt
