// A dictionary from strings to dense ids in order of first appearance: open addressing with linear
// probing, strings in one arena. Not thread-safe; owns its bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace assay::datasets {

// 64-bit hash by multiply-and-fold over 8-byte words.
inline uint64_t hash_text(std::string_view text) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
  uint64_t hash = text.size() * kMultiplier;
  const char* at = text.data();
  size_t left = text.size();
  const auto mix = [&hash](uint64_t word) {
    const unsigned __int128 product =
        static_cast<unsigned __int128>(hash ^ word ^ 0xD6E8FEB86659FD93u) * kMultiplier;
    hash = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    mix(word);
  }
  uint64_t word = 0;
  for (size_t i = 0; i < left; ++i) word |= uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
  mix(word);
  return hash;
}

class LevelTable {
 public:
  // The string's id; a new one, equal to the former size(), if it was not there.
  int32_t intern(std::string_view text, uint64_t hash) {
    if (slots_.empty()) grow();
    for (size_t slot = hash & mask_;; slot = (slot + 1) & mask_) {
      const int32_t id = slots_[slot];
      if (id < 0) return insert(text, hash, slot);
      const Entry& entry = entries_[static_cast<size_t>(id)];
      if (entry.hash == hash && entry.length == text.size() &&
          (text.empty() ||
           std::memcmp(bytes_.data() + entry.offset, text.data(), text.size()) == 0)) {
        return id;
      }
    }
  }
  int32_t intern(std::string_view text) { return intern(text, hash_text(text)); }

  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  // Valid until the next intern() or clear().
  std::string_view text(int64_t id) const {
    const Entry& entry = entries_[static_cast<size_t>(id)];
    return {bytes_.data() + entry.offset, entry.length};
  }
  uint64_t hash(int64_t id) const { return entries_[static_cast<size_t>(id)].hash; }
  // Bytes of all strings.
  int64_t text_bytes() const { return static_cast<int64_t>(bytes_.size()); }
  // Memory held.
  int64_t byte_count() const;
  // Forgets everything; keeps the memory of a small table.
  void clear();
  // Ids in the byte order of their strings.
  std::vector<int32_t> sorted() const;

 private:
  struct Entry {
    uint64_t hash = 0;
    size_t offset = 0;
    size_t length = 0;
  };
  int32_t insert(std::string_view text, uint64_t hash, size_t slot);
  void grow();

  std::vector<int32_t> slots_;  // ids, -1 where free; at most half full
  size_t mask_ = 0;
  std::vector<Entry> entries_;
  std::string bytes_;
};

}  // namespace assay::datasets
