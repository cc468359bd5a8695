#include <algorithm>

#include "datasets/level_table_internal.h"

namespace assay::datasets {
namespace {

// The first 8 bytes, so that integer order is byte order; short strings are padded with zeros.
uint64_t prefix_of(std::string_view text) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < 8; ++i) {
    prefix = prefix << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
  }
  return prefix;
}

}  // namespace

int32_t LevelTable::insert(std::string_view text, uint64_t hash, size_t slot) {
  const auto id = static_cast<int32_t>(entries_.size());
  entries_.push_back({hash, bytes_.size(), text.size()});
  bytes_.append(text);
  slots_[slot] = id;
  if (entries_.size() * 2 > slots_.size()) grow();
  return id;
}

void LevelTable::grow() {
  const size_t count = std::max<size_t>(slots_.size() * 2, 32);
  slots_.assign(count, -1);
  mask_ = count - 1;
  for (size_t id = 0; id < entries_.size(); ++id) {
    size_t slot = entries_[id].hash & mask_;
    while (slots_[slot] >= 0) slot = (slot + 1) & mask_;
    slots_[slot] = static_cast<int32_t>(id);
  }
}

int64_t LevelTable::byte_count() const {
  return static_cast<int64_t>(slots_.capacity() * sizeof(int32_t) +
                              entries_.capacity() * sizeof(Entry) + bytes_.capacity());
}

void LevelTable::clear() {
  constexpr size_t kKeptSlots = 1024;
  if (slots_.size() > kKeptSlots) {
    slots_ = {};
    mask_ = 0;
  } else if (!entries_.empty()) {
    std::fill(slots_.begin(), slots_.end(), -1);
  }
  entries_.clear();
  bytes_.clear();
}

std::vector<int32_t> LevelTable::sorted() const {
  struct Key {
    uint64_t prefix;
    int32_t id;
  };
  std::vector<Key> keys(entries_.size());
  for (size_t id = 0; id < keys.size(); ++id) {
    keys[id] = {prefix_of(text(static_cast<int64_t>(id))), static_cast<int32_t>(id)};
  }
  std::sort(keys.begin(), keys.end(), [this](const Key& a, const Key& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : text(a.id) < text(b.id);
  });
  std::vector<int32_t> ids(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) ids[i] = keys[i].id;
  return ids;
}

}  // namespace assay::datasets
