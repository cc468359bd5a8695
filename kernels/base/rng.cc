#include "kernels/base/rng.h"

#include <Random123/philox.h>

#include <utility>

namespace assay {

std::array<uint32_t, 4> philox_block(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter) {
  const r123::Philox4x32::ctr_type c = {{counter[0], counter[1], counter[2], counter[3]}};
  const r123::Philox4x32::key_type k = {{key[0], key[1]}};
  const auto words = r123::Philox4x32()(c, k);
  return {words[0], words[1], words[2], words[3]};
}

uint64_t derive_seed(uint64_t seed, std::string_view purpose, uint64_t number) {
  // FNV-1a of the purpose, then one Philox block keyed by the seed.
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : purpose) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  }
  const auto words =
      philox_block({static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
                 {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32),
                  static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)});
  return (uint64_t{words[1]} << 32) | words[0];
}

uint32_t Rng::next_u32() {
  if (used_ == 4) {
    words_ = philox_block({static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)},
                        {static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32), 0, 0});
    ++block_;
    used_ = 0;
  }
  return words_[static_cast<size_t>(used_++)];
}

uint64_t Rng::next_u64() {
  const uint64_t low = next_u32();
  return (uint64_t{next_u32()} << 32) | low;
}

double Rng::next_double() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

uint64_t Rng::below(uint64_t bound) {
  // Rejects the tail that would make small values likelier.
  const uint64_t limit = bound * (UINT64_MAX / bound);
  uint64_t draw = next_u64();
  while (draw >= limit) draw = next_u64();
  return draw % bound;
}

void shuffle(std::span<uint32_t> items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[rng.below(i)]);
  }
}

}  // namespace assay
