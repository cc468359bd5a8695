#include "tracking/ulid.h"

#include <gtest/gtest.h>
#include <time.h>

#include <set>
#include <thread>
#include <vector>

namespace assay::tracking {
namespace {

TEST(Ulid, HasTheTimeOfItsMaking) {
  const int64_t before_ms = int64_t{::time(nullptr)} * 1000;
  const auto id = make_ulid();
  ASSERT_TRUE(id);
  EXPECT_TRUE(is_ulid(*id)) << *id;
  EXPECT_GE(ulid_time_ms(*id), before_ms);
  EXPECT_LE(ulid_time_ms(*id), before_ms + 60'000);
}

TEST(Ulid, DecodesAKnownTime) {
  // 2 * 32 + 1 = 65 ms; the largest time is 2^48 - 1.
  EXPECT_EQ(ulid_time_ms("00000000210000000000000000"), 65);
  EXPECT_EQ(ulid_time_ms("7ZZZZZZZZZ0000000000000000"), 281'474'976'710'655);
}

TEST(Ulid, GrowsWithinAMillisecond) {
  std::string last;
  for (int i = 0; i < 10'000; ++i) {
    const auto id = make_ulid();
    ASSERT_TRUE(id);
    EXPECT_LT(last, *id);
    last = *id;
  }
}

TEST(Ulid, IsUniqueAcrossThreads) {
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < 2000; ++i) ids.push_back(*make_ulid());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& ids : made) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), 8000U);
}

TEST(Ulid, RefusesOtherTexts) {
  EXPECT_FALSE(is_ulid(""));
  EXPECT_FALSE(is_ulid("01HZY0J8Q0ABCDEFGHJKMNPQR"));
  EXPECT_FALSE(is_ulid("01HZY0J8Q0ABCDEFGHJKMNPQRU"));  // U is not in the alphabet
  EXPECT_FALSE(is_ulid("81HZY0J8Q0ABCDEFGHJKMNPQRS"));  // above 128 bits
  EXPECT_FALSE(is_ulid("../../etc/passwd/000000000"));
  EXPECT_TRUE(is_ulid("01hzy0j8q0abcdefghjkmnpqrs"));
  EXPECT_EQ(ulid_time_ms("no id"), 0);
}

TEST(Ulid, ShardIsItsLastByte) {
  EXPECT_EQ(ulid_shard("0000000000000000000000000Z"), "1f");
  EXPECT_EQ(ulid_shard("00000000000000000000000010"), "20");
  EXPECT_EQ(ulid_shard("000000000000000000000000ZZ"), "ff");
}

}  // namespace
}  // namespace assay::tracking
