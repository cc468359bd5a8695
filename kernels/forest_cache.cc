#include "kernels/forest_cache.h"

namespace assay::kernels {

ForestCache::~ForestCache() {
  const Item* item = first_.load();
  while (item != nullptr) {
    const Item* next = item->next_;
    delete item;
    item = next;
  }
}

void ForestCache::add(std::unique_ptr<Item> item, const void* type) {
  Item* added = item.release();
  added->type_ = type;
  added->next_ = first_.load(std::memory_order_relaxed);
  while (!first_.compare_exchange_weak(added->next_, added, std::memory_order_release,
                                       std::memory_order_relaxed)) {
  }
}

int64_t ForestCache::byte_count() const {
  int64_t bytes = 0;
  for (const Item* item = first_.load(std::memory_order_acquire); item; item = item->next_) {
    bytes += item->byte_count();
  }
  return bytes;
}

}  // namespace assay::kernels
