// See tree_histogram.h.
#include "backends/xrt/hls/tree_histogram.h"

#include "backends/xrt/hls/kernels.h"
#include "backends/xrt/hls/line.h"

namespace assay_hls {
namespace {

typedef uint64_t ColumnSums[kHistogramColumns][kHistogramDepth];

// Where the rows of a call lie, and what their words are.
struct RowRules {
  int64_t cell_begin;
  int32_t width;
  int32_t class_begin;
  int32_t lanes;
  int32_t lane_bits;
};

// Word of a column: (code << lane_bits + lane) * 4 + replica.
uint32_t sum_index(uint32_t code, uint32_t lane, int32_t lane_bits, uint32_t replica) {
#pragma HLS inline
  return (((code << lane_bits) + lane) << 2) + replica;
}

void copy_rows(WordStream& rows, int64_t count, WordStream& for_packed, WordStream& for_cells) {
copy_rows:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 4096
    const uint32_t row = rows.read();
    for_packed.write(row);
    for_cells.write(row);
  }
}

void add_rows(LineStream& cells, WordStream& packed, int64_t count, const RowRules& rules,
              ColumnSums& sums) {
add_rows:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
#pragma HLS dependence variable = sums type = inter distance = 4 dependent = true
    const Line row = cells.read();
    const uint32_t values = packed.read();
    const bool counts_classes = rules.class_begin >= 0;
    const int32_t lane =
        counts_classes ? static_cast<int32_t>(values & 0xffff) - rules.class_begin : 0;
    const bool counted = lane >= 0 && lane < rules.lanes;
    // The high half is signed in gradient mode; the sum of the halves carries into it as it should.
    const uint64_t high =
        counts_classes
            ? static_cast<uint64_t>(values >> 16)
            : static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(values) >> 16));
    const uint64_t low = counts_classes ? 1 : values & 0xffff;
    const uint64_t word = (high << 32) + low;
    const uint32_t replica = static_cast<uint32_t>(i) & 3;
  add_columns:
    for (int32_t j = 0; j < kHistogramColumns; ++j) {
#pragma HLS unroll
      const uint32_t index =
          sum_index(byte_of(row, j), static_cast<uint32_t>(lane) & 7, rules.lane_bits, replica);
      if (counted && j < rules.width) sums[j][index] += word;
    }
  }
}

// A tile of rows, from their numbers to the sums.
void add_tile(const ap_uint<512>* cells, const ap_uint<512>* packed, const ap_uint<512>* rows,
              int64_t first, int64_t count, const RowRules& rules, ColumnSums& sums) {
#pragma HLS dataflow
  LineStream row_lines("lines of rows");
  WordStream row_numbers("row numbers");
  WordStream rows_for_packed("rows for packed");
  WordStream rows_for_cells("rows for cells");
  RequestStream packed_requests("packed requests");
  StepStream packed_steps("packed steps");
  LineStream packed_lines("packed lines");
  WordStream packed_words("packed words");
  PlaceStream cell_places("places of rows");
  RequestStream cell_requests("cell requests");
  StepStream cell_steps("cell steps");
  LineStream cell_lines("cell lines");
  LineStream cell_rows("cell rows");
  fetch_elements<4>(rows, first, count, row_lines);
  unpack_words(row_lines, first, count, row_numbers);
  copy_rows(row_numbers, count, rows_for_packed, rows_for_cells);
  plan_words(rows_for_packed, 0, count, packed_requests, packed_steps);
  fetch_lines(packed, packed_requests, packed_lines);
  assemble_words(packed_steps, packed_lines, count, packed_words);
  locate_rows(rows_for_cells, rules.cell_begin, rules.width, count, cell_places);
  plan_rows(cell_places, count, cell_requests, cell_steps);
  fetch_lines(cells, cell_requests, cell_lines);
  assemble_rows(cell_steps, cell_lines, count, cell_rows);
  add_rows(cell_rows, packed_words, count, rules, sums);
}

void clear_sums(int32_t used, ColumnSums& sums) {
clear_sums:
  for (int32_t i = 0; i < used; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1024 max = 8192
    for (int32_t j = 0; j < kHistogramColumns; ++j) {
#pragma HLS unroll
      sums[j][i] = 0;
    }
  }
}

// Leaves in replica 0 of each word what all replicas have.
void fold_replicas(int32_t used, ColumnSums& sums) {
fold_replicas:
  for (int32_t i = 0; i < used; i += kHistogramReplicas) {
#pragma HLS pipeline II = 3
#pragma HLS loop_tripcount min = 256 max = 2048
#pragma HLS dependence variable = sums type = inter dependent = false
    for (int32_t j = 0; j < kHistogramColumns; ++j) {
#pragma HLS unroll
      sums[j][i] = (sums[j][i] + sums[j][i + 1]) + (sums[j][i + 2] + sums[j][i + 3]);
    }
  }
}

// A column to drain. The list of them is in registers: which one is next has to be known in the
// cycle after, also where columns have a single word.
struct DrainColumn {
  int32_t number;
  int32_t codes;
};

// The columns that are searched, one behind the other, and one of no codes behind the last.
struct ColumnTable {
  DrainColumn columns[kHistogramColumns + 1];
  int32_t widest;
};

// The word to drain, the column after its own, and which one that is of the list. A step counts and
// looks at registers only; the list is read a column ahead.
struct DrainPlace {
  DrainColumn column;
  DrainColumn next;
  int32_t next_at;
  int32_t code;
  int32_t lane;
};

DrainPlace first_place(const ColumnTable& table) {
#pragma HLS inline
  const DrainPlace place = {table.columns[0], table.columns[1], 1, 0, 0};
  return place;
}

void step_place(const ColumnTable& table, int32_t lanes, DrainPlace& place) {
#pragma HLS inline
  const bool last_lane = place.lane + 1 == lanes;
  const bool last_code = place.code + 1 == place.column.codes;
  place.lane = last_lane ? 0 : place.lane + 1;
  if (!last_lane) return;
  place.code = last_code ? 0 : place.code + 1;
  if (!last_code) return;
  place.column = place.next;
  // Behind the end of the list nothing is read any more.
  if (place.next_at < kHistogramColumns) ++place.next_at;
  place.next = table.columns[place.next_at];
}

// `count` words, from `place` on, to whole lines; the last is filled up with 0.
void pack_chunk(const ColumnSums& sums, const ColumnTable& table, const RowRules& rules,
                int32_t count, DrainPlace& place, Line* chunk) {
  Line line;
pack_chunk:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 8 max = 512
    const uint32_t index = sum_index(static_cast<uint32_t>(place.code),
                                     static_cast<uint32_t>(place.lane), rules.lane_bits, 0);
    const int slot = i & 7;
    if (slot == 0) line = Line(0);
    line.range(64 * slot + 63, 64 * slot) = sums[place.column.number][index];
    if (slot == 7 || i + 1 == count) chunk[i >> 3] = line;
    step_place(table, rules.lanes, place);
  }
}

void write_chunk(const Line* chunk, int64_t first, int32_t lines, ap_uint<512>* words) {
write_chunk:
  for (int32_t i = 0; i < lines; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    words[first + i] = chunk[i];
  }
}

// chunk = words - chunk, word by word.
void subtract_chunk(const ap_uint<512>* words, int64_t first, int32_t lines, Line* chunk) {
subtract_chunk:
  for (int32_t i = 0; i < lines; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    const Line minuend = words[first + i];
    const Line subtrahend = chunk[i];
    Line rest;
    for (int32_t slot = 0; slot < 8; ++slot) {
#pragma HLS unroll
      rest.range(64 * slot + 63, 64 * slot) = long_of(minuend, slot) - long_of(subtrahend, slot);
    }
    chunk[i] = rest;
  }
}

void read_columns(const int32_t* starts, int32_t width, ColumnTable& table) {
  int32_t searched = 0;
  int32_t start = 0;
  const DrainColumn none = {0, 0};
  table.widest = 0;
read_columns:
  for (int32_t j = 0; j <= width; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 2 max = 65
    const int32_t next = starts[j];
    const int32_t codes = next - start;
    start = next;
    if (j == 0 || codes == 0) continue;
    const DrainColumn column = {j - 1, codes};
    table.columns[searched] = column;
    ++searched;
    if (codes > table.widest) table.widest = codes;
  }
clear_columns:
  for (int32_t i = 0; i <= kHistogramColumns; ++i) {
#pragma HLS unroll
    if (i >= searched) table.columns[i] = none;
  }
}

void drain_sums(const ColumnSums& sums, const ColumnTable& table, const RowRules& rules,
                int64_t total, int64_t word_begin, int64_t rest_begin, ap_uint<512>* words) {
  Line chunk[kDrainChunk];
  DrainPlace place = first_place(table);
drain_sums:
  for (int64_t done = 0; done < total; done += 8 * kDrainChunk) {
#pragma HLS loop_tripcount min = 1 max = 256
    const int64_t left = total - done;
    const int32_t count = static_cast<int32_t>(left < 8 * kDrainChunk ? left : 8 * kDrainChunk);
    const int32_t lines = (count + 7) / 8;
    pack_chunk(sums, table, rules, count, place, chunk);
    write_chunk(chunk, (word_begin + done) >> 3, lines, words);
    if (rest_begin >= 0) {
      subtract_chunk(words, (rest_begin + done) >> 3, lines, chunk);
      write_chunk(chunk, (rest_begin + done) >> 3, lines, words);
    }
  }
}

int32_t bits_for(int32_t lanes) {
#pragma HLS inline
  return lanes > 4 ? 3 : (lanes > 2 ? 2 : (lanes > 1 ? 1 : 0));
}

}  // namespace
}  // namespace assay_hls

extern "C" void tree_histogram(const ap_uint<512>* cells, const ap_uint<512>* packed,
                               const ap_uint<512>* rows, const int32_t* starts, ap_uint<512>* words,
                               int64_t cell_begin, int64_t row_begin, int64_t row_count,
                               int32_t width, int32_t class_begin, int32_t lanes,
                               int64_t word_begin, int64_t rest_begin) {
#pragma HLS interface m_axi port = cells bundle = gmem0 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = packed bundle = gmem1 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
// Rows are read before words: one port.
#pragma HLS interface m_axi port = rows bundle = gmem2 max_read_burst_length = \
    64 max_write_burst_length = 64
#pragma HLS interface m_axi port = words bundle = gmem2 max_read_burst_length = \
    64 max_write_burst_length = 64
#pragma HLS interface m_axi port = starts bundle = gmem3
  using namespace assay_hls;
  ASSAY_ON_CHIP ColumnSums sums;
#pragma HLS array_partition variable = sums type = complete dim = 1
#pragma HLS bind_storage variable = sums type = ram_t2p impl = uram latency = 2
  ColumnTable table;
#pragma HLS array_partition variable = table.columns type = complete
  read_columns(starts, width, table);
  const RowRules rules = {cell_begin, width, class_begin, lanes, bits_for(lanes)};
  const int32_t used = (table.widest << rules.lane_bits) * kHistogramReplicas;
  // Cells of columns that are not searched may have any code, and have to be cleared for nobody.
  clear_sums(used, sums);
add_tiles:
  for (int64_t done = 0; done < row_count; done += kHistogramTile) {
#pragma HLS loop_tripcount min = 1 max = 256
    const int64_t left = row_count - done;
    const int64_t count = left < kHistogramTile ? left : kHistogramTile;
    add_tile(cells, packed, rows, row_begin + done, count, rules, sums);
  }
  fold_replicas(used, sums);
  const int64_t total = static_cast<int64_t>(starts[width]) * lanes;
  drain_sums(sums, table, rules, total, word_begin, rest_begin, words);
}
