// See split_scan.h.
#include "backends/xrt/hls/split_scan.h"

#include "backends/xrt/hls/kernels.h"
#include "backends/xrt/hls/line.h"

namespace assay_hls {
namespace {

constexpr double kGainNoise = 1.0 / 281474976710656.0;  // 2^-48

struct Rules {
  double unit;
  double hessian_unit;
  double l1;
  double l2;
  double min_gain;
  double min_weight;
  double min_samples;
};

struct ColumnTable {
  int32_t start[kScanColumns];
  int32_t codes[kScanColumns];
  bool scan[kScanColumns];
  int32_t count;
};

// The best split of a column so far; its gain as `order_of` has it, which is what it is compared
// as.
struct Record {
  int64_t gain_order;
  uint32_t threshold;
  uint32_t flags;
};

// A node, and what every candidate of it needs.
struct NodeTerms {
  uint64_t total[kScanLanes];
  uint64_t mass;
  double score;
  double floor;
  double share;  // rows a unit of mass
};

// Doubles that are no NaN, as integers of the same order. Its own inverse, on bits.
int64_t in_order(int64_t bits) {
#pragma HLS inline
  return bits < 0 ? static_cast<int64_t>(~static_cast<uint64_t>(bits) ^ (uint64_t{1} << 63)) : bits;
}
int64_t order_of(double value) {
#pragma HLS inline
  return in_order(static_cast<int64_t>(bits_of(value)));
}

double sum_of(uint64_t word) {
#pragma HLS inline
  return static_cast<double>(static_cast<int32_t>(word >> 32));
}
uint64_t mass_of(uint64_t word) {
#pragma HLS inline
  return word & 0xffffffff;
}

// A side of a candidate: its score, and whether it may stand.
struct Side {
  double score;
  bool allowed;
};

double gradient_score(const Rules& rules, uint64_t word) {
#pragma HLS inline
  const double gradient = sum_of(word) * rules.unit;
  const double rest = (gradient < 0 ? -gradient : gradient) - rules.l1;
  const double t = rest > 0 ? rest : 0.0;  // its sign is squared away
  const double hessian = static_cast<double>(mass_of(word)) * rules.hessian_unit;
  return (t * t) / (hessian + rules.l2);
}

Side gradient_side(const Rules& rules, const NodeTerms& node, uint64_t word) {
#pragma HLS inline
  const uint64_t mass = mass_of(word);
  const double rows = static_cast<double>(mass) * node.share + 0.5;  // floor: see the header
  const double hessian = static_cast<double>(mass) * rules.hessian_unit;
  Side side;
  side.score = gradient_score(rules, word);
  side.allowed = mass > 0 && rows >= rules.min_samples && hessian >= rules.min_weight;
  return side;
}

Side class_side(const Rules& rules, const uint64_t words[kScanLanes]) {
#pragma HLS inline
  double squares = 0;
  int64_t weight = 0;
  uint64_t mass = 0;
class_chain:
  for (int32_t c = 0; c < kScanLanes; ++c) {
#pragma HLS unroll
    const double one = sum_of(words[c]) * rules.unit;
    squares = squares + one * one;
    weight += static_cast<int32_t>(words[c] >> 32);
    mass += mass_of(words[c]);
  }
  const double total = static_cast<double>(weight) * rules.unit;
  Side side;
  side.score = total > 0 ? squares / total : 0.0;
  side.allowed =
      mass > 0 && static_cast<double>(mass) >= rules.min_samples && total >= rules.min_weight;
  return side;
}

// A way to split at a threshold.
struct Candidate {
  double gain;
  uint32_t flags;
  bool allowed;
};

Candidate candidate_of(const NodeTerms& node, const Side& left, const Side& right,
                       bool missing_left, bool heavy) {
#pragma HLS inline
  Candidate candidate;
  candidate.gain = (left.score + right.score) - node.score;
  candidate.flags = (missing_left ? 1u : 0u) | (heavy ? 2u : 0u);
  candidate.allowed = left.allowed && right.allowed;
  return candidate;
}

Candidate weigh_gradient(const Rules& rules, const NodeTerms& node, uint64_t left,
                         bool missing_left, bool follows) {
#pragma HLS inline
  const bool heavy = mass_of(left) >= node.mass - mass_of(left);
  return candidate_of(node, gradient_side(rules, node, left),
                      gradient_side(rules, node, node.total[0] - left),
                      follows ? heavy : missing_left, heavy);
}

Candidate weigh_classes(const Rules& rules, const NodeTerms& node, const uint64_t left[kScanLanes],
                        bool missing_left, bool follows) {
#pragma HLS inline
  uint64_t right[kScanLanes];
  uint64_t mass = 0;
  for (int32_t c = 0; c < kScanLanes; ++c) {
#pragma HLS unroll
    right[c] = node.total[c] - left[c];
    mass += mass_of(left[c]);
  }
  const bool heavy = mass >= node.mass - mass;
  return candidate_of(node, class_side(rules, left), class_side(rules, right),
                      follows ? heavy : missing_left, heavy);
}

// Takes the better of two candidates, the first on a tie, if it beats the best of its column. The
// two are compared before the best comes into it: one comparison of integers is all that its loop
// has.
void keep_better(const Candidate& first, const Candidate& second, uint32_t threshold,
                 Record& best) {
#pragma HLS inline
  const int64_t first_order = order_of(first.gain);
  const int64_t second_order = order_of(second.gain);
  const bool takes_first = first.allowed && !(second.allowed && second_order > first_order);
  const Candidate winner = takes_first ? first : second;
  const int64_t order = takes_first ? first_order : second_order;
  if (winner.allowed && order > best.gain_order) {
    best.gain_order = order;
    best.threshold = threshold;
    best.flags = winner.flags;
  }
}

Record no_record(const NodeTerms& node) {
#pragma HLS inline
  const Record record = {order_of(node.floor), 0, 0};
  return record;
}

// A column on its way through the region: where its words begin, how many codes and words it has;
// those that are not scanned have none, and `end` closes the list. The product is made here, where
// no next step waits for it.
struct ColumnTask {
  int64_t first;  // word
  int32_t codes;
  int32_t words;
  bool end;
};
typedef hls::stream<ColumnTask, 32> TaskStream;
// The three lists are written alike, and a column is handed on 32 columns before the list stops for
// its scan: `unpack_columns`, which has a few stages, cannot keep its words back (line.h says how
// that would hang). `scan_gradients` and `scan_classes` have many stages, and nobody waits for
// them.

// Reads the table for the other processes of the region: it has one reader so.
void list_columns(const ColumnTable& table, int64_t word_begin, int32_t lanes, TaskStream& to_fetch,
                  TaskStream& to_unpack, TaskStream& to_scan) {
list_columns:
  for (int32_t j = 0; j <= table.count; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 2 max = 4097
    ColumnTask task = {0, 0, 0, true};
    if (j < table.count) {
      task.first = word_begin + static_cast<int64_t>(table.start[j]) * lanes;
      task.codes = table.scan[j] ? table.codes[j] : 0;
      task.words = task.codes * lanes;
      task.end = false;
    }
    to_fetch.write(task);
    to_unpack.write(task);
    to_scan.write(task);
  }
}

void fetch_columns(const Line* words, TaskStream& tasks, LineStream& lines) {
  ColumnTask task = tasks.read();
fetch_columns:
  while (!task.end) {
#pragma HLS loop_tripcount min = 1 max = 4096
    fetch_elements<3>(words, task.first, task.words, lines);
    task = tasks.read();
  }
}

// One word a cycle, without a gap between columns. What is counted down says in time that a column
// ends: with its last word, or at once where it has none.
void unpack_columns(TaskStream& tasks, LineStream& lines, LongStream& words) {
  Line line;
  ColumnTask task = tasks.read();
  int32_t left = task.words;
  int32_t slot = static_cast<int32_t>(task.first & 7);
  bool fresh = true;  // no line of this column was read yet
unpack_columns:
  while (!task.end) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 255 max = 1044480
    const bool last = left <= 1;
    if (left > 0) {
      if (fresh || slot == 0) line = lines.read();
      words.write(long_of(line, slot));
    }
    if (last) {
      task = tasks.read();
      left = task.words;
      slot = static_cast<int32_t>(task.first & 7);
    } else {
      --left;
      slot = (slot + 1) & 7;
    }
    fresh = last;
  }
}

void scan_gradients(const Rules& rules, const NodeTerms& node, TaskStream& tasks, LongStream& words,
                    Record records[kScanColumns]) {
  uint64_t left = 0;
  uint64_t missing = 0;
  const Record none = no_record(node);
  Record best = none;
  ColumnTask task = tasks.read();
  int32_t column = 0;
  int32_t code = 0;
  int32_t codes_left = task.codes;
scan_gradients:
  while (!task.end) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 255 max = 1044480
    const bool first = code == 0;
    const bool last = codes_left <= 1;
    if (first) best = none;
    if (codes_left > 0) {
      const uint64_t word = words.read();
      missing = first ? word : missing;
      left = first ? 0 : left + word;
      const bool is_threshold = !first && !last;
      Candidate with_missing = weigh_gradient(rules, node, left + missing, true, false);
      Candidate without = weigh_gradient(rules, node, left, false, missing == 0);
      with_missing.allowed = with_missing.allowed && is_threshold && missing != 0;
      without.allowed = without.allowed && is_threshold;
      keep_better(with_missing, without, static_cast<uint32_t>(code), best);
    }
    if (last) {
      records[column] = best;
      ++column;
      task = tasks.read();
    }
    code = last ? 0 : code + 1;
    codes_left = last ? task.codes : codes_left - 1;
  }
}

// The words of a code, a lane each; 0 beyond `lanes`.
void read_lanes(LongStream& words, int32_t lanes, uint64_t code[kScanLanes]) {
#pragma HLS inline
  for (int32_t c = 0; c < kScanLanes; ++c) {
#pragma HLS unroll
    code[c] = c < lanes ? words.read() : 0;
  }
}

void scan_classes(const Rules& rules, const NodeTerms& node, int32_t lanes, TaskStream& tasks,
                  LongStream& words, Record records[kScanColumns]) {
  uint64_t left[kScanLanes] = {};
  uint64_t missing[kScanLanes] = {};
#pragma HLS array_partition variable = left type = complete
#pragma HLS array_partition variable = missing type = complete
  const Record none = no_record(node);
  Record best = none;
  ColumnTask task = tasks.read();
  int32_t column = 0;
  int32_t code = 0;
  int32_t codes_left = task.codes;
scan_classes:
  while (!task.end) {
#pragma HLS pipeline II = 8
#pragma HLS loop_tripcount min = 255 max = 1044480
    const bool first = code == 0;
    const bool last = codes_left <= 1;
    if (first) best = none;
    if (codes_left > 0) {
      uint64_t word[kScanLanes];
      uint64_t with_missing[kScanLanes];
      read_lanes(words, lanes, word);
      bool has_missing = false;
      for (int32_t c = 0; c < kScanLanes; ++c) {
#pragma HLS unroll
        missing[c] = first ? word[c] : missing[c];
        left[c] = first ? 0 : left[c] + word[c];
        with_missing[c] = left[c] + missing[c];
        has_missing = has_missing || missing[c] != 0;
      }
      const bool is_threshold = !first && !last;
      Candidate missing_left = weigh_classes(rules, node, with_missing, true, false);
      Candidate missing_right = weigh_classes(rules, node, left, false, !has_missing);
      missing_left.allowed = missing_left.allowed && is_threshold && has_missing;
      missing_right.allowed = missing_right.allowed && is_threshold;
      keep_better(missing_left, missing_right, static_cast<uint32_t>(code), best);
    }
    if (last) {
      records[column] = best;
      ++column;
      task = tasks.read();
    }
    code = last ? 0 : code + 1;
    codes_left = last ? task.codes : codes_left - 1;
  }
}

void scan_words(bool class_mode, int32_t lanes, const Rules& rules, const NodeTerms& node,
                TaskStream& tasks, LongStream& words, Record records[kScanColumns]) {
#pragma HLS inline off
  if (class_mode) {
    scan_classes(rules, node, lanes, tasks, words, records);
  } else {
    scan_gradients(rules, node, tasks, words, records);
  }
}

void scan_columns(const ap_uint<512>* words, int64_t word_begin, int32_t lanes, bool class_mode,
                  const Rules& rules, const NodeTerms& node, const ColumnTable& table,
                  Record records[kScanColumns]) {
#pragma HLS dataflow
  TaskStream to_fetch("columns to fetch");
  TaskStream to_unpack("columns to unpack");
  TaskStream to_scan("columns to scan");
  LineStream lines("lines of columns");
  LongStream column_words("words of columns");
  list_columns(table, word_begin, lanes, to_fetch, to_unpack, to_scan);
  fetch_columns(words, to_fetch, lines);
  unpack_columns(to_unpack, lines, column_words);
  scan_words(class_mode, lanes, rules, node, to_scan, column_words, records);
}

void add_totals(LineStream& lines, int64_t first, int32_t count, int32_t lanes,
                uint64_t total[kScanLanes]) {
  for (int32_t c = 0; c < kScanLanes; ++c) {
#pragma HLS unroll
    total[c] = 0;
  }
  int32_t lane = 0;
  Line line;
add_totals:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 2040
    const int slot = static_cast<int>((first + i) & 7);
    if (i == 0 || slot == 0) line = lines.read();
    const uint64_t word = long_of(line, slot);
    // Each sum has an adder of its own: the loop has no choice of sums in it.
    for (int32_t c = 0; c < kScanLanes; ++c) {
#pragma HLS unroll
      total[c] += c == lane ? word : 0;
    }
    lane = lane + 1 == lanes ? 0 : lane + 1;
  }
}

// Of the words [first, first + count): those of column 0.
void sum_node(const ap_uint<512>* words, int64_t first, int32_t count, int32_t lanes,
              uint64_t total[kScanLanes]) {
#pragma HLS dataflow
  LineStream lines("lines of column 0");
  fetch_elements<3>(words, first, count, lines);
  add_totals(lines, first, count, lanes, total);
}

// Score, floor and share; false if no split of the node can be allowed.
bool weigh_node(const Rules& rules, bool class_mode, int64_t row_count, NodeTerms& node) {
  node.mass = 0;
  for (int32_t c = 0; c < kScanLanes; ++c) {
#pragma HLS unroll
    node.mass += mass_of(node.total[c]);
  }
  node.score = 0;
  node.floor = 0;
  node.share = 0;
  if (node.mass == 0 || row_count < 2) return false;
  node.score =
      class_mode ? class_side(rules, node.total).score : gradient_score(rules, node.total[0]);
  const double noise = node.score * kGainNoise;
  // Of two zeros of either sign the positive one: order_of tells them apart.
  node.floor = (rules.min_gain < noise ? noise : rules.min_gain) + 0.0;
  node.share = static_cast<double>(row_count) / static_cast<double>(node.mass);
  return true;
}

// Records are two words, written one a cycle at rising addresses: bursts.
int64_t write_totals(const NodeTerms& node, int32_t lanes, int64_t at, uint64_t* best) {
write_totals:
  for (int32_t i = 0; i < 2 * lanes; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 2 max = 16
    best[at + i] = (i & 1) == 0 ? node.total[i >> 1] : bits_of(node.score);
  }
  return at + 2 * lanes;
}

int64_t write_records(const Record records[kScanColumns], int32_t count, bool splittable,
                      int64_t at, uint64_t* best) {
write_records:
  for (int32_t i = 0; i < 2 * count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 2 max = 8192
    const Record record = records[i >> 1];
    const bool found = splittable && record.threshold != 0;
    const uint64_t gain = static_cast<uint64_t>(in_order(record.gain_order));
    const uint64_t rule = record.threshold | static_cast<uint64_t>(record.flags) << 32;
    best[at + i] = !found ? 0 : ((i & 1) == 0 ? gain : rule);
  }
  return at + 2 * count;
}

// A word a cycle: start, codes, bin_count, scan of each column.
void read_table(const int32_t* columns, int32_t count, ColumnTable& table) {
  table.count = count;
  int32_t codes = 0;
read_table:
  for (int32_t i = 0; i < 4 * count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 4 max = 16384
    const int32_t word = columns[i];
    const int32_t j = i >> 2;
    switch (i & 3) {
      case 0:
        table.start[j] = word;
        break;
      case 2:
        codes = word;
        table.codes[j] = word;
        break;
      case 3:
        // Fewer than three codes have no threshold.
        table.scan[j] = word != 0 && codes >= 3;
        break;
      default:
        break;
    }
  }
}

}  // namespace
}  // namespace assay_hls

extern "C" void split_scan(const ap_uint<512>* words, const int64_t* nodes, const int32_t* columns,
                           const double* rules, uint64_t* best, int32_t node_count,
                           int32_t column_count, int32_t lanes, int32_t class_mode) {
#pragma HLS interface m_axi port = words bundle = gmem0 max_read_burst_length = 64
#pragma HLS interface m_axi port = nodes bundle = gmem1 max_write_burst_length = 64
#pragma HLS interface m_axi port = rules bundle = gmem1 max_write_burst_length = 64
#pragma HLS interface m_axi port = best bundle = gmem1 max_write_burst_length = 64
#pragma HLS interface m_axi port = columns bundle = gmem2
  using namespace assay_hls;
  ASSAY_ON_CHIP ColumnTable table;
  ASSAY_ON_CHIP Record records[kScanColumns];
  read_table(columns, column_count, table);
  const Rules terms = {rules[0], rules[1], rules[2], rules[3], rules[4], rules[5], rules[6]};
  int64_t at = 0;
scan_nodes:
  for (int32_t i = 0; i < node_count; ++i) {
#pragma HLS loop_tripcount min = 1 max = 64
    const int64_t word_begin = nodes[2 * i];
    const int64_t row_count = nodes[2 * i + 1];
    NodeTerms node;
#pragma HLS array_partition variable = node.total type = complete
    sum_node(words, word_begin + static_cast<int64_t>(table.start[0]) * lanes,
             table.codes[0] * lanes, lanes, node.total);
    const bool splittable = weigh_node(terms, class_mode != 0, row_count, node);
    if (splittable) {
      scan_columns(words, word_begin, lanes, class_mode != 0, terms, node, table, records);
    }
    at = write_totals(node, lanes, at, best);
    at = write_records(records, column_count, splittable, at, best);
  }
}
