// The random numbers of GPUs are those of the host.
#include <gtest/gtest.h>

#include "backends/cuda/philox.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cuda {
namespace {

// Of Random123's file of known answers (kat_vectors).
TEST(CudaDraws, PhiloxHasItsKnownAnswers) {
  const PhiloxWords zero = philox_words(0, {{0, 0, 0, 0}});
  EXPECT_EQ(zero.word[0], 0x6627e8d5u);
  EXPECT_EQ(zero.word[1], 0xe169c58du);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8u);
  const PhiloxWords ones =
      philox_words(~uint64_t{0}, {{0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}});
  EXPECT_EQ(ones.word[0], 0x408f276du);
  EXPECT_EQ(ones.word[1], 0x41c83b0eu);
  EXPECT_EQ(ones.word[2], 0xa20bc7c6u);
  EXPECT_EQ(ones.word[3], 0x6d5451fdu);
}

TEST(CudaDraws, AreTheHosts) {
  for (uint64_t i = 0; i < 200; ++i) {
    const uint64_t key = derive_seed(i, "key");
    EXPECT_EQ(derived_seed(key, purpose_hash("feature"), i), derive_seed(key, "feature", i));
    EXPECT_EQ(rounding_bits(key, static_cast<uint32_t>(i)),
              kernels::rounding_word(key, static_cast<uint32_t>(i)));
    const auto feature = static_cast<int32_t>(i % 7);
    const auto bound = static_cast<int32_t>(1 + i % 254);
    EXPECT_EQ(drawn_threshold(key, feature, bound), kernels::threshold_draw(key, feature, bound));
  }
}

// A bound just above half of 2^64 rejects nearly every second draw.
TEST(CudaDraws, RejectedDrawsAreDrawnAgain) {
  const uint64_t bound = (uint64_t{1} << 63) + 1;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    DeviceRng there(seed);
    Rng here(seed);
    for (int draw = 0; draw < 5; ++draw) EXPECT_EQ(there.below(bound), here.below(bound)) << seed;
  }
}

}  // namespace
}  // namespace assay::backends::cuda
