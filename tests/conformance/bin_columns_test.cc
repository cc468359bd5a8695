#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::BinColumns;
using kernels::BinColumnsArgs;
using kernels::ColumnSource;
using kernels::FeatureKind;

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Column {
  std::vector<double> numbers;
  std::vector<double> edges;
  std::vector<int32_t> codes;
  std::vector<uint8_t> code_to_bin;
  bool categorical = false;
  bool absent = false;  // its values are null
};

// Numbers around the edges: the edges themselves, their neighbours, and what is no number.
Column numeric_column(int64_t rows, int32_t edge_count, Rng& rng) {
  Column column;
  double edge = -1e3;
  for (int32_t k = 0; k < edge_count; ++k) {
    edge += 1e-3 + 10 * rng.next_double();
    column.edges.push_back(edge);
  }
  for (int64_t row = 0; row < rows; ++row) {
    const uint64_t kind = rng.below(8);
    double x = -1100 + 2500 * rng.next_double();
    if (kind < 3 && edge_count > 0) {
      x = column.edges[rng.below(static_cast<uint64_t>(edge_count))];
      if (kind == 1) x = std::nextafter(x, kInf);
      if (kind == 2) x = std::nextafter(x, -kInf);
    } else if (kind == 3) {
      const double odd[] = {
          std::numeric_limits<double>::quiet_NaN(), kInf, -kInf, 0.0, -0.0, 1e308, -1e308, 5e-324};
      x = odd[rng.below(8)];
    }
    column.numbers.push_back(x);
  }
  return column;
}

Column categorical_column(int64_t rows, int32_t code_count, Rng& rng) {
  Column column;
  column.categorical = true;
  for (int32_t c = 0; c < code_count; ++c) {
    column.code_to_bin.push_back(static_cast<uint8_t>(rng.below(255)));
  }
  for (int64_t row = 0; row < rows; ++row) {
    const uint64_t kind = rng.below(10);
    int32_t code = code_count > 0 ? static_cast<int32_t>(rng.below(uint64_t(code_count))) : 0;
    if (kind == 0) code = -1;
    if (kind == 1) code = code_count;
    if (kind == 2) code = std::numeric_limits<int32_t>::min();
    column.codes.push_back(code);
  }
  return column;
}

OpCase<BinColumns> make_case(int64_t rows, int32_t features, uint64_t seed) {
  Rng rng(seed);
  auto columns = std::make_shared<std::vector<Column>>();
  const int32_t edge_counts[] = {0, 1, 2, 15, 16, 17, 31, 100, 239, 240, 241, 252, 253};
  for (int32_t f = 0; f < features; ++f) {
    if (f % 7 == 6) {
      columns->emplace_back();
      columns->back().categorical = f % 2 == 0;
      columns->back().absent = true;
    } else if (f % 5 == 4) {
      columns->push_back(categorical_column(rows, f % 3 == 0 ? 0 : 1 + f * 7, rng));
    } else {
      columns->push_back(numeric_column(rows, edge_counts[rng.below(13)], rng));
    }
  }
  OpCase<BinColumns> item;
  item.name = fmt::format("{} rows x {} features", rows, features);
  item.problem = {rows, features};
  item.place = [columns, rows, features](CaseBuffers& buffers) {
    std::vector<ColumnSource> sources;
    for (const Column& column : *columns) {
      ColumnSource source;
      if (column.absent) {
        source.kind = column.categorical ? FeatureKind::kCategorical : FeatureKind::kNumeric;
      } else if (column.categorical) {
        source.kind = FeatureKind::kCategorical;
        source.codes = buffers.input("codes", column.codes);
        source.code_to_bin = buffers.input("code_to_bin", column.code_to_bin);
        source.code_count = static_cast<int32_t>(column.code_to_bin.size());
      } else {
        source.numbers = buffers.input("numbers", column.numbers);
        source.edges = buffers.input("edges", column.edges);
        source.edge_count = static_cast<int32_t>(column.edges.size());
      }
      sources.push_back(source);
    }
    return BinColumnsArgs{buffers.keep(std::move(sources))->data(),
                          buffers.output<uint8_t>("bins", rows * features)};
  };
  return item;
}

TEST(BinColumnsConformance, EveryImplementationMatchesTheReference) {
  std::vector<OpCase<BinColumns>> cases;
  for (const int64_t rows : {0, 1, 2, 7, 8, 9, 63, 65, 127, 1021, 1023, 1025}) {
    cases.push_back(make_case(rows, 3, 100 + static_cast<uint64_t>(rows)));
  }
  for (const int32_t features : {0, 1, 5, 63, 64, 65, 128, 131}) {
    cases.push_back(make_case(97, features, 200 + static_cast<uint64_t>(features)));
  }
  cases.push_back(make_case(10'007, 70, 300));
  check_op<BinColumns>(kernels::reference::bin_columns, cases);
}

}  // namespace
}  // namespace assay::conformance
