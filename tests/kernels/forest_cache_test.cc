#include "kernels/forest_cache.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace assay::kernels {
namespace {

struct Number final : ForestCache::Item {
  static const char kType;
  explicit Number(int number) : value(number) {}
  int64_t byte_count() const override { return 8; }
  int value;
};
const char Number::kType = 0;

struct Word final : ForestCache::Item {
  static const char kType;
  explicit Word(int number) : value(number) {}
  int64_t byte_count() const override { return 100; }
  int value;
};
const char Word::kType = 0;

TEST(ForestCache, FindsByTypeAndFit) {
  ForestCache cache;
  const auto is = [](int value) {
    return [value](const auto& item) { return item.value == value; };
  };
  EXPECT_EQ(cache.find<Number>(is(1)), nullptr);
  const Number* one = cache.keep(std::make_unique<Number>(1));
  const Word* word = cache.keep(std::make_unique<Word>(1));
  EXPECT_EQ(cache.find<Number>(is(1)), one);
  EXPECT_EQ(cache.find<Word>(is(1)), word);
  EXPECT_EQ(cache.find<Number>(is(2)), nullptr);
  EXPECT_EQ(cache.byte_count(), 108);
}

TEST(ForestCache, CountsRows) {
  ForestCache cache;
  EXPECT_EQ(cache.count_rows(3), 3);
  EXPECT_EQ(cache.count_rows(4), 7);
}

TEST(ForestCache, IsReadAndFilledByManyThreads) {
  ForestCache cache;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 50; ++i) {
        const Number* kept = cache.keep(std::make_unique<Number>(t * 50 + i));
        const auto same = [&](const Number& item) { return item.value == kept->value; };
        EXPECT_EQ(cache.find<Number>(same), kept);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache.byte_count(), 200 * 8);
}

}  // namespace
}  // namespace assay::kernels
