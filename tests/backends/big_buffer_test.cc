#include "backends/cpu/big_buffer.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::backends::cpu {
namespace {

// As bootstrap samples of one table have them: were each kept for its own size alone, what is freed
// would add up to kKeptPages.
TEST(BigBuffer, SizesThatDifferByLittleTakeTheSamePages) {
  std::set<const void*> places;
  for (size_t i = 0; i < 1000; ++i) {
    const BigBuffer<float> buffer(20'000 + i);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    buffer[buffer.size() - 1] = 1;
    places.insert(buffer.data());
  }
  EXPECT_LE(places.size(), 2u);
}

TEST(BigBuffer, HoldsSmallAndUnevenSizesWhole) {
  for (const size_t size : {1, 63, 64, 65, 127, 1000, 65'537, 4'200'000}) {
    const BigBuffer<uint8_t> first(size);
    const BigBuffer<uint8_t> second(size);
    EXPECT_TRUE(first.data() + size <= second.data() || second.data() + size <= first.data());
    first[size - 1] = 1;
    second[size - 1] = 2;
    EXPECT_EQ(first[size - 1], 1);
  }
}

}  // namespace
}  // namespace assay::backends::cpu
