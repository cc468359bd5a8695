#include "kernels/base/executor.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <vector>

#include "kernels/base/function_ref.h"

namespace assay {
namespace {

TEST(SerialExecutor, RunsEveryChunkOnceInOrderOnThreadZero) {
  SerialExecutor executor;
  EXPECT_EQ(executor.thread_count(), 1);
  std::vector<int64_t> chunks;
  const Status status = executor.parallel_for(5, [&](int64_t chunk, int thread) {
    chunks.push_back(chunk);
    EXPECT_EQ(thread, 0);
  });
  EXPECT_TRUE(status.has_value());
  EXPECT_EQ(chunks, (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST(SerialExecutor, RunsNothingForNoChunks) {
  SerialExecutor executor;
  bool called = false;
  EXPECT_TRUE(executor.parallel_for(0, [&](int64_t, int) { called = true; }).has_value());
  EXPECT_FALSE(called);
}

TEST(SerialExecutor, ExceptionBecomesInternalErrorAndOtherChunksRun) {
  SerialExecutor executor;
  int ran = 0;
  const Status status = executor.parallel_for(4, [&](int64_t chunk, int) {
    if (chunk == 1) throw std::runtime_error("boom");
    ++ran;
  });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, StatusCode::kInternal);
  EXPECT_NE(status.error().message.find("boom"), std::string::npos);
  EXPECT_EQ(ran, 3);
}

TEST(SerialExecutor, ExceptionOfUnknownTypeBecomesInternalError) {
  SerialExecutor executor;
  const Status status = executor.parallel_for(1, [](int64_t, int) { throw 7; });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, StatusCode::kInternal);
}

TEST(SerialExecutor, OutOfMemoryBecomesResourceExhausted) {
  SerialExecutor executor;
  const Status status = executor.parallel_for(2, [](int64_t, int) { throw std::bad_alloc(); });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, StatusCode::kResourceExhausted);
}

TEST(Chunks, CoverTheRangeWithoutOverlap) {
  for (const int64_t count : {0, 1, 7, 8, 9, 64, 1001}) {
    const int64_t chunks = chunk_count_of(count, 8);
    int64_t next = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const ChunkRange range = chunk_range(count, 8, chunk);
      EXPECT_EQ(range.begin, next);
      EXPECT_GT(range.end, range.begin);
      EXPECT_LE(range.end - range.begin, 8);
      next = range.end;
    }
    EXPECT_EQ(next, count);
  }
}

TEST(Chunks, CountIsRoundedUp) {
  EXPECT_EQ(chunk_count_of(0, 8), 0);
  EXPECT_EQ(chunk_count_of(1, 8), 1);
  EXPECT_EQ(chunk_count_of(8, 8), 1);
  EXPECT_EQ(chunk_count_of(9, 8), 2);
}

int call_twice(FunctionRef<int(int)> function) { return function(function(3)); }

TEST(FunctionRef, CallsTheReferredObjectAndKeepsItsState) {
  int calls = 0;
  auto counting = [&calls](int x) {
    ++calls;
    return x * 10;
  };
  EXPECT_EQ(call_twice(counting), 300);
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace assay
