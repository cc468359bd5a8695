// bin_columns on the host. Work is cut into chunks of rows times blocks of features, so that what a
// chunk writes stays in the second-level cache. The bin of a number is found in two steps without
// branches: the edges, padded with +inf to 256, are cut into 16 groups of 16; the number of groups
// whose last edge is below x picks the group, and the edges below x in it are counted. Both are
// counts of vector compares, two each with 8 lanes.
#include "kernels/bin_columns.h"

#include <algorithm>
#include <array>
#include <limits>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/bin_columns.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kGroup = 16;

// How many of 16 sorted edges lie below x.
HWY_INLINE size_t count_below(const double* HWY_RESTRICT edges, double x) {
  const hn::CappedTag<double, kGroup> d;
  const auto broadcast = hn::Set(d, x);
  size_t count = 0;
  for (size_t i = 0; i < kGroup; i += hn::Lanes(d)) {
    count += hn::CountTrue(d, hn::Lt(hn::Load(d, edges + i), broadcast));
  }
  return count;
}

// `edges` [256] and `pivots` [16], both aligned to 64 bytes. bins[i] = code of numbers[i].
void find_bins(const double* HWY_RESTRICT edges, const double* HWY_RESTRICT pivots, bool one_group,
               const double* HWY_RESTRICT numbers, int64_t count, uint8_t* HWY_RESTRICT bins) {
  for (int64_t i = 0; i < count; ++i) {
    const double x = numbers[i];
    const size_t group = one_group ? 0 : count_below(pivots, x) * kGroup;
    const size_t bin = 1 + group + count_below(edges + group, x);
    bins[i] = static_cast<uint8_t>(x == x ? bin : 0);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(find_bins);

using kernels::BinColumns;
using kernels::BinColumnsArgs;
using kernels::BinColumnsProblem;
using kernels::BinnedView;
using kernels::ColumnSource;
using kernels::DeviceInfo;
using kernels::FeatureKind;
using kernels::kUnseenBin;
using kernels::OpContext;

constexpr int64_t kChunkRows = 1024;

struct PaddedEdges {
  alignas(64) std::array<double, 256> edges;
  alignas(64) std::array<double, 16> pivots;

  explicit PaddedEdges(const ColumnSource& column) {
    edges.fill(std::numeric_limits<double>::infinity());
    std::copy_n(column.edges, column.edge_count, edges.begin());
    for (size_t group = 0; group < 16; ++group) pivots[group] = edges[group * 16 + 15];
  }
};

void map_codes(const ColumnSource& column, ChunkRange rows, uint8_t* bins) {
  const auto code_count = static_cast<uint32_t>(column.code_count);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const auto code = static_cast<uint32_t>(column.codes[row]);  // negative codes become large
    *bins++ = code < code_count ? column.code_to_bin[code] : kUnseenBin;
  }
}

void bin_chunk(const BinnedView& layout, int32_t block, ChunkRange rows,
               const BinColumnsArgs& args) {
  const int32_t width = layout.block_width(block);
  const int64_t count = rows.end - rows.begin;
  uint8_t* out = args.bins + layout.block_offset(block) + rows.begin * width;
  std::array<uint8_t, kChunkRows> bins;
  for (int32_t f = 0; f < width; ++f) {
    const ColumnSource& column = args.columns[block * kernels::kBlockWidth + f];
    if (column.kind == FeatureKind::kNumeric) {
      const PaddedEdges padded(column);
      HWY_DYNAMIC_DISPATCH(find_bins)
      (padded.edges.data(), padded.pivots.data(), column.edge_count <= 16,
       column.numbers + rows.begin, count, bins.data());
    } else {
      map_codes(column, rows, bins.data());
    }
    for (int64_t i = 0; i < count; ++i) out[i * width + f] = bins[static_cast<size_t>(i)];
  }
}

Status run(const OpContext& context, const BinColumnsProblem& problem, const BinColumnsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  BinnedView layout;
  layout.row_count = problem.row_count;
  layout.feature_count = problem.feature_count;
  const int64_t row_chunks = chunk_count_of(problem.row_count, kChunkRows);
  return for_chunks(context, row_chunks * layout.block_count(), [&](int64_t chunk, int) {
    const auto block = static_cast<int32_t>(chunk / row_chunks);
    bin_chunk(layout, block, chunk_range(problem.row_count, kChunkRows, chunk % row_chunks), args);
  });
}

std::optional<std::string> decline(const DeviceInfo&, const BinColumnsProblem&) { return {}; }

double cost(const DeviceInfo&, const BinColumnsProblem& problem) {
  return 5.0 * static_cast<double>(problem.row_count) * problem.feature_count;
}

}  // namespace

void register_bin_columns(kernels::KernelSet& kernels) {
  kernels.table<BinColumns>().add({.name = "cpu.two_level",
                                   .device_kind = "cpu",
                                   .decline = decline,
                                   .cost = cost,
                                   .run = run});
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
