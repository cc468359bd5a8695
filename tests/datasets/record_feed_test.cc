#include "datasets/record_feed_internal.h"

#include <gtest/gtest.h>

namespace assay::datasets {
namespace {

int64_t cut(const std::string& text, char delimiter = ',') {
  RecordCutter cutter(delimiter);
  return cutter.scan(text.data(), 0, static_cast<int64_t>(text.size()));
}

TEST(RecordCutter, FindsTheLastRecordEnd) {
  EXPECT_EQ(cut(""), 0);
  EXPECT_EQ(cut("a,b"), 0);
  EXPECT_EQ(cut("a,b\nc"), 4);
  EXPECT_EQ(cut("a,\"b\nc\"\nd"), 8);
  EXPECT_EQ(cut("a,\"b\nc"), 0);
  EXPECT_EQ(cut("a\n\"b\"\"\nc"), 2);
  EXPECT_EQ(cut("a\n\"b\"\"\"\nc"), 8);
  EXPECT_EQ(cut("5\" pipe\nx"), 8);        // a quote within a field is a character
  EXPECT_EQ(cut("a;\"b\nc\"\n", ','), 8);  // ; does not part fields here
  EXPECT_EQ(cut("a;\"b\nc\"\nd", ';'), 8);
  EXPECT_EQ(cut("\"a\"b\"\nc"), 6);  // after the closing quote they are characters
}

TEST(RecordCutter, ScansInPiecesAsAtOnce) {
  const std::string text = "a,\"b\"\"c\n\",d\n\"\"\n,\"\"\"\"\n\"x\"y\",\nz,\"\n\n\"\nlast";
  RecordCutter whole(',');
  const auto size = static_cast<int64_t>(text.size());
  const int64_t expected = whole.scan(text.data(), 0, size);
  for (int64_t step = 1; step < size; ++step) {
    RecordCutter cutter(',');
    int64_t end = 0;
    for (int64_t from = 0; from < size; from += step) {
      const int64_t found = cutter.scan(text.data(), from, std::min(size, from + step));
      if (found > from) end = found;
    }
    EXPECT_EQ(end, expected) << step;
    EXPECT_FALSE(cutter.in_quotes());
  }
}

TEST(RecordFeed, BlocksJoinToTheWholeText) {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "row " + std::to_string(i) + (i % 7 == 0 ? ",\"quoted\n\"\"lines\"\"\"\n" : ",plain\n");
  }
  text += "no newline";
  for (const int64_t block_bytes : {1, 5, 64, 1000, 100000}) {
    for (const size_t head : {size_t{0}, size_t{8}, text.size()}) {
      auto source = ByteSource::from_memory(text.substr(head), "a");
      // The head is cut where a record begins or not: the feed scans it itself.
      RecordFeed feed(*source, {',', block_bytes, 3}, text.substr(0, head));
      std::string joined;
      std::string fresh;
      TextBatch batch;
      for (;;) {
        const Status status = feed.fill(batch);
        ASSERT_TRUE(status) << status.error().message;
        fresh += batch.fresh;
        if (batch.blocks.empty()) break;
        for (const TextBlock& block : batch.blocks) {
          ASSERT_EQ(block.end[-1], '\n');
          joined.append(block.begin, block.end);
        }
      }
      EXPECT_EQ(joined, text + "\n") << block_bytes;
      EXPECT_EQ(fresh, text.substr(head)) << block_bytes;
    }
  }
}

TEST(RecordFeed, UnclosedQuoteNamesItsRecord) {
  auto source = ByteSource::from_memory("a\nb\n\"c\nd\n", "a");
  RecordFeed feed(*source, {',', 1000, 3}, "");
  TextBatch batch;
  const Status status = feed.fill(batch);
  ASSERT_FALSE(status);
  EXPECT_EQ(feed.open_record_line(), 2);
}

}  // namespace
}  // namespace assay::datasets
