// The formulas of the kernels' traffic against what the kernels ask their ports for, as the
// stand-in streams count it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <hls_stream.h>

#include <string_view>

#include "backends/xrt/hls/gemm.h"
#include "backends/xrt/hls/knn_topk.h"
#include "backends/xrt/hls/split_scan.h"
#include "backends/xrt/hls/tree_histogram.h"
#include "tests/backends/xrt/hls/card_memory.h"

namespace assay::backends::xrt {
namespace {

using namespace assay_hls;  // NOLINT: the formulas

double carried(std::string_view name) {
  for (const hls::StreamTraffic& entry : hls::stream_traffic()) {
    if (name == entry.name) return static_cast<double>(entry.items);
  }
  return 0;
}

class Traffic : public ::testing::Test {
 protected:
  void SetUp() override { hls::stream_traffic().clear(); }
};

// Rows are selected by chance, so the counts differ a little from what is expected of them.
TEST_F(Traffic, OfHistogramsIsWhatTheFormulaSays) {
  constexpr int64_t kRows = 20000;
  Rng rng(1);
  for (const int32_t width : {5, 28, 48, 64}) {
    for (const double share : {1.0, 0.5, 0.1, 0.01}) {
      SCOPED_TRACE(fmt::format("{} columns, {} of the rows", width, share));
      std::vector<uint32_t> selected;
      for (uint32_t row = 0; row < kRows; ++row) {
        if (rng.next_double() < share) selected.push_back(row);
      }
      CardArray<uint8_t> cells(static_cast<size_t>(kRows * width));
      CardArray<uint32_t> packed(kRows);
      auto rows = on_card(selected);
      CardArray<int32_t> starts(static_cast<size_t>(width) + 1);
      for (int32_t j = 0; j <= width; ++j) starts[static_cast<size_t>(j)] = j;
      CardArray<int64_t> words(128);
      const auto count = static_cast<int64_t>(selected.size());
      hls::stream_traffic().clear();
      tree_histogram(cells.lines(), packed.lines(), rows.lines(), starts.data(), words.lines(), 0,
                     0, count, width, -1, 1, 0, -1);
      const auto rows_taken = static_cast<double>(count);
      const double expected = histogram_lines(width, share);
      EXPECT_NEAR(carried("cell lines") / rows_taken, expected, 0.05 * expected);
      const double of_packed = histogram_lines(4, share);
      EXPECT_NEAR(carried("packed lines") / rows_taken, of_packed, 0.05 * of_packed);
      EXPECT_NEAR(carried("lines of rows"), rows_taken / 16, rows_taken / kHistogramTile + 1);
      EXPECT_EQ(carried("cell rows"), rows_taken);
      // A cycle of planning a row, or a line.
      const double cycles = std::max(rows_taken, carried("cell lines"));
      EXPECT_LE(carried("cell steps"), cycles * 1.25);
      EXPECT_GE(carried("cell steps"), rows_taken);
    }
  }
}

TEST_F(Traffic, OfScansIsWhatTheFormulaSays) {
  for (const int32_t lanes : {1, 3}) {
    hls::stream_traffic().clear();
    constexpr int32_t kColumns = 20;
    constexpr int32_t kCodes = 51;
    CardArray<int64_t> words(static_cast<size_t>(kColumns * kCodes * lanes));
    for (size_t i = 0; i < words.size(); ++i) words[i] = (int64_t{1} << 32) + 1;
    CardArray<int32_t> columns(4 * kColumns);
    for (int32_t j = 0; j < kColumns; ++j) {
      const auto at = static_cast<size_t>(4 * j);
      columns[at] = j * kCodes;
      columns[at + 1] = columns[at + 2] = kCodes;
      columns[at + 3] = 1;
    }
    CardArray<int64_t> nodes(2);
    nodes[1] = kCodes;
    CardArray<double> rules(8);
    rules[0] = rules[1] = 1;
    CardArray<uint64_t> best(2 * (kColumns + 8));
    split_scan(words.lines(), nodes.data(), columns.data(), rules.data(), best.data(), 1, kColumns,
               lanes, lanes > 1 ? 1 : 0);
    EXPECT_EQ(carried("words of columns"), kColumns * kCodes * lanes);
    // A column begins and ends within a line.
    const double bytes =
        64 * (carried("lines of columns") + carried("lines of column 0")) + 16 * (kColumns + lanes);
    const double planned = scan_bytes({1, kColumns, kColumns * kCodes, kCodes, lanes, lanes > 1});
    EXPECT_GE(bytes, planned);
    EXPECT_LE(bytes, planned + 64 * (kColumns + 1));
  }
}

TEST_F(Traffic, OfProductsIsWhatTheFormulaSays) {
  constexpr int64_t kM = 128;
  constexpr int64_t kN = 128;
  constexpr int64_t kK = 320;
  CardArray<float> a(kM * kK);
  CardArray<float> b(kK * kN);
  CardArray<float> c(kM * kN);
  gemm_f32(a.lines(), b.lines(), c.data(), kM, kN, kK, 0, 0, 1, 0);
  EXPECT_EQ(64 * carried("lines of a panel") + 4.0 * kM * kN, gemm_bytes({kM, kN, kK, 4}));
  hls::stream_traffic().clear();
  CardArray<int8_t> small_a(kM * kK);
  CardArray<int8_t> small_b(kK * kN);
  CardArray<int32_t> small_c(kM * kN);
  gemm_int8(small_a.lines(), small_b.lines(), small_c.data(), kM, kN, kK);
  EXPECT_EQ(64 * carried("lines of a panel") + 4.0 * kM * kN, gemm_bytes({kM, kN, kK, 1}));
}

TEST_F(Traffic, OfNearestPointsIsWhatTheFormulaSays) {
  constexpr int64_t kPoints = 640;
  constexpr int64_t kQueries = 32;
  constexpr int32_t kDim = 48;
  constexpr int32_t kNearest = 3;
  CardArray<float> points(kPoints * kDim);
  CardArray<float> queries(kQueries * kDim);
  CardArray<int32_t> indices(kQueries * kNearest);
  CardArray<float> distances(kQueries * kNearest);
  knn_topk(points.lines(), queries.lines(), indices.data(), distances.data(), kPoints, kQueries,
           kDim, kNearest);
  EXPECT_EQ(64 * carried("lines of numbers") + 8.0 * kQueries * kNearest,
            knn_bytes({kPoints, kQueries, kDim, kNearest}));
}

}  // namespace
}  // namespace assay::backends::xrt
