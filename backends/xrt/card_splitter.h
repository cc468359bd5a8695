// Splits the nodes of a tree with histograms, and where it can the search for splits, on the card;
// rows are divided by the host. Numeric features without constraints, random thresholds or more
// than eight classes are searched by kernel split_scan; the others by the CPU's code, from words
// that are brought to it. Either way the tree has the CPU's bits.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/cpu/grow_tree_pool.h"
#include "backends/cpu/grow_tree_search.h"
#include "backends/cpu/grow_tree_splitter.h"
#include "backends/xrt/card_histograms.h"

namespace assay::backends::xrt {

class CardSplitter final : public cpu::NodeSplitter {
 public:
  // `growth` quantised and in order. All three must outlive it.
  // Fails: resource_exhausted; device.
  static Result<std::unique_ptr<CardSplitter>> make(CardLease& lease, cpu::Growth& growth,
                                                    const cpu::SplitSearch& search);
  Status open_root() override;
  Status split(int32_t node, int64_t least_rows) override;
  Status split_last(int32_t node) override;

 private:
  // A node whose words are in a slot, and to be searched.
  struct Job {
    int32_t node = -1;
    int64_t slot = 0;
  };
  CardSplitter(XrtDevice& device, cpu::Growth& growth, const cpu::SplitSearch& search);
  cpu::GrownNode& node_at(int32_t index) { return growth_.nodes[static_cast<size_t>(index)]; }
  bool wanted(int32_t node, int64_t least_rows) {
    return growth_.may_split(node_at(node)) && node_at(node).row_count() > least_rows;
  }
  Status divide(int32_t node);
  Status open(int32_t node);
  Status open_sampled(int32_t node);
  Status open_children(int32_t node, int64_t least_rows);
  // Makes what is in the batch and finds the jobs' best splits.
  Status search(Batch& batch, const CardPlan& plan, const std::vector<Job>& jobs);
  Status place_scan(const CardPlan& plan, const std::vector<Job>& jobs);
  void add_scan(Batch& batch, const CardPlan& plan, const std::vector<Job>& jobs);
  // Whether the card searches this feature.
  bool scans(int32_t feature) const;
  void take_results(const CardPlan& plan, const Job& job, size_t place);
  void search_words(const CardPlan& plan, const Job& job, const cpu::NodeSearch& view);
  void keep_or_release(int32_t node);

  XrtDevice& device_;
  cpu::Growth& growth_;
  const cpu::SplitSearch& search_;
  CardPlan plan_;       // all usable features
  bool scans_ = false;  // whether split_scan is used
  bool hosts_ = false;  // whether the host searches any feature
  cpu::HistogramPool pool_;
  std::unique_ptr<CardHistograms> histograms_;
  kernels::DeviceArray<int64_t> nodes_;
  kernels::DeviceArray<int32_t> columns_;
  kernels::DeviceArray<double> rules_;
  kernels::DeviceArray<uint64_t> best_;
  cpu::SearchScratch scratch_;
  std::vector<int64_t> own_words_;
};

// Histograms for the host's search: what symmetric trees are grown with.
class CardSource final : public cpu::HistogramSource {
 public:
  // Fails: resource_exhausted; device.
  static Result<std::unique_ptr<CardSource>> make(CardLease& lease, const cpu::Growth& growth);
  Status build(const cpu::ColumnPlan& plan, std::span<const uint32_t> rows,
               int64_t* words) override;

 private:
  explicit CardSource(const cpu::Growth& growth);
  const cpu::Growth& growth_;
  CardPlan plan_;
  std::unique_ptr<CardHistograms> histograms_;
  std::vector<int64_t> own_words_;
};

}  // namespace assay::backends::xrt
