// The random numbers of kernels/base/rng.h for devices: Philox4x32-10 (Salmon et al., SC 2011) and
// the draws that grow_tree takes from it. Pure functions.
#pragma once

#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::backends::cuda {

struct PhiloxWords {
  uint32_t word[4];
};

// philox_block of kernels/base/rng.h.
ASSAY_HOST_DEVICE inline PhiloxWords philox_words(uint64_t key, PhiloxWords counter) {
  auto key_low = static_cast<uint32_t>(key);
  auto key_high = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53u} * counter.word[0];
    const uint64_t second = uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<uint32_t>(second >> 32) ^ counter.word[1] ^ key_low,
                static_cast<uint32_t>(second),
                static_cast<uint32_t>(first >> 32) ^ counter.word[3] ^ key_high,
                static_cast<uint32_t>(first)}};
    key_low += 0x9E3779B9u;
    key_high += 0xBB67AE85u;
  }
  return counter;
}

// The FNV-1a hash by which derive_seed tells purposes apart.
constexpr uint64_t purpose_hash(const char* purpose) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (; *purpose != '\0'; ++purpose) {
    hash = (hash ^ static_cast<uint8_t>(*purpose)) * 0x100000001b3ULL;
  }
  return hash;
}

// derive_seed of kernels/base/rng.h for a purpose with this hash.
ASSAY_HOST_DEVICE inline uint64_t derived_seed(uint64_t seed, uint64_t hash, uint64_t number) {
  const PhiloxWords words =
      philox_words(seed, {{static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32),
                           static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)}});
  return (uint64_t{words.word[1]} << 32) | words.word[0];
}

// Rng(seed), as far as its `below` goes.
class DeviceRng {
 public:
  ASSAY_HOST_DEVICE explicit DeviceRng(uint64_t seed) : seed_(seed) {}

  // Uniform on [0, bound); bound > 0.
  ASSAY_HOST_DEVICE uint64_t below(uint64_t bound) {
    const uint64_t limit = bound * (~uint64_t{0} / bound);
    uint64_t draw = next();
    while (draw >= limit) draw = next();
    return draw % bound;
  }

 private:
  ASSAY_HOST_DEVICE uint64_t next() {
    if (half_ == 2) {
      words_ = philox_words(
          seed_, {{static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32), 0, 0}});
      ++block_;
      half_ = 0;
    }
    const uint64_t low = half_ == 0 ? words_.word[0] : words_.word[2];
    const uint64_t high = half_ == 0 ? words_.word[1] : words_.word[3];
    ++half_;
    return high << 32 | low;
  }

  uint64_t seed_;
  uint64_t block_ = 0;
  PhiloxWords words_{};
  int32_t half_ = 2;
};

// threshold_draw and rounding_word of kernels/tree_rules.h.
ASSAY_HOST_DEVICE inline int32_t drawn_threshold(uint64_t key, int32_t feature, int32_t bound) {
  constexpr uint64_t kFeature = purpose_hash("feature");
  const uint64_t seed = derived_seed(key, kFeature, static_cast<uint64_t>(feature));
  return static_cast<int32_t>(DeviceRng(seed).below(static_cast<uint64_t>(bound)));
}
// The seed of choose_columns of kernels/tree_rules.h.
ASSAY_HOST_DEVICE inline uint64_t columns_seed(uint64_t key) {
  constexpr uint64_t kColumns = purpose_hash("columns");
  return derived_seed(key, kColumns, 0);
}
ASSAY_HOST_DEVICE inline uint32_t rounding_bits(uint64_t seed, uint32_t row) {
  const PhiloxWords words = philox_words(seed, {{row / 4, 0, 0, 1}});
  return words.word[row % 4];
}

}  // namespace assay::backends::cuda
