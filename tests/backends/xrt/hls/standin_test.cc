// The stand-ins for the vendor's headers: what the kernels use of them does what the vendor's does,
// and what would hang a card ends the process with its name.
#include <ap_int.h>
#include <gtest/gtest.h>
#include <hls_stream.h>

#include <array>
#include <cstring>

#include "tests/backends/xrt/hls/card_memory.h"

namespace assay::backends::xrt {
namespace {

using Bits = std::array<bool, 512>;

ap_uint<512> number_of(const Bits& bits) {
  ap_uint<512> number;
  for (int i = 0; i < 512; ++i) number.range(i, i) = bits[static_cast<size_t>(i)] ? 1 : 0;
  return number;
}
Bits bits_of(const ap_uint<512>& number) {
  Bits bits;
  for (int i = 0; i < 512; ++i) bits[static_cast<size_t>(i)] = number.range(i, i).to_uint() != 0;
  return bits;
}
Bits draw(Rng& rng) {
  Bits bits;
  for (bool& bit : bits) bit = rng.below(2) != 0;
  return bits;
}

TEST(ApUint, LiesInMemoryLowestByteFirst) {
  ap_uint<512> number;
  number.range(15, 0) = 0x1234;
  number.range(511, 504) = 0xab;
  uint8_t bytes[64];
  std::memcpy(bytes, &number, sizeof(bytes));
  EXPECT_EQ(bytes[0], 0x34);
  EXPECT_EQ(bytes[1], 0x12);
  EXPECT_EQ(bytes[2], 0);
  EXPECT_EQ(bytes[63], 0xab);
}

TEST(ApUint, ReadsAndSetsEveryRange) {
  Rng rng(1);
  for (int round = 0; round < 2000; ++round) {
    Bits bits = draw(rng);
    const auto low = static_cast<int>(pick(rng, 0, 511));
    const auto high = static_cast<int>(pick(rng, low, std::min(511, low + 63)));
    ap_uint<512> number = number_of(bits);
    uint64_t expected = 0;
    for (int i = low; i <= high; ++i) {
      expected |= uint64_t{bits[static_cast<size_t>(i)]} << (i - low);
    }
    EXPECT_EQ(number.range(high, low).to_uint64(), expected);
    EXPECT_EQ(number(high, low).to_uint64(), expected);
    const uint64_t value = rng.next_u64();
    number.range(high, low) = value;
    for (int i = low; i <= high; ++i) {
      bits[static_cast<size_t>(i)] = ((value >> (i - low)) & 1) != 0;
    }
    EXPECT_EQ(bits_of(number), bits) << "range(" << high << ", " << low << ")";
  }
}

TEST(ApUint, ShiftsAndJoinsAllBits) {
  Rng rng(2);
  for (int shift = 0; shift <= 512; shift += 1 + shift % 7) {
    const Bits bits = draw(rng);
    Bits up{};
    Bits down{};
    for (int i = 0; i + shift < 512; ++i) {
      up[static_cast<size_t>(i + shift)] = bits[static_cast<size_t>(i)];
      down[static_cast<size_t>(i)] = bits[static_cast<size_t>(i + shift)];
    }
    const ap_uint<512> number = number_of(bits);
    EXPECT_EQ(bits_of(number << shift), up) << shift;
    EXPECT_EQ(bits_of(number >> shift), down) << shift;
    EXPECT_TRUE(((number >> shift) << shift | (number << (512 - shift)) >> (512 - shift)) ==
                number);
  }
}

TEST(ApUintDeathTest, NamesRangesOutsideOfIt) {
  ap_uint<512> number;
  EXPECT_DEATH(number.range(512, 505) = 1, "range\\(512, 505\\) is outside");
  EXPECT_DEATH((void)number.range(3, 4).to_uint(), "range\\(3, 4\\) is outside");
}

TEST(HlsStream, KeepsOrderAndRecordsItsPeak) {
  hls::stream<int, 4> queue("numbers");
  EXPECT_TRUE(queue.empty());
  for (int i = 0; i < 3; ++i) queue.write(i);
  EXPECT_EQ(queue.read(), 0);
  EXPECT_FALSE(queue.full());
  queue << 3;
  EXPECT_TRUE(queue.write_nb(4));
  EXPECT_TRUE(queue.full());
  EXPECT_FALSE(queue.write_nb(5));
  for (int i = 1; i <= 4; ++i) {
    int item = 0;
    ASSERT_TRUE(queue.read_nb(item));
    EXPECT_EQ(item, i);
  }
  int item = 0;
  EXPECT_FALSE(queue.read_nb(item));
  EXPECT_EQ(queue.peak(), 4u);
}

TEST(HlsStreamDeathTest, NamesTheStreamThatIsReadWhileEmpty) {
  EXPECT_DEATH(
      {
        hls::stream<int> queue("row numbers");
        queue.read();
      },
      "'row numbers': read while empty");
}

TEST(HlsStreamDeathTest, NamesTheStreamThatIsPolledForEver) {
  EXPECT_DEATH(
      {
        hls::stream<int> queue("requests");
        int item = 0;
        while (!queue.read_nb(item)) continue;
      },
      "'requests': polled for ever");
}

TEST(HlsStreamDeathTest, NamesTheStreamThatIsNotReadToItsEnd) {
  EXPECT_DEATH(
      {
        hls::stream<int> queue("cell lines");
        queue.write(1);
      },
      "'cell lines': destroyed before it was empty \\(1 left\\)");
}

}  // namespace
}  // namespace assay::backends::xrt
