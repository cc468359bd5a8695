#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/reference/reference_ops.h"
#include "tests/special_numbers.h"

namespace assay::kernels {
namespace {

TEST(ReferenceBinColumns, CountsEdgesBelowAndKeepsMissingApart) {
  const std::vector<double> edges{1.0, 2.5};
  const std::vector<double> numbers{0.5, 1.0, 1.5, 2.5, 2.6, kNan, -kInf, kInf};
  const std::vector<uint8_t> expected{1, 1, 2, 2, 3, 0, 1, 3};
  ColumnSource column;
  column.numbers = numbers.data();
  column.edges = edges.data();
  column.edge_count = 2;
  std::vector<uint8_t> bins(8, 99);
  ASSERT_TRUE(reference::bin_columns({}, {8, 1}, {&column, bins.data()}).has_value());
  EXPECT_EQ(bins, expected);
}

TEST(ReferenceBinColumns, MapsLevelsAndSendsForeignCodesToUnseen) {
  const std::vector<int32_t> codes{0, 1, 2, 3, 4, -1, 5};
  const std::vector<uint8_t> code_to_bin{0, 1, 7, 2, 1};
  const std::vector<uint8_t> expected{0, 1, 7, 2, 1, 1, 1};
  ColumnSource column;
  column.kind = FeatureKind::kCategorical;
  column.codes = codes.data();
  column.code_to_bin = code_to_bin.data();
  column.code_count = 5;
  std::vector<uint8_t> bins(7, 99);
  ASSERT_TRUE(reference::bin_columns({}, {7, 1}, {&column, bins.data()}).has_value());
  EXPECT_EQ(bins, expected);
}

TEST(ReferenceBinColumns, LaysBlocksOfSixtyFourFeaturesOneBehindTheOther) {
  // 65 features, 2 rows: cell (r, f) is at 64 r + f for f < 64, else at 128 + r.
  const std::vector<double> numbers{0.0, 1.0};
  std::vector<std::vector<double>> edges(65);
  std::vector<ColumnSource> columns(65);
  for (size_t f = 0; f < 65; ++f) {
    edges[f] = {f % 2 == 0 ? 0.5 : 5.0};
    columns[f].numbers = numbers.data();
    columns[f].edges = edges[f].data();
    columns[f].edge_count = 1;
  }
  std::vector<uint8_t> bins(130, 99);
  ASSERT_TRUE(reference::bin_columns({}, {2, 65}, {columns.data(), bins.data()}).has_value());
  for (size_t f = 0; f < 64; ++f) {
    EXPECT_EQ(bins[f], 1) << f;
    EXPECT_EQ(bins[64 + f], f % 2 == 0 ? 2 : 1) << f;
  }
  EXPECT_EQ(bins[128], 1);
  EXPECT_EQ(bins[129], 2);
}

TEST(ReferenceBinColumns, RefusesTooManyEdges) {
  ColumnSource column;
  column.edge_count = 254;
  uint8_t bin = 0;
  const Status status = reference::bin_columns({}, {0, 1}, {&column, &bin});
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().message, "bin_columns: edge_count=254 of feature 0 (must be 0..253)");
}

}  // namespace
}  // namespace assay::kernels
