// What the FPGA kernels should cost on named cards, worked out from the formulas in their headers
// and the cards' data sheets, as JSON for bench/fpga/report. Nothing here is measured; what is
// assumed beside those formulas stands in kAssumptions and is printed too.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "backends/xrt/hls/gemm.h"
#include "backends/xrt/hls/knn_topk.h"
#include "backends/xrt/hls/predict_trees.h"
#include "backends/xrt/hls/split_scan.h"
#include "backends/xrt/hls/tree_histogram.h"
#include "backends/xrt/knn_parts.h"
#include "backends/xrt/predict_parts.h"

namespace {

using namespace assay_hls;  // NOLINT: the formulas are what this program is about
using assay::backends::xrt::kPartRows;
using assay::backends::xrt::queries_at_once;
using assay::backends::xrt::trees_at_once;

struct Assumptions {
  double burst_share = 0.8;       // of a channel's rate, for bursts
  double scattered_share = 0.5;   // likewise, for single lines in ascending order
  double link_share = 0.8;        // of the PCIe rate
  double launch_seconds = 50e-6;  // of a kernel call, through XRT
  double sync_seconds = 25e-6;    // of a transfer of whatever size (a descriptor, its interrupt)
};
constexpr Assumptions kAssumptions;

// Compute units, as backends/xrt/hls/kernels.list has them.
constexpr int64_t kHistogramUnits = 2;
constexpr int64_t kPredictUnits = 2;

// A problem on a card, in seconds. `hidden` is what crosses the link while kernels run.
struct Plan {
  double kernels = 0;
  double link = 0;
  double launches = 0;
  double syncs = 0;
  double hidden = 0;
  double total() const { return kernels + link - hidden + launches + syncs; }
  void launch(int64_t times) {
    launches += static_cast<double>(times) * kAssumptions.launch_seconds;
  }
  void sync(int64_t times) { syncs += static_cast<double>(times) * kAssumptions.sync_seconds; }
  // The share of the total that would go if all of the link were hidden.
  double still_hideable() const { return (link - hidden) / total(); }
};

struct Workload {
  std::string name;
  std::string cpu_bench;  // of kernel_bench, with the same problem; empty: the CPU has none
  std::string note;
  Plan (*plan)(const Card&);
};

// `bytes` of all ports and units that are at work at once: they share the build's channels.
double burst_seconds(const Card& card, double bytes) {
  const double rate = card.channel_bytes_per_second * card.build_channels;
  return bytes / (rate * kAssumptions.burst_share);
}
double gather_seconds(const Card& card, double bytes) {
  const double rate = card.channel_bytes_per_second * card.build_channels;
  return bytes / (rate * kAssumptions.scattered_share);
}
double link_seconds(const Card& card, double bytes) {
  return bytes / (card.link_bytes_per_second * kAssumptions.link_share);
}

// One node's histogram on `units` at once, each a block of its columns: cycles, or what all of them
// ask memory for.
double histogram_seconds(const Card& card, const HistogramWork& work, int64_t units) {
  const double bytes = static_cast<double>(units) * histogram_bytes(work);
  return std::max(histogram_cycles(work) / kClockHz, gather_seconds(card, bytes));
}

// A node's row numbers, the list of nodes to scan and that of columns, and what was found: as
// card_histograms.cc and card_splitter.cc send and fetch them.
constexpr int64_t kSyncsOfSplit = 4;

// A tree of 31 leaves whose splits halve their nodes, in levels of 1, 2, 4, 8 and 15 splits: the
// root's rows, then the smaller child of each split, its sibling by subtraction; a scan of both.
Plan grow_tree(const Card& card, int64_t rows, int64_t columns) {
  const int64_t levels[] = {1, 2, 4, 8, 15};
  const int64_t codes = columns * 255;
  const int64_t blocks = divide_up(columns, kHistogramColumns);
  const int64_t units = std::min(blocks, kHistogramUnits);
  const double rounds = static_cast<double>(divide_up(blocks, units));
  const int64_t width = std::min<int64_t>(columns, kHistogramColumns);
  HistogramWork work{
      rows, width, histogram_lines(width, 1), histogram_lines(4, 1), width * 255, 255, 1, false};
  const auto scan = [&](int64_t nodes) {
    return scan_cycles({nodes, columns, codes, 255, 1, false}) / kClockHz;
  };
  Plan plan;
  plan.kernels = rounds * histogram_seconds(card, work, units) + scan(1);
  double listed = static_cast<double>(rows);
  double share = 1;
  work.rest = true;
  for (const int64_t splits : levels) {
    share /= 2;
    work.rows = static_cast<int64_t>(static_cast<double>(rows) * share);
    work.lines_per_row = histogram_lines(width, share);
    work.packed_lines = histogram_lines(4, share);
    plan.kernels +=
        static_cast<double>(splits) * (rounds * histogram_seconds(card, work, units) + scan(2));
    plan.launch(splits * (blocks + 1));
    plan.sync(splits * kSyncsOfSplit);
    listed += static_cast<double>(splits * work.rows);
  }
  plan.launch(blocks + 1);
  plan.sync(kSyncsOfSplit + 2 + blocks);  // packed gradients, rules, and each block's codes
  plan.link = link_seconds(card, 4.0 * static_cast<double>(rows) + 4.0 * listed);
  return plan;
}
Plan grow_million(const Card& card) { return grow_tree(card, 1'000'000, 28); }
Plan grow_wide(const Card& card) { return grow_tree(card, 20'000, 2'000); }

Plan predict(const Card& card, const PredictWork& work) {
  // As the host does it: parts of rows on the units in turn, some trees of all parts at a time,
  // scores to and fro each time.
  const int64_t step = trees_at_once(work.rows);
  const int64_t parts = divide_up(work.rows, kPartRows);
  Plan plan;
  double runs = 0;
  for (int64_t tree = 0; tree < work.trees; tree += step) {
    std::array<double, kPredictUnits> busy{};
    PredictWork run = work;
    run.trees = std::min(step, work.trees - tree);
    for (int64_t part = 0; part < parts; ++part) {
      run.rows = std::min(kPartRows, work.rows - part * kPartRows);
      const auto units = static_cast<double>(std::min(parts, kPredictUnits));
      busy[static_cast<size_t>(part % kPredictUnits)] +=
          std::max(predict_cycles(run) / kClockHz, burst_seconds(card, units * predict_bytes(run)));
    }
    plan.kernels += *std::max_element(busy.begin(), busy.end());
    plan.launch(parts);
    plan.sync(2 * parts);  // scores to and fro
    ++runs;
  }
  plan.sync(parts * divide_up(work.features, 64));  // cells, once
  const auto outputs = static_cast<double>(work.outputs);
  plan.link = link_seconds(card, static_cast<double>(work.rows) *
                                     (static_cast<double>(work.features) + 16 * outputs * runs));
  // A part's cells and scores are sent while the part before is computed, and its scores come back
  // while the next one is: all but the first part's way in and the last one's out, of each round.
  const auto edge = static_cast<double>(std::min(work.rows, kPartRows));
  const double bare =
      link_seconds(card, edge * (static_cast<double>(work.features) + 16 * outputs * runs));
  plan.hidden = std::min(plan.kernels, std::max(0.0, plan.link - bare));
  return plan;
}
Plan predict_batch(const Card& card) { return predict(card, {100'000, 28, 100, 61, 9, 1, 1}); }
Plan predict_large(const Card& card) { return predict(card, {100'000, 28, 100, 509, 14, 1, 1}); }
Plan predict_one(const Card& card) { return predict(card, {1, 28, 100, 61, 9, 1, 1}); }

Plan multiply(const Card& card, int64_t size, int64_t bytes) {
  const GemmWork work{size, size, size, bytes};
  Plan plan;
  plan.kernels = std::max(gemm_cycles(work) / kClockHz, gather_seconds(card, gemm_bytes(work)));
  const auto cells = static_cast<double>(size * size);
  plan.link = link_seconds(card, cells * static_cast<double>(bytes) + 4 * cells);
  plan.launch(1);
  plan.sync(2);  // one operand, and the product
  return plan;
}
Plan gemm_f32_1024(const Card& card) { return multiply(card, 1024, 4); }
Plan gemm_bf16_1024(const Card& card) { return multiply(card, 1024, 2); }
Plan gemm_int8_1024(const Card& card) { return multiply(card, 1024, 1); }

Plan knn(const Card& card) {
  const KnnWork work{100'000, 1'000, 64, 10};
  Plan plan;
  plan.kernels = std::max(knn_cycles(work) / kClockHz, gather_seconds(card, knn_bytes(work)));
  plan.link = link_seconds(card, 4.0 * 1'000 * 64 + 8.0 * 1'000 * 10);
  const int64_t launches = divide_up(work.queries, queries_at_once(work.points, work.dim));
  plan.launch(launches);
  plan.sync(3 * launches);  // queries, indices, distances
  return plan;
}

const Workload kWorkloads[] = {
    {"a boosted tree: 1,000,000 rows x 28, 31 leaves",
     "grow_tree/rows:1000000/features:28/leaves:31/kind:0/real_time",
     "histograms and scans; the CPU's figure has quantising and dividing the rows too",
     grow_million},
    {"a boosted tree: 20,000 rows x 2,000, 31 leaves",
     "grow_tree/rows:20000/features:2000/leaves:31/kind:0/real_time", "likewise", grow_wide},
    {"100 trees of 31 leaves, 100,000 rows x 28",
     "predict_trees/rows:100000/trees:100/leaves:31/real_time", "depth 9", predict_batch},
    {"100 trees of 255 leaves, 100,000 rows x 28",
     "predict_trees/rows:100000/trees:100/leaves:255/real_time", "depth 14", predict_large},
    {"100 trees of 31 leaves, one row", "predict_trees/rows:1/trees:100/leaves:31/real_time",
     "latency", predict_one},
    {"a layer of 1024 x 1024 for 1024 rows, f32",
     "gemm/m:1024/n:1024/k:1024/transpose_a:0/real_time", "weights on the card", gemm_f32_1024},
    {"the same, bfloat16", "gemm_bf16/m:1024/n:1024/k:1024/real_time", "weights on the card",
     gemm_bf16_1024},
    {"the same, int8", "gemm_int8/m:1024/n:1024/k:1024/real_time", "weights on the card",
     gemm_int8_1024},
    {"10 nearest of 100,000 points of 64, 1,000 queries",
     "knn_topk/points:100000/queries:1000/dim:64/k:10/real_time", "points on the card", knn},
};

struct Unit {
  const char* name;
  int64_t units;
  Resources resources;
};
const Unit kUnits[] = {
    {"tree_histogram", kHistogramUnits, histogram_resources()},
    {"split_scan", 1, scan_resources()},
    {"predict_trees", kPredictUnits, predict_resources()},
    {"gemm_f32", 1, gemm_resources(4)},
    {"gemm_bf16", 1, gemm_resources(2)},
    {"gemm_int8", 1, gemm_resources(1)},
    {"knn_topk", 1, knn_resources()},
};

std::string resources_json(const Resources& resources) {
  return fmt::format(R"("dsp": {}, "bram": {}, "uram": {})", resources.dsp, resources.bram,
                     resources.uram);
}

// The items, one a line, with commas between.
std::string list_json(const std::vector<std::string>& items) {
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "\n  " : ",\n  ") + item;
  return "[" + list + "]";
}

std::string cards_json() {
  std::vector<std::string> items;
  for (const Card& card : kCards) {
    items.push_back(fmt::format(
        R"({{"name": "{}", "source": "{}", "memory": "{}", "memory_gb_s": {}, "channel_gb_s": {}, "build_channels": {}, )"
        R"("link_gb_s": {}, {}}})",
        card.name, card.source, card.memory, card.memory_bytes_per_second * 1e-9,
        card.channel_bytes_per_second * 1e-9, card.build_channels,
        card.link_bytes_per_second * 1e-9, resources_json(card.resources)));
  }
  return list_json(items);
}

std::string kernels_json() {
  std::vector<std::string> items;
  for (const Unit& unit : kUnits) {
    items.push_back(fmt::format(R"({{"name": "{}", "units": {}, {}}})", unit.name, unit.units,
                                resources_json(unit.resources)));
  }
  return list_json(items);
}

std::string workloads_json() {
  std::vector<std::string> items;
  for (const Workload& work : kWorkloads) {
    std::vector<std::string> plans;
    for (const Card& card : kCards) {
      const Plan plan = work.plan(card);
      plans.push_back(fmt::format(
          R"({{"card": "{}", "kernels": {:.4g}, "link": {:.4g}, "launches": {:.4g}, "syncs": {:.4g}, )"
          R"("hidden": {:.4g}, "still_hideable": {:.4g}, "total": {:.4g}}})",
          card.name, plan.kernels, plan.link, plan.launches, plan.syncs, plan.hidden,
          plan.still_hideable(), plan.total()));
    }
    items.push_back(fmt::format(R"({{"name": "{}", "cpu_bench": "{}", "note": "{}", "plans": {}}})",
                                work.name, work.cpu_bench, work.note, list_json(plans)));
  }
  return list_json(items);
}

}  // namespace

int main() {
  fmt::print(
      "{{\"clock_mhz\": {},\n \"assumptions\": {{\"burst_share\": {}, \"scattered_share\": {}, "
      "\"link_share\": {}, \"launch_us\": {}, \"sync_us\": {}}},\n \"cards\": {},\n \"kernels\": "
      "{},\n "
      "\"workloads\": {}}}\n",
      kClockHz * 1e-6, kAssumptions.burst_share, kAssumptions.scattered_share,
      kAssumptions.link_share, kAssumptions.launch_seconds * 1e6, kAssumptions.sync_seconds * 1e6,
      cards_json(), kernels_json(), workloads_json());
  return 0;
}
