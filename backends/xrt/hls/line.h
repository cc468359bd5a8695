// What the kernels share to read memory by lines: parts of a line, and gathers, which turn a stream
// of places into a stream of what lies there. A gather is three processes of a dataflow region:
//   plan      decides for each item which lines to fetch, and skips those at hand;
//   fetch     reads one line a cycle from the port, as many under way as the port allows;
//   assemble  cuts the items out of the lines.
// So no loop waits for memory, and each runs at an initiation interval of 1. Items whose lines are
// at hand (ascending rows of a narrow table) cost no traffic.
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

typedef hls::stream<LineRequest, 64> RequestStream;
typedef hls::stream<GatherStep, 256> StepStream;
typedef hls::stream<Line, 64> LineStream;
typedef hls::stream<uint32_t, 64> WordStream;
typedef hls::stream<uint64_t, 64> LongStream;

// Lines [first, first + count) of a port: a burst.
inline void fetch_run(const Line* port, int64_t first, int64_t count, LineStream& lines) {
fetch_run:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    lines.write(port[first + i]);
  }
}

// The requested lines, in order of request.
inline void fetch_lines(const Line* port, RequestStream& requests, LineStream& lines) {
  bool end = false;
fetch_lines:
  while (!end) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 8192
    const LineRequest request = requests.read();
    end = request.end;
    if (!end) lines.write(port[request.line]);
  }
}

// Elements [first, first + count) of an array of 32-bit words, from the lines that hold them.
inline void unpack_words(LineStream& lines, int64_t first, int64_t count, WordStream& words) {
  Line line;
unpack_words:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    const int slot = static_cast<int>((first + i) & 15);
    if (i == 0 || slot == 0) line = lines.read();
    words.write(word_of(line, slot));
  }
}
inline int64_t word_lines(int64_t first, int64_t count) {
#pragma HLS inline
  return count == 0 ? 0 : ((first + count - 1) >> 4) - (first >> 4) + 1;
}

// Words of 32 bits at base + `places`.
template <class Place>
void plan_words(hls::stream<Place, 64>& places, int64_t base, int64_t count,
                RequestStream& requests, StepStream& steps) {
  int64_t at_hand = -1;
plan_words:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
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
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    const GatherStep step = steps.read();
    if (step.fetch) line = lines.read();
    words.write(word_of(line, step.offset / 4));
  }
}

// Where a row lies: its first and last line, and its first byte in the first.
struct RowPlace {
  int64_t first;
  int64_t last;
  int32_t offset;
};
typedef hls::stream<RowPlace, 64> PlaceStream;

// Rows of `width` <= 64 bytes, row r at byte cell_begin + r * width. Apart from `plan_rows`, whose
// next step hangs on these places, so that no product lies in that loop.
inline void locate_rows(WordStream& rows, int64_t cell_begin, int32_t width, int64_t count,
                        PlaceStream& places) {
locate_rows:
  for (int64_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    const int64_t begin = cell_begin + static_cast<int64_t>(rows.read()) * width;
    const RowPlace place = {begin >> 6, (begin + width - 1) >> 6, static_cast<int32_t>(begin & 63)};
    places.write(place);
  }
}

// A row lies in at most two lines. Costs a cycle a row, and one more where both have to be fetched.
inline void plan_rows(PlaceStream& places, int64_t count, RequestStream& requests,
                      StepStream& steps) {
  int64_t at_hand = -1;
  RowPlace place = {0, 0, 0};
  bool second = false;  // the row's first line was asked for in the cycle before
plan_rows:
  for (int64_t done = 0; done < count;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 8192
    if (!second) place = places.read();
    const int64_t wanted = (second || place.first == at_hand) ? place.last : place.first;
    const bool fetch = wanted != at_hand;
    if (fetch) {
      const LineRequest request = {wanted, false};
      requests.write(request);
    }
    const bool give = wanted == place.last;
    const GatherStep step = {fetch, give, place.first != place.last, place.offset};
    steps.write(step);
    at_hand = wanted;
    second = !give;
    if (give) ++done;
  }
  const LineRequest end = {0, true};
  requests.write(end);
}

inline void assemble_rows(StepStream& steps, LineStream& lines, int64_t count, LineStream& cells) {
  Line line;
  Line before;
assemble_rows:
  for (int64_t done = 0; done < count;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 8192
    const GatherStep step = steps.read();
    if (step.fetch) {
      before = line;
      line = lines.read();
    }
    if (step.give) {
      const int low = step.offset * 8;
      const Line shifted = step.straddles ? (before >> low) | (line << (512 - low)) : line >> low;
      cells.write(shifted);
      ++done;
    }
  }
}

}  // namespace assay_hls
