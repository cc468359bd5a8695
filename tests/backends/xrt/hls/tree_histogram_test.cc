// tree_histogram called as a function, against sums that the test makes itself.
#include "backends/xrt/hls/tree_histogram.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernels/base/status.h"
#include "tests/backends/xrt/hls/card_memory.h"

namespace assay::backends::xrt {
namespace {

constexpr int64_t kHistogramGuard = 0x5a5a5a5a5a5a5a5a;

struct HistogramShape {
  int64_t table_rows = 0;
  int64_t rows = 0;  // of the node
  int32_t width = 1;
  int32_t class_begin = -1;
  int32_t lanes = 1;
  bool rest = false;
  int32_t most_codes = 255;
};

// A block of a table with a node of it, in a card's memory.
class Block {
 public:
  Block(const HistogramShape& shape, uint64_t seed)
      : shape_(shape),
        rng_(seed),
        row_begin_(pick(rng_, 0, 40)),
        cell_begin_(64 * pick(rng_, 0, 3)),
        cells_(static_cast<size_t>(cell_begin_ + shape.table_rows * shape.width)),
        packed_(static_cast<size_t>(shape.table_rows)),
        rows_(static_cast<size_t>(row_begin_ + shape.rows), 0xffffffff),
        starts_(static_cast<size_t>(shape.width) + 1) {
    draw_cells();
    draw_rows();
    for (uint32_t& value : std::span(packed_.data(), packed_.size())) value = draw_packed();
    word_begin_ = 8 * pick(rng_, 0, 5);
    rest_begin_ = (word_begin_ + word_count() + 7) / 8 * 8 + 8 * pick(rng_, 0, 3);
  }

  int64_t word_count() const { return int64_t{starts_[starts_.size() - 1]} * shape_.lanes; }

  std::vector<int64_t> expected_sums() const {
    std::vector<int64_t> sums(static_cast<size_t>(word_count()), 0);
    for (size_t i = static_cast<size_t>(row_begin_); i < rows_.size(); ++i) {
      for (int32_t j = 0; j < shape_.width; ++j) add_cell(rows_[i], j, sums);
    }
    return sums;
  }

  // Runs the kernel and compares everything that it may and may not have written.
  void check() {
    CardArray<int64_t> words(static_cast<size_t>(rest_begin_ + word_count() + 16), kHistogramGuard);
    std::vector<int64_t> parent;
    for (int64_t i = 0; i < word_count(); ++i) {
      parent.push_back(static_cast<int64_t>(rng_.next_u64() >> 2));
      words[static_cast<size_t>(rest_begin_ + i)] = parent.back();
    }
    tree_histogram(cells_.lines(), packed_.lines(), rows_.lines(), starts_.data(), words.lines(),
                   cell_begin_, row_begin_, shape_.rows, shape_.width, shape_.class_begin,
                   shape_.lanes, word_begin_, shape_.rest ? rest_begin_ : -1);
    const std::vector<int64_t> sums = expected_sums();
    const auto whole = words.whole();
    const int64_t sums_end = (word_begin_ + word_count() + 7) / 8 * 8;
    const int64_t rest_end = (rest_begin_ + word_count() + 7) / 8 * 8;
    for (int64_t i = 0; i < static_cast<int64_t>(whole.size()); ++i) {
      const int64_t found = whole[static_cast<size_t>(i)];
      const int64_t in_sums = i - word_begin_;
      const int64_t in_rest = i - rest_begin_;
      if (in_sums >= 0 && in_sums < word_count()) {
        ASSERT_EQ(found, sums[static_cast<size_t>(in_sums)]) << "word " << in_sums;
      } else if (in_rest >= 0 && in_rest < word_count()) {
        const auto at = static_cast<size_t>(in_rest);
        ASSERT_EQ(found, parent[at] - (shape_.rest ? sums[at] : 0)) << "word " << in_rest;
      } else if ((i < word_begin_ || i >= sums_end) && (i < rest_begin_ || i >= rest_end)) {
        ASSERT_EQ(found, kHistogramGuard) << "behind or before the sums: " << i;
      }
    }
  }

 private:
  // About one column in eight is not searched; its cells are any.
  void draw_cells() {
    int32_t start = 0;
    for (int32_t j = 0; j < shape_.width; ++j) {
      const bool searched = rng_.below(8) != 0;
      const int64_t codes = searched ? pick(rng_, 1, shape_.most_codes) : 0;
      for (int64_t row = 0; row < shape_.table_rows; ++row) {
        cells_[static_cast<size_t>(cell_begin_ + row * shape_.width + j)] =
            static_cast<uint8_t>(pick(rng_, 0, searched ? codes - 1 : 255));
      }
      start += static_cast<int32_t>(codes);
      starts_[static_cast<size_t>(j) + 1] = start;
    }
  }
  void draw_rows() {
    int64_t left = shape_.rows;
    auto at = static_cast<size_t>(row_begin_);
    for (int64_t row = 0; row < shape_.table_rows && left > 0; ++row) {
      if (pick(rng_, 1, shape_.table_rows - row) > left) continue;
      rows_[at++] = static_cast<uint32_t>(row);
      --left;
    }
  }
  uint32_t draw_packed() {
    if (shape_.class_begin < 0) return static_cast<uint32_t>(rng_.next_u32());
    const int64_t last = int64_t{shape_.class_begin} + shape_.lanes;
    const auto one = static_cast<uint32_t>(
        pick(rng_, std::max<int64_t>(0, shape_.class_begin - 1), std::min<int64_t>(last, 65535)));
    return static_cast<uint32_t>(pick(rng_, 0, 32767) << 16) | one;
  }
  // By the contract of kernels/grow_tree.h: gradient in the high half, signed.
  void add_cell(uint32_t row, int32_t column, std::vector<int64_t>& sums) const {
    const int32_t start = starts_[static_cast<size_t>(column)];
    if (starts_[static_cast<size_t>(column) + 1] == start) return;
    const uint8_t code =
        cells_[static_cast<size_t>(cell_begin_ + int64_t{row} * shape_.width + column)];
    const uint32_t packed = packed_[row];
    const auto high = static_cast<int64_t>(static_cast<int16_t>(packed >> 16));
    const auto low = static_cast<int64_t>(packed & 0xffff);
    if (shape_.class_begin < 0) {
      sums[static_cast<size_t>(start + code)] += high * (int64_t{1} << 32) + low;
    } else if (low >= shape_.class_begin && low < shape_.class_begin + shape_.lanes) {
      const int64_t word = int64_t{start + code} * shape_.lanes + low - shape_.class_begin;
      sums[static_cast<size_t>(word)] += high * (int64_t{1} << 32) + 1;
    }
  }

  HistogramShape shape_;
  Rng rng_;
  int64_t row_begin_;
  int64_t cell_begin_;
  CardArray<uint8_t> cells_;
  CardArray<uint32_t> packed_;
  CardArray<uint32_t> rows_;
  CardArray<int32_t> starts_;
  int64_t word_begin_ = 0;
  int64_t rest_begin_ = 0;
};

TEST(TreeHistogram, SumsEveryWidthAndRowCount) {
  uint64_t seed = 0;
  for (const int32_t width : {1, 2, 13, 28, 31, 63, 64}) {
    for (const int64_t rows : {0, 1, 2, 15, 16, 17, 257}) {
      for (const int64_t table_rows : {rows, rows + 1, 7 * rows + 3}) {
        SCOPED_TRACE(fmt::format("{} of {} rows, {} columns", rows, table_rows, width));
        Block({table_rows, rows, width}, ++seed).check();
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

TEST(TreeHistogram, SumsMoreRowsThanATile) {
  for (const int64_t rows : {4095, 4096, 4097, 9001}) {
    Block({rows + 500, rows, 5, -1, 1, true}, static_cast<uint64_t>(rows)).check();
  }
}

TEST(TreeHistogram, CountsAWindowOfClasses) {
  uint64_t seed = 100;
  for (const int32_t lanes : {1, 2, 3, 4, 5, 7, 8}) {
    for (const int32_t first : {0, 5, 65536 - lanes}) {
      SCOPED_TRACE(fmt::format("classes {} and {} more", first, lanes - 1));
      Block({300, 211, 9, first, lanes, lanes % 2 == 0}, ++seed).check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(TreeHistogram, SubtractsFromTheSibling) {
  for (uint64_t seed = 200; seed < 210; ++seed) {
    Block({400, 397, static_cast<int32_t>(1 + seed % 64), -1, 1, true}, seed).check();
  }
}

TEST(TreeHistogram, HoldsTheMostWordsOfACall) { Block({31, 31, 64, 0, 8, true, 255}, 300).check(); }

// A code that every row has meets itself in each replica.
TEST(TreeHistogram, AddsRowsOfOneCode) { Block({1000, 1000, 64, -1, 1, false, 1}, 301).check(); }

// Columns of one word each: the drain goes to the next column in every cycle, past those that are
// not searched, at the begin, in the middle and at the end.
TEST(TreeHistogram, DrainsAColumnAWord) {
  for (uint64_t seed = 400; seed < 420; ++seed) {
    Block({50, 37, 64, -1, 1, seed % 2 == 0, 2}, seed).check();
    Block({50, 37, static_cast<int32_t>(seed % 7 + 1), -1, 1, true, 1}, seed + 100).check();
  }
}

TEST(TreeHistogramCosts, FollowTheirFormula) {
  using namespace assay_hls;  // NOLINT: the formulas
  // 1000 rows of 64 columns, each of 256 codes less one: 65 starts, clear 255 * 4, add 1000 + a
  // tile, fold 255 * 3, drain 16320 words and 2040 lines in 32 bursts.
  const HistogramWork work{1000, 64, 1.0, 0.0625, 16320, 255, 1, false};
  EXPECT_EQ(histogram_cycles(work),
            40 + (65 + 120) + 1020 + (1000 + 240) + 765 + (16320 + 2040 + 32 * 120));
  EXPECT_EQ(histogram_bytes(work), 1000 * 72 + 16320 * 8);
  EXPECT_EQ(histogram_lines(64, 1.0), 1.0);
  EXPECT_EQ(histogram_lines(32, 1.0), 0.5);
  EXPECT_NEAR(histogram_lines(33, 1e-6), 1.5, 1e-5);
  EXPECT_EQ(histogram_lines(64, 0.5), 1.0);
  EXPECT_NEAR(histogram_lines(63, 0.5), 63.0 / 64 * 2 * 0.75, 1e-12);  // two rows a line
  // 8192 words of 64 bits are two blocks of 4096 x 72.
  EXPECT_EQ(histogram_resources().uram, 128);
}

}  // namespace
}  // namespace assay::backends::xrt
