// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random
// Numbers: As Easy as 1, 2, 3", SC 2011), from Random123. A draw is a pure function of (key,
// counter), so results do not depend on threads, order or device.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace assay {

// Four random words for a key and a 128-bit counter.
std::array<uint32_t, 4> philox_block(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter);

// Mixes a seed with a purpose and a number into a new, unrelated seed:
// `derive_seed(seed, "bagging", tree)`. Distinct purposes give distinct streams.
uint64_t derive_seed(uint64_t seed, std::string_view purpose, uint64_t number = 0);

// A sequence of draws under one seed. Cheap to make; not thread-safe.
class Rng {
 public:
  explicit Rng(uint64_t seed) : seed_(seed) {}
  uint32_t next_u32();
  uint64_t next_u64();
  // Uniform on [0, 1), 53 bits.
  double next_double();
  // Uniform on [0, bound), without bias. bound must be positive.
  uint64_t below(uint64_t bound);

 private:
  uint64_t seed_;
  uint64_t block_ = 0;
  std::array<uint32_t, 4> words_{};
  int used_ = 4;
};

// Fisher-Yates. The result depends on the seed and the input alone.
void shuffle(std::span<uint32_t> items, Rng& rng);

}  // namespace assay
