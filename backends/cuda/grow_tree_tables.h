// TreeTables: what growing trees of one table on the GPU takes in whatever order their nodes are
// split: where the table's cells are, the rules of the trees, the features and where they are in a
// histogram, and the memory of the histograms, in slots. A part of TreeRounds and TreeLevels, which
// use it as their own. Not thread-safe; the device must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/exchange.h"
#include "backends/cuda/grow_tree_replay.h"
#include "backends/cuda/tile_stream.h"
#include "backends/cuda/tile_window.h"
#include "backends/cuda/tree_tasks.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

struct GrowingTree;

class TreeTables {
 public:
  const TreeRules* rules() const { return rules_.on_device(); }

 protected:
  TreeTables(CudaDevice& device, const kernels::BinnedView& bins) : device_(&device), bins_(bins) {}
  // Finds the table's forms, or makes the stream of its tiles if it is in the host's memory.
  // Fails: resource_exhausted, device.
  Status place_cells(const kernels::OpContext& context);
  // To be called behind that. `rules` of the trees must be set. Fails: resource_exhausted, device.
  Status place_tables(std::span<const GrowingTree> trees);
  // Tiles that a launch reads.
  struct Tiles {
    TileWindow window;
    const int32_t* numbers;  // the GPU's
    int64_t count;
  };
  // Calls launch(tiles) for all tiles that nodes may split on: once, or for each that streams.
  Status over_tiles(FunctionRef<Status(const Tiles&)> launch);
  // Likewise for the tiles of `features`, which may be named more than once.
  Status over_splits(std::vector<int32_t> features, FunctionRef<Status(const Tiles&)> launch);
  bool counts_classes() const { return most_classes_ > 0; }
  const uint8_t* columns() const {
    return forms_ == nullptr ? nullptr : forms_->columns.on_device();
  }
  // Histograms that there is memory for, half of what is free at most.
  int64_t slot_room() const;
  // Makes `count` slots, all free, or fewer where trees of other threads took what was free,
  // `least` all the same. Fails: resource_exhausted, device.
  Status allocate_slots(int64_t count, int64_t least);
  int32_t take_slot();
  // What divides the node by its split.
  SplitTask task_of(const GrownNode& node, int32_t tree) const;
  // So many rows a chunk of `rows` in all that the GPU is busy, and most of a block's time is
  // adding.
  int32_t chunk_rows_of(int64_t rows) const;

  CudaDevice* device_;
  kernels::BinnedView bins_;            // the GPU's bins; bin_counts and kinds are the host's
  CudaDevice::Forms forms_;             // of the bins, or null
  std::unique_ptr<TileStream> stream_;  // of bins that are the host's, else null
  int32_t tile_width_ = 1;
  std::vector<int32_t> tile_list_;  // that nodes may split on, ascending
  int32_t feature_limit_ = 0;       // the most features that a node looks at
  bool samples_columns_ = false;    // whether nodes look at some of the features only
  int32_t most_bins_ = 1;           // of a feature
  int32_t most_classes_ = 0;        // of a tree; 0: gradient mode
  int64_t plane_size_ = 0;          // words of a histogram, or of one class in it
  int64_t slot_size_ = 0;           // words of a histogram
  std::vector<int32_t> free_slots_;
  kernels::DeviceArray<TreeRules> rules_;
  kernels::DeviceArray<int32_t> tiles_;  // tile_list_
  kernels::DeviceArray<int32_t> bin_offsets_;
  kernels::DeviceArray<int32_t> bin_counts_;
  kernels::DeviceArray<uint8_t> categorical_;
  kernels::DeviceArray<uint64_t> histograms_;
};

}  // namespace assay::backends::cuda
