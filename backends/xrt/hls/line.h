// What the kernels share to read memory by lines: parts of a line, and gathers, which turn a stream
// of places into a stream of what lies there. A gather is three processes of a dataflow region:
//   plan      decides for each item which lines to fetch, and skips those at hand;
//   fetch     reads one line a cycle from the port: 128 may be under way (num_read_outstanding), at
//             least as many as a line takes cycles to come (kMemoryLatency);
//   assemble  cuts the items out of the lines.
// Each is planned for an initiation interval of 1, at which no loop waits for memory. Items whose
// lines are at hand (ascending rows of a narrow table) cost no traffic.
//
// Why it cannot hang. A pipelined loop whose input is missing may stand still with all that it has
// under way (the vendor's default style, stp), and a fetch has a hundred lines under way. A plan of
// narrow rows in order asks for a line every 16 rows, and stops 256 steps ahead of `assemble`: a
// fetch that stood still for want of a request would keep back the very lines that `assemble` needs
// for the plan to go on. So:
//   1. The fetch never waits for a request: it looks for one every cycle (read_nb) and goes on
//      without. What was asked for comes, whatever the style of the pipeline.
//   2. A plan writes the request before the step that needs it, so the line of every step that
//      `assemble` can see is on its way or there. Requests can fill up only when `assemble` has
//      steps to take: there are more places for lines and requests than a plan has stages between
//      the two writes.
//   3. Other loops are short: kMostHeldBack items at most are kept back in the stages of all loops
//      between two ends of a fork (rows that go to two gathers, which meet again). Either branch
//      has queues for more than that, so none fills up while the other starves.
// These hold for any style. Loops that others wait for are flushed all the same (style = flp): they
// share no operators that this would keep apart. tests/backends/xrt/hls/gather_flow_test.cc runs
// the processes cycle by cycle with these depths, both styles, and a fetch that waits, which hangs.
//
// On-chip arrays are ASSAY_ON_CHIP: memory of the kernel on a card; in emulation memory of the
// thread, because they are too large for a stack. No kernel relies on what a call before left.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include <cstdint>
#include <cstring>

#ifdef __SYNTHESIS__
#define ASSAY_ON_CHIP
#else
#define ASSAY_ON_CHIP static thread_local
#endif

namespace assay_hls {

typedef ap_uint<512> Line;

inline uint8_t byte_of(const Line& line, int i) {
#pragma HLS inline
  return static_cast<uint8_t>(line.range(8 * i + 7, 8 * i).to_uint());
}
inline uint16_t half_of(const Line& line, int i) {
#pragma HLS inline
  return static_cast<uint16_t>(line.range(16 * i + 15, 16 * i).to_uint());
}
inline uint32_t word_of(const Line& line, int i) {
#pragma HLS inline
  return line.range(32 * i + 31, 32 * i).to_uint();
}
inline uint64_t long_of(const Line& line, int i) {
#pragma HLS inline
  return line.range(64 * i + 63, 64 * i).to_uint64();
}

inline double double_of(uint64_t bits) {
#pragma HLS inline
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
inline uint64_t bits_of(double value) {
#pragma HLS inline
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline float float_of(uint32_t bits) {
#pragma HLS inline
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
inline uint32_t bits_of(float value) {
#pragma HLS inline
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// A line to fetch, or the end of the requests.
struct LineRequest {
  int64_t line;
  bool end;
};

// A cycle of `assemble`: perhaps takes the next line, perhaps gives an item.
struct GatherStep {
  bool fetch;
  bool give;
  bool straddles;  // the item lies in the line before too
  int32_t offset;  // of its first byte, in its first line
};

constexpr int kQueueDepth = 64;  // of any stream but steps
constexpr int kStepDepth = 256;
// Stages of the pipelined loops between two ends of a fork, all together, but those of a fetch: a
// few for each, which the synthesis report has.
constexpr int kMostHeldBack = 60;
static_assert(kMostHeldBack < kQueueDepth, "either branch of a fork takes what the other holds");

typedef hls::stream<LineRequest, kQueueDepth> RequestStream;
typedef hls::stream<GatherStep, kStepDepth> StepStream;
typedef hls::stream<Line, kQueueDepth> LineStream;
typedef hls::stream<uint32_t, kQueueDepth> WordStream;
typedef hls::stream<uint64_t, kQueueDepth> LongStream;

// Lines [first, first + count) of a port: a burst.
inline void fetch_run(const Line* port, int64_t first, int64_t count, LineStream& lines) {
fetch_run:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    lines.write(port[first + i]);
  }
}

// The requested lines, in order of request. It never waits for a request: see above.
inline void fetch_lines(const Line* port, RequestStream& requests, LineStream& lines) {
  bool end = false;
fetch_lines:
  while (!end) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 8192
    LineRequest request = {0, false};
    const bool asked = requests.read_nb(request);
    end = asked && request.end;
    if (asked && !end) lines.write(port[request.line]);
  }
}

// The lines that hold elements [first, first + count) of an array, 2^kShift of them a line.
template <int kShift>
void fetch_elements(const Line* port, int64_t first, int64_t count, LineStream& lines) {
  const int64_t line = first >> kShift;
  fetch_run(port, line, count == 0 ? 0 : ((first + count - 1) >> kShift) - line + 1, lines);
}

// Elements [first, first + count) of an array of 32-bit words, from the lines that hold them.
inline void unpack_words(LineStream& lines, int64_t first, int64_t count, WordStream& words) {
  Line line;
unpack_words:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 4096
    const int slot = static_cast<int>((first + i) & 15);
    if (i == 0 || slot == 0) line = lines.read();
    words.write(word_of(line, slot));
  }
}

// Words of 32 bits at base + `places`.
template <class Place>
void plan_words(hls::stream<Place, kQueueDepth>& places, int64_t base, int64_t count,
                RequestStream& requests, StepStream& steps) {
  int64_t at_hand = -1;
plan_words:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 4096
    const int64_t place = base + static_cast<int64_t>(places.read());
    const int64_t line = place >> 4;
    GatherStep step = {line != at_hand, true, false, static_cast<int32_t>(place & 15) * 4};
    if (step.fetch) {
      LineRequest request = {line, false};
      requests.write(request);
    }
    steps.write(step);
    at_hand = line;
  }
  LineRequest end = {0, true};
  requests.write(end);
}

inline void assemble_words(StepStream& steps, LineStream& lines, int64_t count, WordStream& words) {
  Line line;
assemble_words:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 4096
    const GatherStep step = steps.read();
    if (step.fetch) line = lines.read();
    words.write(word_of(line, step.offset / 4));
  }
}

// Where a row lies: its first and last line, which are neighbours or the same, and its first byte
// in the first.
struct RowPlace {
  int64_t first;
  bool straddles;  // the last is the next
  int32_t offset;
};
typedef hls::stream<RowPlace, kQueueDepth> PlaceStream;

// Of `bytes` <= 64, from byte `begin` of memory on.
inline RowPlace place_of(int64_t begin, int32_t bytes) {
#pragma HLS inline
  const int32_t offset = static_cast<int32_t>(begin & 63);
  const RowPlace place = {begin >> 6, offset + bytes > 64, offset};
  return place;
}

// Rows of `width` <= 64 bytes, row r at byte cell_begin + r * width. Apart from `plan_rows`, whose
// next step hangs on these places, so that no product lies in that loop.
inline void locate_rows(WordStream& rows, int64_t cell_begin, int32_t width, int64_t count,
                        PlaceStream& places) {
locate_rows:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 4096
    places.write(place_of(cell_begin + static_cast<int64_t>(rows.read()) * width, width));
  }
}

// Runs of bytes in memory, one every `stride`, all of `length` > 0.
struct Runs {
  int64_t first;
  int64_t stride;
  int32_t count;
  int32_t length;
};

// Pieces of 64 bytes that a run is cut into; its last may be shorter.
constexpr int32_t pieces_of(int32_t bytes) { return (bytes + 63) >> 6; }
inline int32_t piece_total(const Runs& runs) {
#pragma HLS inline
  return runs.count * pieces_of(runs.length);
}

// The `pieces` of runs, all of them, as rows to gather: each gets a line of its own, from the
// line's first byte on, wherever its run begins. So what stores them finds byte b in slot b, and a
// memory of as many banks as a line has slots takes a line a cycle without a crossbar.
inline void locate_pieces(const Runs& runs, int32_t pieces, PlaceStream& places) {
  int64_t at = runs.first;
  int64_t next_run = runs.first + runs.stride;
  int32_t left = runs.length;
locate_pieces:
  for (int32_t i = 0; i < pieces; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    places.write(place_of(at, left < 64 ? left : 64));
    const bool last = left <= 64;
    at = last ? next_run : at + 64;
    next_run = last ? next_run + runs.stride : next_run;
    left = last ? runs.length : left - 64;
  }
}

// Costs a cycle a row, and one more where both of a row's lines have to be fetched. What a step
// hangs on of the one before is whether a line is at hand: one comparison.
inline void plan_rows(PlaceStream& places, int64_t count, RequestStream& requests,
                      StepStream& steps) {
  int64_t at_hand = -1;
  RowPlace place = {0, false, 0};
  bool second = false;  // the row's first line was asked for in the cycle before
  int64_t left = count;
  bool more = count > 0;
plan_rows:
  while (more) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 8192
    if (!second) place = places.read();
    const bool first_at_hand = second || place.first == at_hand;
    const bool last_row = left == 1;
    const bool fetch = place.straddles || !first_at_hand;
    const bool give = !place.straddles || first_at_hand;
    const int64_t wanted = place.straddles && first_at_hand ? place.first + 1 : place.first;
    if (fetch) {
      const LineRequest request = {wanted, false};
      requests.write(request);
    }
    const GatherStep step = {fetch, give, place.straddles, place.offset};
    steps.write(step);
    at_hand = wanted;
    second = !give;
    if (give) --left;
    more = !(give && last_row);
  }
  const LineRequest end = {0, true};
  requests.write(end);
}

inline void assemble_rows(StepStream& steps, LineStream& lines, int64_t count, LineStream& cells) {
  Line line;
  Line before;
  int64_t left = count;
  bool more = count > 0;
assemble_rows:
  while (more) {
#pragma HLS pipeline II = 1 style = flp
#pragma HLS loop_tripcount min = 1 max = 8192
    const GatherStep step = steps.read();
    const bool last_row = left == 1;
    if (step.fetch) {
      before = line;
      line = lines.read();
    }
    if (step.give) {
      const int low = step.offset * 8;
      const Line shifted = step.straddles ? (before >> low) | (line << (512 - low)) : line >> low;
      cells.write(shifted);
      --left;
    }
    more = !(step.give && last_row);
  }
}

}  // namespace assay_hls
