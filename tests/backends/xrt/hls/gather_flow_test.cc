// Whether the regions that gather from memory can hang: the steps and requests that the kernels'
// own plans make, run cycle by cycle through queues of the kernels' own depths.
#include <gtest/gtest.h>

#include <memory>

#include "backends/xrt/hls/card.h"
#include "backends/xrt/hls/line.h"
#include "tests/backends/xrt/hls/card_memory.h"
#include "tests/backends/xrt/hls/flow_model.h"

namespace assay::backends::xrt {
namespace {

using namespace assay_hls;  // NOLINT: the kernels' parts

constexpr int64_t kFlowRows = 1024;  // what hangs does so within a few hundred
// From a request to its line, with what the loop does before and behind.
constexpr auto kFetchStages = static_cast<int32_t>(kMemoryLatency) + 10;

// What the loops of a region are like.
struct FlowCase {
  FlowStyle fetch = FlowStyle::kPolling;
  FlowStyle others = FlowStyle::kStalling;
  int32_t fetch_stages = kFetchStages;
  // Of a loop that others wait for: the fork and the longer branch have four of them.
  int32_t stages = kMostHeldBack / 4;
  int32_t locate_stages = kMostHeldBack / 4;  // of the loop that one branch has more
};

std::vector<bool> fetches_of(StepStream& steps, RequestStream& requests) {
  std::vector<bool> fetches;
  int64_t asked = 0;
  while (!steps.empty()) {
    fetches.push_back(steps.read().fetch);
    asked += fetches.back() ? 1 : 0;
  }
  for (int64_t i = 0; i < asked; ++i) EXPECT_FALSE(requests.read().end);
  EXPECT_TRUE(requests.read().end);
  return fetches;
}

// A plan's iterations: whether each takes a place, asks for a line, and gives an item.
struct PlanStep {
  bool takes = true;
  bool fetch = false;
  bool give = true;
};

std::vector<PlanStep> plan_of_words(const std::vector<uint32_t>& rows) {
  WordStream places("places");
  RequestStream requests("requests");
  StepStream steps("steps");
  for (const uint32_t row : rows) places.write(row);
  plan_words(places, 0, static_cast<int64_t>(rows.size()), requests, steps);
  std::vector<PlanStep> plan;
  for (const bool fetch : fetches_of(steps, requests)) plan.push_back({true, fetch, true});
  return plan;
}

std::vector<PlanStep> plan_of_rows(const std::vector<uint32_t>& rows, int32_t width) {
  WordStream numbers("rows");
  PlaceStream places("places");
  RequestStream requests("requests");
  StepStream steps("steps");
  const auto count = static_cast<int64_t>(rows.size());
  for (const uint32_t row : rows) numbers.write(row);
  locate_rows(numbers, 0, width, count, places);
  plan_rows(places, count, requests, steps);
  std::vector<PlanStep> plan;
  bool takes = true;
  while (!steps.empty()) {
    const GatherStep step = steps.read();
    plan.push_back({takes, step.fetch, step.give});
    takes = step.give;
    if (step.fetch) {
      EXPECT_FALSE(requests.read().end);
    }
  }
  EXPECT_TRUE(requests.read().end);
  return plan;
}

class Region {
 public:
  explicit Region(const FlowCase& flow) : flow_(flow) {}

  FlowQueue* queue(int64_t depth = kQueueDepth) { return &queues_.emplace_back(FlowQueue{depth}); }
  void loop(const char* name, std::vector<FlowStep> steps) {
    loops_.emplace_back(name, flow_.others, flow_.stages, std::move(steps));
  }
  void locate(int64_t count, FlowQueue* from, FlowQueue* to) {
    const FlowStep step{{from}, {{to, flow_.locate_stages - 1}}};
    loops_.emplace_back("locate", flow_.others, flow_.locate_stages,
                        std::vector<FlowStep>(static_cast<size_t>(count), step));
  }
  // A loop of `count` steps that takes from one queue, if there is one, and gives to others.
  void pass(const char* name, int64_t count, FlowQueue* from, const std::vector<FlowQueue*>& to) {
    FlowStep step;
    if (from != nullptr) step.takes = {from};
    for (FlowQueue* target : to) step.gives.push_back({target, flow_.stages - 1});
    loop(name, std::vector<FlowStep>(static_cast<size_t>(count), step));
  }
  // Plan, fetch and assemble: items of `places` to `items`.
  void gather(const std::vector<PlanStep>& plan, FlowQueue* places, FlowQueue* items) {
    FlowQueue* requests = queue();
    FlowQueue* steps = queue(kStepDepth);
    FlowQueue* lines = queue();
    std::vector<FlowStep> planned;
    std::vector<FlowStep> fetched;
    std::vector<FlowStep> assembled;
    for (const PlanStep& step : plan) {
      FlowStep own;
      if (step.takes) own.takes = {places};
      FlowStep next;
      next.takes = {steps};
      if (step.fetch) {
        // As far apart as they can be.
        own.gives.push_back({requests, 0});
        next.takes.push_back(lines);
        fetched.push_back({{requests}, {{lines, flow_.fetch_stages - 1}}});
      }
      own.gives.push_back({steps, flow_.stages - 1});
      if (step.give) next.gives.push_back({items, flow_.stages - 1});
      planned.push_back(std::move(own));
      assembled.push_back(std::move(next));
    }
    planned.push_back({{}, {{requests, 0}}});  // the end
    fetched.push_back({{requests}, {}});
    loop("plan", std::move(planned));
    loops_.emplace_back("fetch", flow_.fetch, flow_.fetch_stages, std::move(fetched));
    loop("assemble", std::move(assembled));
  }
  int64_t run() { return run_flow(loops_, queues_); }

 private:
  FlowCase flow_;
  std::deque<FlowQueue> queues_;
  std::vector<FlowLoop> loops_;
};

// add_tile of tree_histogram: rows go to two gathers, and meet in the sums.
int64_t histogram_cycles_of(const FlowCase& flow, const std::vector<uint32_t>& rows,
                            int32_t width) {
  Region region(flow);
  const auto count = static_cast<int64_t>(rows.size());
  FlowQueue* numbers = region.queue();
  FlowQueue* for_packed = region.queue();
  FlowQueue* for_cells = region.queue();
  FlowQueue* places = region.queue();
  FlowQueue* packed = region.queue();
  FlowQueue* cells = region.queue();
  region.pass("rows", count, nullptr, {numbers});
  region.pass("copy", count, numbers, {for_packed, for_cells});
  region.gather(plan_of_words(rows), for_packed, packed);
  region.locate(count, for_cells, places);
  region.gather(plan_of_rows(rows, width), places, cells);
  FlowStep add;
  add.takes = {cells, packed};
  region.loop("add", std::vector<FlowStep>(rows.size(), add));
  return region.run();
}

// load_block of predict_trees, and what gemm and knn load: one gather, whose items are stored.
int64_t load_cycles_of(const FlowCase& flow, const std::vector<uint32_t>& rows, int32_t width) {
  Region region(flow);
  const auto count = static_cast<int64_t>(rows.size());
  FlowQueue* numbers = region.queue();
  FlowQueue* places = region.queue();
  FlowQueue* cells = region.queue();
  region.pass("rows", count, nullptr, {numbers});
  region.locate(count, numbers, places);
  region.gather(plan_of_rows(rows, width), places, cells);
  region.pass("store", count, cells, {});
  return region.run();
}

struct Rows {
  const char* name;
  std::vector<uint32_t> rows;
};

std::vector<Rows> row_lists() {
  std::vector<Rows> lists;
  for (const auto& [name, step] :
       {std::pair{"in order", 1u}, {"every 2nd", 2u}, {"every 16th", 16u}}) {
    Rows& list = lists.emplace_back(Rows{name, {}});
    for (uint32_t i = 0; i < kFlowRows; ++i) list.rows.push_back(i * step);
  }
  Rng rng(1);
  Rows& shares = lists.emplace_back(Rows{"a tenth, by chance", {}});
  for (uint32_t row = 0; shares.rows.size() < kFlowRows; ++row) {
    if (rng.below(10) == 0) shares.rows.push_back(row);
  }
  Rows& any = lists.emplace_back(Rows{"any order", {}});
  for (int64_t i = 0; i < kFlowRows; ++i)
    any.rows.push_back(static_cast<uint32_t>(rng.below(100'000)));
  Rows& one = lists.emplace_back(Rows{"one row again and again", {}});
  one.rows.assign(kFlowRows, 7);
  return lists;
}

constexpr int32_t kWidths[] = {1, 8, 28, 64};

TEST(GatherFlow, ComesToItsEndInEveryStyle) {
  for (const Rows& list : row_lists()) {
    for (const int32_t width : kWidths) {
      for (const FlowStyle others : {FlowStyle::kStalling, FlowStyle::kFlushing}) {
        for (const FlowStyle fetch : {FlowStyle::kPolling, FlowStyle::kFlushing}) {
          // Spread over all loops, and all in one.
          for (const int32_t stages : {kMostHeldBack / 4, 2}) {
            const FlowCase flow{fetch, others, kFetchStages, stages, kMostHeldBack - 3 * stages};
            SCOPED_TRACE(std::string(list.name) + ", " + std::to_string(width) + " columns");
            EXPECT_GT(histogram_cycles_of(flow, list.rows, width), kFlowRows);
            EXPECT_GT(load_cycles_of(flow, list.rows, width), kFlowRows);
          }
        }
      }
    }
  }
}

// Memory that is slower than planned costs time, and hangs nothing.
TEST(GatherFlow, ComesToItsEndWithSlowMemory) {
  for (const Rows& list : row_lists()) {
    for (const int32_t stages : {1, 20, 500}) {
      FlowCase flow;
      flow.fetch_stages = stages;
      EXPECT_GT(histogram_cycles_of(flow, list.rows, 28), kFlowRows) << list.name;
    }
  }
}

// One row a cycle, as the formula of tree_histogram has it: rows in order, at any width.
TEST(GatherFlow, TakesARowACycleWhereRowsLieTogether) {
  for (const int32_t width : {8, 64}) {
    const int64_t cycles = histogram_cycles_of({}, row_lists()[0].rows, width);
    EXPECT_LE(cycles, kFlowRows + 2 * kMemoryLatency) << width;
  }
}

// What the vendor's default style makes of a fetch that waits for its requests: the lines that
// would let the plan go on stand still with it.
TEST(GatherFlow, AFetchThatWaitsHangs) {
  const FlowCase flow{FlowStyle::kStalling, FlowStyle::kStalling};
  for (const int32_t width : {8, 28}) {
    for (const size_t list : {size_t{0}, size_t{1}}) {  // in order, every 2nd
      EXPECT_EQ(histogram_cycles_of(flow, row_lists()[list].rows, width), -1) << width;
    }
  }
  EXPECT_EQ(histogram_cycles_of(flow, row_lists()[0].rows, 64), -1);
  EXPECT_EQ(load_cycles_of(flow, row_lists()[0].rows, 8), -1);
}

// What the bound on stages is for: loops that keep back more than a queue of the other branch
// takes.
TEST(GatherFlow, LoopsOfTooManyStagesHang) {
  FlowCase flow;
  flow.locate_stages = 600;
  EXPECT_EQ(histogram_cycles_of(flow, row_lists()[0].rows, 28), -1);
}

// The kernels' own fetch: it looks for requests, and gives what was asked for before they end.
TEST(FetchLines, GoesOnWithoutARequest) {
  CardArray<uint32_t> memory(16 * 8);
  for (uint32_t i = 0; i < 16 * 8; ++i) memory[i] = i / 16;
  RequestStream requests("requests");
  LineStream lines("lines");
  std::vector<LineRequest> later = {{5, false}, {2, false}, {0, true}};
  size_t next = 0;
  hls::missed_poll() = [&] {
    // What was asked for is there before more is asked for.
    EXPECT_EQ(lines.size(), next);
    requests.write(later.at(next++));
  };
  fetch_lines(memory.lines(), requests, lines);
  hls::missed_poll() = {};
  EXPECT_EQ(word_of(lines.read(), 0), 5u);
  EXPECT_EQ(word_of(lines.read(), 0), 2u);
  EXPECT_TRUE(lines.empty());
}

}  // namespace
}  // namespace assay::backends::xrt
