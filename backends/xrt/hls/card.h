// What a cost of a kernel is made of, and the cards that it is worked out for: public data of the
// makers, and what the vendor's operators usually take. Pure constants and constexpr functions, in
// C++14, as the vendor's compiler has it. Nothing here was measured on a card.
#pragma once

#include <cstdint>

namespace assay_hls {

// The clock that the shells of these cards give a kernel if nothing else is asked, in Hz.
constexpr double kClockHz = 300e6;
// Bytes of a line: one beat of a 512-bit port.
constexpr int64_t kLineBytes = 64;
// From an address on the port to its data, and from argument registers to the first address, in
// cycles: what a dataflow region costs before its first result.
constexpr int64_t kMemoryLatency = 120;
constexpr int64_t kStartLatency = 40;

// DSP slices of one pipelined operator (DSP48E2), "full" usage.
constexpr int kDspDoubleMul = 8;
constexpr int kDspDoubleAdd = 3;
constexpr int kDspFloatMul = 3;
constexpr int kDspFloatAdd = 2;
constexpr int kDspInt8Mul = 1;  // a slice takes two products only if they have a common factor
constexpr int kDspWideMul = 4;  // 32 x 32 bits, integers

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Blocks of memory that [depth] words of `bits` take: 36 Kb (512 x 72) and 288 Kb (4096 x 72).
constexpr int64_t bram_blocks(int64_t depth, int64_t bits) {
  return divide_up(depth, 512) * divide_up(bits, 72);
}
constexpr int64_t uram_blocks(int64_t depth, int64_t bits) {
  return divide_up(depth, 4096) * divide_up(bits, 72);
}

// What a port keeps for each direction: room for as many bursts as may be under way. Gathers ask
// for lines one by one: as many as the wait for memory is long, so that one comes every cycle.
// Other ports keep the tool's 16 bursts.
constexpr int64_t kGatherReads = 128;
constexpr int64_t kGatherBurst = 2;  // the least that the tool takes
static_assert(kGatherReads >= kMemoryLatency, "a gather brings a line a cycle");
constexpr int64_t port_brams(int64_t under_way, int64_t burst, int64_t bits = 8 * kLineBytes) {
  return bram_blocks(under_way * burst, bits);
}

// Of one compute unit.
struct Resources {
  int64_t dsp;
  int64_t bram;  // 36 Kb blocks
  int64_t uram;
};

// A card by its data sheet.
struct Card {
  const char* name;
  const char* source;
  const char* memory;
  double memory_bytes_per_second;   // all channels
  double channel_bytes_per_second;  // one
  int channels;
  // Those that all ports together have of the xclbin that docs/fpga.md builds. One: DDR[0] on a
  // U250; and in HBM[0:31] a buffer lies where the one before ends, so that what a kernel works on
  // is in the same pseudo-channel (256 or 512 MB), whichever of them the ports reach.
  int build_channels;
  double link_bytes_per_second;  // PCIe, one direction, as it is rated
  Resources resources;
};

constexpr int kCardCount = 3;
constexpr Card kCards[kCardCount] = {
    {"U250", "DS962", "DDR4", 77e9, 19.2e9, 4, 1, 15.75e9, {12288, 2688, 1280}},
    {"U280", "DS963", "HBM2", 460e9, 14.375e9, 32, 1, 15.75e9, {9024, 2016, 960}},
    {"U55C", "DS978", "HBM2", 460e9, 14.375e9, 32, 1, 15.75e9, {9024, 2016, 960}},
};

}  // namespace assay_hls
