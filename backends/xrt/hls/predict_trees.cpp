// See predict_trees.h.
#include "backends/xrt/hls/predict_trees.h"

#include "backends/xrt/hls/kernels.h"
#include "backends/xrt/hls/line.h"

namespace assay_hls {
namespace {

// The tile, 8 cells a word; an engine's row takes `row_words` words.
typedef uint64_t EngineCells[kPredictCells / 8];
// Node n of the page: feature | left << 32. A leaf has feature -1, and in place of `left` its
// number or, with one output, its value.
typedef uint64_t NodeHeads[kPredictPage];
// threshold | missing_left << 8 | categorical << 9 | category set << 32.
typedef uint64_t NodeTails[kPredictPage];
typedef uint64_t NodeSets[4][kPredictPage];
// A row in a tree: its node, or kArrived and what the leaf has.
typedef uint64_t RowStates[kPredictRows];

constexpr uint64_t kArrived = uint64_t{1} << 32;
constexpr uint64_t kMissingLeft = 1 << 8;
constexpr uint64_t kCategorical = 1 << 9;
constexpr int32_t kChunkNodes = 256;  // 4 KiB

// A tree in an engine.
struct TreeTask {
  int64_t first_node;
  int64_t first_set;
  int64_t first_leaf;
  int32_t end;  // nodes that are known to be there
};

// A row's way to and from memory.
struct TileShape {
  int64_t first;  // position
  int32_t rows;
  int32_t row_words;
};

// A float as a double, of any kind: the vendor's conversion takes subnormal numbers for 0.
double widen(uint32_t bits) {
#pragma HLS inline
  const uint64_t sign = static_cast<uint64_t>(bits >> 31) << 63;
  const uint32_t exponent = (bits >> 23) & 0xff;
  const uint32_t fraction = bits & 0x7fffff;
  if (exponent == 0 && fraction == 0) return double_of(sign);
  if (exponent == 255) {
    return double_of(sign | (uint64_t{0x7ff} << 52) | (static_cast<uint64_t>(fraction) << 29));
  }
  const int shift = exponent == 0 ? __builtin_clz(fraction) - 8 : 0;
  const uint64_t rest = (static_cast<uint64_t>(fraction) << shift) & 0x7fffff;
  const int64_t wide = exponent == 0 ? 897 - shift : static_cast<int64_t>(exponent) + 896;
  return double_of(sign | (static_cast<uint64_t>(wide) << 52) | (rest << 29));
}

void store_numbers(WordStream& numbers, int32_t count, uint32_t ids[kPredictRows]) {
store_numbers:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    ids[i] = numbers.read();
  }
}

void read_numbers(const ap_uint<512>* rows, int64_t first, int32_t count,
                  uint32_t ids[kPredictRows]) {
#pragma HLS dataflow
  LineStream lines("lines of rows");
  WordStream numbers("row numbers");
  fetch_elements<4>(rows, first, count, lines);
  unpack_words(lines, first, count, numbers);
  store_numbers(numbers, count, ids);
}

void count_numbers(int64_t first, int32_t count, uint32_t ids[kPredictRows]) {
count_numbers:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    ids[i] = static_cast<uint32_t>(first + i);
  }
}

void list_rows(const uint32_t ids[kPredictRows], int32_t count, WordStream& rows) {
list_rows:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    rows.write(ids[i]);
  }
}

// A row's line of a block goes to every engine, a word a cycle.
void store_cells(LineStream& rows, const TileShape& tile, int32_t block,
                 EngineCells cells[kPredictEngines]) {
  Line line;
  int32_t row_begin = block * 8;
store_cells:
  for (int32_t i = 0; i < tile.rows * 8; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 8 max = 8192
    const int32_t slot = i & 7;
    if (slot == 0) line = rows.read();
    const uint64_t word = long_of(line, slot);
    for (int32_t e = 0; e < kPredictEngines; ++e) {
#pragma HLS unroll
      cells[e][row_begin + slot] = word;
    }
    if (slot == 7) row_begin += tile.row_words;
  }
}

void load_block(const ap_uint<512>* table, int64_t cell_begin, int32_t width,
                const uint32_t ids[kPredictRows], const TileShape& tile, int32_t block,
                EngineCells cells[kPredictEngines]) {
#pragma HLS dataflow
  WordStream rows("rows of a tile");
  PlaceStream places("places of rows");
  RequestStream requests("cell requests");
  StepStream steps("cell steps");
  LineStream lines("cell lines");
  LineStream cell_rows("cell rows");
  list_rows(ids, tile.rows, rows);
  locate_rows(rows, cell_begin, width, tile.rows, places);
  plan_rows(places, tile.rows, requests, steps);
  fetch_lines(table, requests, lines);
  assemble_rows(steps, lines, tile.rows, cell_rows);
  store_cells(cell_rows, tile, block, cells);
}

void load_scores(const double* scores, int64_t first, int32_t count, double sums[kPredictScores]) {
load_scores:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
    sums[i] = scores[first + i];
  }
}

void store_scores(const double sums[kPredictScores], int64_t first, int32_t count, double* scores) {
store_scores:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
    scores[first + i] = sums[i];
  }
}

void read_chunk(const ap_uint<512>* nodes, int64_t first, int32_t count, Line* chunk) {
read_chunk:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    chunk[i] = nodes[first + i];
  }
}

// Nodes [page_first, page_first + kPredictPage) of a tree, or up to its end, which the splits on
// the way tell: a split's children are the nodes left and left + 1. Whether there is a next node
// hangs on the one before, hence the interval of 3.
// (Engine e of all: HLS takes memories that were partitioned as a whole.)
void load_page(const ap_uint<512>* nodes, int32_t page_first, int32_t e, TreeTask& task,
               NodeHeads heads[kPredictEngines], NodeTails tails[kPredictEngines]) {
  Line chunk[kChunkNodes / 4];
  int32_t end = task.end;
  int32_t node = page_first;
load_page:
  while (node < end && node < page_first + kPredictPage) {
#pragma HLS loop_tripcount min = 1 max = 17
    const int64_t place = task.first_node + node;
    const int64_t line = place >> 2;
    const int32_t lines = kChunkNodes / 4 - static_cast<int32_t>(line & (kChunkNodes / 4 - 1));
    const int32_t in_line = static_cast<int32_t>(place & 3);
    read_chunk(nodes, line, lines, chunk);
  load_nodes:
    for (int32_t i = in_line; i < 4 * lines; ++i) {
#pragma HLS pipeline II = 3
#pragma HLS loop_tripcount min = 1 max = 256
      if (node >= end || node >= page_first + kPredictPage) break;
      const int32_t base = (i & 3) * 4;
      const uint32_t feature = word_of(chunk[i >> 2], base);
      const uint32_t left = word_of(chunk[i >> 2], base + 1);
      const uint32_t set = word_of(chunk[i >> 2], base + 2);
      const uint32_t rule = word_of(chunk[i >> 2], base + 3);
      const bool leaf = static_cast<int32_t>(feature) < 0;
      const bool categorical = !leaf && static_cast<int32_t>(set) >= 0;
      heads[e][node - page_first] = feature | static_cast<uint64_t>(left) << 32;
      tails[e][node - page_first] = (rule & 0xff) | (((rule >> 8) & 0xff) != 0 ? kMissingLeft : 0) |
                                    (categorical ? kCategorical : 0) |
                                    static_cast<uint64_t>(set) << 32;
      if (!leaf && static_cast<int32_t>(left) + 2 > end) end = static_cast<int32_t>(left) + 2;
      ++node;
    }
  }
  task.end = end;
}

// Brings the category sets of the page's splits and, with one output, the values of its leaves.
void fill_page(const ap_uint<512>* sets, const ap_uint<512>* leaf_values, int32_t page_first,
               bool single, int32_t e, const TreeTask& task, NodeHeads heads[kPredictEngines],
               const NodeTails tails[kPredictEngines], NodeSets node_sets[kPredictEngines]) {
  const int32_t left = task.end - page_first;
  const int32_t count = left < kPredictPage ? left : kPredictPage;
fill_page:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
// A node's head is read and written in its own step alone.
#pragma HLS dependence variable = heads type = inter dependent = false
    const uint64_t head = heads[e][i];
    const uint64_t tail = tails[e][i];
    if (static_cast<int32_t>(head) < 0 && single) {
      const int64_t place = task.first_leaf + static_cast<int64_t>(head >> 32);
      const uint32_t value = word_of(leaf_values[place >> 4], static_cast<int>(place & 15));
      heads[e][i] = (head & 0xffffffff) | static_cast<uint64_t>(value) << 32;
    }
    if ((tail & kCategorical) != 0) {
      const int64_t place = task.first_set + static_cast<int64_t>(tail >> 32);
      const Line line = sets[place >> 1];
      for (int32_t part = 0; part < 4; ++part) {
#pragma HLS unroll
        node_sets[e][part][i] = long_of(line, static_cast<int>(place & 1) * 4 + part);
      }
    }
  }
}

// Where a row goes from a node of the page.
uint64_t next_state(uint64_t head, uint64_t tail, uint8_t bin, uint64_t set_word) {
#pragma HLS inline
  if (static_cast<int32_t>(head) < 0) return kArrived | (head >> 32);
  const bool by_set = ((set_word >> (bin & 63)) & 1) != 0;
  const bool by_threshold = bin == 0 ? (tail & kMissingLeft) != 0 : bin <= (tail & 0xff);
  const bool left = (tail & kCategorical) != 0 ? by_set : by_threshold;
  return (head >> 32) + (left ? 0 : 1);
}

// Walks until every row has arrived or left the page.
void walk_page(const TileShape& tile, int32_t page_first, const EngineCells cells[kPredictEngines],
               const NodeHeads heads[kPredictEngines], const NodeTails tails[kPredictEngines],
               const NodeSets sets[kPredictEngines], RowStates states[kPredictEngines]) {
  const int32_t turns = tile.rows < kPredictTurns ? kPredictTurns : tile.rows;
  bool open = true;
walk_steps:
  while (open) {
#pragma HLS loop_tripcount min = 1 max = 64
    open = false;
    int32_t row_begin = 0;
  walk_rows:
    for (int32_t row = 0; row < turns; ++row) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 16 max = 1024
// A row's state is touched once in a turn of all rows, which are 16 at least.
#pragma HLS dependence variable = states type = inter distance = 16 dependent = true
    walk_engines:
      for (int32_t e = 0; e < kPredictEngines; ++e) {
#pragma HLS unroll
        const uint64_t state = row < tile.rows ? states[e][row] : kArrived;
        const uint32_t node = static_cast<uint32_t>(state) - static_cast<uint32_t>(page_first);
        if ((state & kArrived) == 0 && node < static_cast<uint32_t>(kPredictPage)) {
          const uint64_t head = heads[e][node];
          const uint32_t feature = static_cast<uint32_t>(head);
          const bool leaf = static_cast<int32_t>(feature) < 0;
          const uint64_t word = leaf ? 0 : cells[e][row_begin + static_cast<int32_t>(feature >> 3)];
          const uint8_t bin = static_cast<uint8_t>(word >> (8 * (feature & 7)));
          const uint64_t next = next_state(head, tails[e][node], bin, sets[e][bin >> 6][node]);
          states[e][row] = next;
          const uint32_t next_node =
              static_cast<uint32_t>(next) - static_cast<uint32_t>(page_first);
          open =
              open || ((next & kArrived) == 0 && next_node < static_cast<uint32_t>(kPredictPage));
        }
      }
      row_begin += tile.row_words;
    }
  }
}

// Rows at the roots of the group's trees; engines without a tree have nothing to walk.
void start_walks(int32_t trees, const TileShape& tile, RowStates states[kPredictEngines]) {
start_walks:
  for (int32_t row = 0; row < tile.rows; ++row) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    for (int32_t e = 0; e < kPredictEngines; ++e) {
#pragma HLS unroll
      states[e][row] = e < trees ? 0 : kArrived;
    }
  }
}

// One output: a row a cycle, through the trees of the group in order.
void add_chain(int32_t trees, const TileShape& tile, const RowStates states[kPredictEngines],
               double sums[kPredictScores]) {
add_chain:
  for (int32_t row = 0; row < tile.rows; ++row) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
// A row's sum is read and written in its own step alone.
#pragma HLS dependence variable = sums type = inter dependent = false
    double sum = sums[row];
    for (int32_t e = 0; e < kPredictEngines; ++e) {
#pragma HLS unroll
      if (e < trees) sum = sum + widen(static_cast<uint32_t>(states[e][row]));
    }
    sums[row] = sum;
  }
}

void list_values(const RowStates states[kPredictEngines], int32_t e, int64_t count, int32_t width,
                 LongStream& places) {
  int32_t row = 0;
  int32_t k = 0;
list_values:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
    places.write((states[e][row] & 0xffffffff) * static_cast<uint64_t>(width) +
                 static_cast<uint64_t>(k));
    if (++k == width) {
      k = 0;
      ++row;
    }
  }
}

void add_values(WordStream& values, int64_t count, int32_t width, int32_t outputs,
                int32_t first_output, double sums[kPredictScores]) {
  int32_t base = first_output;
  int32_t k = 0;
add_values:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
#pragma HLS dependence variable = sums type = inter dependent = false
    sums[base + k] = sums[base + k] + widen(values.read());
    if (++k == width) {
      k = 0;
      base += outputs;
    }
  }
}

// The leaves of engine e's tree, `count` values from `first_value` of memory on. No two of them
// meet in a sum.
void add_leaves(const ap_uint<512>* leaf_values, int64_t first_value,
                const RowStates states[kPredictEngines], int32_t e, int64_t count, int32_t width,
                int32_t outputs, int32_t first_output, double sums[kPredictScores]) {
#pragma HLS dataflow
  LongStream places("places of leaf values");
  RequestStream requests("leaf requests");
  StepStream steps("leaf steps");
  LineStream lines("leaf lines");
  WordStream values("leaf values");
  list_values(states, e, count, width, places);
  plan_words(places, first_value, count, requests, steps);
  fetch_lines(leaf_values, requests, lines);
  assemble_words(steps, lines, count, values);
  add_values(values, count, width, outputs, first_output, sums);
}

// What the engines hold.
struct Engines {
  EngineCells cells[kPredictEngines];
  NodeHeads heads[kPredictEngines];
  NodeTails tails[kPredictEngines];
  NodeSets sets[kPredictEngines];
  RowStates states[kPredictEngines];
};

// The cells of a tile's rows, to every engine.
void load_cells(const ap_uint<512>* cells, const ap_uint<512>* rows, bool by_rows,
                int64_t table_rows, int32_t features, const TileShape& tile, Engines& engines) {
  uint32_t ids[kPredictRows];
  if (by_rows) {
    read_numbers(rows, tile.first, tile.rows, ids);
  } else {
    count_numbers(tile.first, tile.rows, ids);
  }
load_blocks:
  for (int32_t block = 0; block * 64 < features; ++block) {
#pragma HLS loop_tripcount min = 1 max = 64
    const int32_t rest = features - block * 64;
    load_block(cells, static_cast<int64_t>(block) * 64 * table_rows, rest < 64 ? rest : 64, ids,
               tile, block, engines.cells);
  }
}

// Each list of offsets in a burst of its own.
void read_tasks(const int64_t* node_offsets, const int64_t* set_offsets,
                const int64_t* leaf_offsets, int64_t first, int32_t trees,
                TreeTask tasks[kPredictEngines]) {
read_nodes:
  for (int32_t e = 0; e < trees; ++e) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16
    tasks[e].first_node = node_offsets[first + e];
    tasks[e].end = 1;
  }
read_sets:
  for (int32_t e = 0; e < trees; ++e) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16
    tasks[e].first_set = set_offsets[first + e];
  }
read_leaves:
  for (int32_t e = 0; e < trees; ++e) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16
    tasks[e].first_leaf = leaf_offsets[first + e];
  }
}

// The trees of a group, page by page.
void walk_group(const ap_uint<512>* nodes, const ap_uint<512>* sets,
                const ap_uint<512>* leaf_values, int32_t trees, bool single, const TileShape& tile,
                TreeTask tasks[kPredictEngines], Engines& engines) {
  start_walks(trees, tile, engines.states);
  bool more = true;
walk_pages:
  for (int32_t page_first = 0; more; page_first += kPredictPage) {
#pragma HLS loop_tripcount min = 1 max = 4
    more = false;
  load_pages:
    for (int32_t e = 0; e < trees; ++e) {
#pragma HLS loop_tripcount min = 1 max = 16
      if (tasks[e].end <= page_first) continue;
      load_page(nodes, page_first, e, tasks[e], engines.heads, engines.tails);
      fill_page(sets, leaf_values, page_first, single, e, tasks[e], engines.heads, engines.tails,
                engines.sets);
      more = more || tasks[e].end > page_first + kPredictPage;
    }
    walk_page(tile, page_first, engines.cells, engines.heads, engines.tails, engines.sets,
              engines.states);
  }
}

}  // namespace
}  // namespace assay_hls

extern "C" void predict_trees(const ap_uint<512>* cells, const ap_uint<512>* rows,
                              const ap_uint<512>* nodes, const ap_uint<512>* sets,
                              const ap_uint<512>* leaf_values, const int64_t* node_offsets,
                              const int64_t* set_offsets, const int64_t* leaf_offsets,
                              double* scores, int64_t table_rows, int32_t feature_count,
                              int64_t row_begin, int64_t row_count, int32_t by_rows,
                              int64_t tree_begin, int64_t tree_end, int32_t leaf_width,
                              int32_t output_count) {
#pragma HLS interface m_axi port = cells bundle = gmem0 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
// Read one after the other: the rows of a tile, the nodes of a page, the values of its leaves.
#pragma HLS interface m_axi port = rows bundle = gmem1 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = nodes bundle = gmem1 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = leaf_values bundle = gmem1 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = sets bundle = gmem2 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = node_offsets bundle = gmem3 max_write_burst_length = 64
#pragma HLS interface m_axi port = set_offsets bundle = gmem3 max_write_burst_length = 64
#pragma HLS interface m_axi port = leaf_offsets bundle = gmem3 max_write_burst_length = 64
#pragma HLS interface m_axi port = scores bundle = gmem3 max_write_burst_length = 64
  using namespace assay_hls;
  ASSAY_ON_CHIP Engines engines;
  ASSAY_ON_CHIP double sums[kPredictScores];
#pragma HLS array_partition variable = engines.cells type = complete dim = 1
#pragma HLS array_partition variable = engines.heads type = complete dim = 1
#pragma HLS array_partition variable = engines.tails type = complete dim = 1
#pragma HLS array_partition variable = engines.sets type = complete dim = 1
#pragma HLS array_partition variable = engines.sets type = complete dim = 2
#pragma HLS array_partition variable = engines.states type = complete dim = 1
#pragma HLS bind_storage variable = engines.cells type = ram_2p impl = uram
#pragma HLS bind_storage variable = engines.heads type = ram_2p impl = uram
#pragma HLS bind_storage variable = engines.tails type = ram_2p impl = uram
#pragma HLS bind_storage variable = engines.sets type = ram_2p impl = uram
#pragma HLS bind_storage variable = sums type = ram_2p impl = uram
  if (tree_begin >= tree_end) return;
  const int32_t blocks = (feature_count + 63) / 64;
  const int32_t most_rows = static_cast<int32_t>(predict_tile(feature_count, output_count));
  const bool single = leaf_width == 1 && output_count == 1;
  // The output of the first tree: the one division that is left to outputs of any number.
  const int32_t begin_output = static_cast<int32_t>(tree_begin * leaf_width % output_count);
  TreeTask tasks[kPredictEngines];
predict_tiles:
  for (int64_t done = 0; done < row_count; done += most_rows) {
#pragma HLS loop_tripcount min = 1 max = 1024
    const int64_t left = row_count - done;
    const TileShape tile = {row_begin + done,
                            static_cast<int32_t>(left < most_rows ? left : most_rows), blocks * 8};
    load_cells(cells, rows, by_rows != 0, table_rows, feature_count, tile, engines);
    load_scores(scores, tile.first * output_count, tile.rows * output_count, sums);
    int32_t output = begin_output;
  predict_groups:
    for (int64_t tree = tree_begin; tree < tree_end; tree += kPredictEngines) {
#pragma HLS loop_tripcount min = 1 max = 64
      const int64_t rest = tree_end - tree;
      const int32_t trees = static_cast<int32_t>(rest < kPredictEngines ? rest : kPredictEngines);
      read_tasks(node_offsets, set_offsets, leaf_offsets, tree, trees, tasks);
      walk_group(nodes, sets, leaf_values, trees, single, tile, tasks, engines);
      if (single) add_chain(trees, tile, engines.states, sums);
      for (int32_t e = 0; e < trees && !single; ++e) {
#pragma HLS loop_tripcount min = 1 max = 16
        add_leaves(leaf_values, tasks[e].first_leaf * leaf_width, engines.states, e,
                   static_cast<int64_t>(tile.rows) * leaf_width, leaf_width, output_count, output,
                   sums);
        // Outputs of trees go round; leaves have at most as many values as there are outputs.
        output += leaf_width;
        if (output >= output_count) output -= output_count;
      }
    }
    store_scores(sums, tile.first * output_count, tile.rows * output_count, scores);
  }
}
