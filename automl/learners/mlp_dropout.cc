// A word of 32 random bits decides of four activations, by a byte each. Words are a hash of their
// number under the layer's seed: that is plain arithmetic on vectors, where a stream of draws is
// not.
#include "automl/learners/mlp_dropout.h"

#include <algorithm>

#include "kernels/base/rng.h"
#include "kernels/base/vector_clones.h"

namespace assay::automl {
namespace {

constexpr size_t kWords = 64;
constexpr size_t kBytes = 4;

// Mixes all bits of a word into all others (constants of lowbias32: Wellons, "Prospecting for Hash
// Functions", 2018). Each step can be undone, so different words stay different.
inline uint32_t mixed(uint32_t word) {
  word ^= word >> 16;
  word *= 0x7feb352dU;
  word ^= word >> 15;
  word *= 0x846ca68bU;
  return word ^ (word >> 16);
}

// Factors of kWords * kBytes activations: bytes below `dropped` leave nothing.
ASSAY_VECTOR_CLONES
void draw_factors(uint32_t first, uint32_t low, uint32_t high, uint32_t dropped, float left,
                  float* factors) {
  uint32_t words[kWords];
  for (uint32_t i = 0; i < kWords; ++i) words[i] = mixed(mixed(low ^ (first + i)) ^ high);
  for (size_t byte = 0; byte < kBytes; ++byte) {
    for (size_t i = 0; i < kWords; ++i) {
      const uint32_t drawn = (words[i] >> (8 * byte)) & 255U;
      factors[byte * kWords + i] = drawn < dropped ? 0.0F : left;
    }
  }
}

ASSAY_VECTOR_CLONES
void scale_both(const float* factors, size_t count, float* activations, float* slopes) {
  for (size_t i = 0; i < count; ++i) {
    activations[i] *= factors[i];
    slopes[i] *= factors[i];
  }
}

}  // namespace

Dropout::Dropout(double share, uint64_t seed, int64_t step, int64_t part)
    : dropped_(static_cast<uint32_t>(share * 256)),
      left_(256.0F / (256.0F - static_cast<float>(dropped_))),
      seed_(derive_seed(derive_seed(seed, "dropout", static_cast<uint64_t>(step)), "part",
                        static_cast<uint64_t>(part))) {}

void Dropout::apply(size_t layer, std::span<float> activations, std::span<float> slopes) {
  if (dropped_ == 0) return;
  const uint64_t seed = derive_seed(seed_, "layer", layer);
  float factors[kWords * kBytes];
  uint32_t word = 0;
  for (size_t begin = 0; begin < activations.size(); begin += kWords * kBytes) {
    draw_factors(word, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), dropped_,
                 left_, factors);
    word += kWords;
    scale_both(factors, std::min(kWords * kBytes, activations.size() - begin),
               activations.data() + begin, slopes.data() + begin);
  }
}

}  // namespace assay::automl
