// ForestCache: what implementations of predict_trees made of a forest to read it faster, kept by
// the forest's owner, so that it is made once and not for each call. Thread-safe: items are added
// and never change or go before the cache does, and a look-up takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace assay::kernels {

class ForestCache {
 public:
  // A derived type has one address for all of its items: static const char kType.
  class Item {
   public:
    virtual ~Item() = default;
    virtual int64_t byte_count() const = 0;

   private:
    friend class ForestCache;
    const void* type_ = nullptr;
    const Item* next_ = nullptr;
  };

  ForestCache() = default;
  ~ForestCache();
  ForestCache(const ForestCache&) = delete;
  ForestCache& operator=(const ForestCache&) = delete;

  // The item of a type for which fits(item) holds, valid as long as the cache; null if there is
  // none.
  template <class T, class Fits>
  const T* find(Fits&& fits) const {
    for (const Item* item = first_.load(std::memory_order_acquire); item; item = item->next_) {
      if (item->type_ != &T::kType) continue;
      const T* typed = static_cast<const T*>(item);
      if (fits(*typed)) return typed;
    }
    return nullptr;
  }

  // Keeps an item. Threads that made the same at the same time keep one each, which does no harm.
  template <class T>
  const T* keep(std::unique_ptr<T> item) {
    const T* kept = item.get();
    add(std::move(item), &T::kType);
    return kept;
  }

  // Rows that were predicted one by one so far, these included: tells what making more would have
  // saved.
  int64_t count_rows(int64_t rows) {
    return rows_.fetch_add(rows, std::memory_order_relaxed) + rows;
  }

  // Memory of the items. They are at most a few times the forest.
  int64_t byte_count() const;

 private:
  void add(std::unique_ptr<Item> item, const void* type);

  std::atomic<const Item*> first_{nullptr};
  std::atomic<int64_t> rows_{0};
};

}  // namespace assay::kernels
