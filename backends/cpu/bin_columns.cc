// bin_columns on the host. Work is cut into chunks of rows times blocks of features, so that what a
// chunk writes stays in the second-level cache. The bin of a number is found without branches, in
// one of two ways.
//
// Buckets, for long columns: the range of the edges is cut into 4096 equal buckets, and a table has
// the number of edges below each. The bucket of a number, (x - lo) * scale, does not fall as x
// grows, however it is rounded: edges of lower buckets are below x, those of higher ones are not,
// and only those in x's own bucket are compared with it. Where a bucket has more than kMostInBucket
// edges, as in columns of very uneven density, the other way is taken.
//
// Groups: the edges, padded with +inf to 256, are cut into 16 groups of 16; the number of groups
// whose last edge is below x picks the group, and the edges below x in it are counted. Both are
// counts of vector compares, two each with 8 lanes.
#include "kernels/bin_columns.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

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
constexpr int32_t kBuckets = 4096;

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

// buckets[i] = the whole part of (numbers[i] - low) * scale, held within [0, kBuckets - 1]; 0 for
// NaN.
void find_buckets(double low, double scale, const double* HWY_RESTRICT numbers, int64_t count,
                  int32_t* HWY_RESTRICT buckets) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<int32_t, decltype(d)> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto last = hn::Set(d, static_cast<double>(kBuckets - 1));
  const auto bucket_of = [&](auto x) HWY_ATTR {
    const auto place = hn::Mul(hn::Sub(x, hn::Set(d, low)), hn::Set(d, scale));
    const auto positive = hn::IfThenElseZero(hn::Gt(place, hn::Zero(d)), place);  // not NaN
    return hn::DemoteTo(di, hn::IfThenElse(hn::Lt(positive, last), positive, last));
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(bucket_of(hn::LoadU(d, numbers + i)), di, buckets + i);
  }
  for (; i < count; ++i) {
    const double place = (numbers[i] - low) * scale;
    const double positive = place > 0 ? place : 0;
    buckets[i] = static_cast<int32_t>(positive < kBuckets - 1 ? positive : kBuckets - 1);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(find_bins);
HWY_EXPORT(find_buckets);

using kernels::BinColumns;
using kernels::BinColumnsArgs;
using kernels::BinColumnsProblem;
using kernels::BinnedView;
using kernels::ColumnSource;
using kernels::DeviceInfo;
using kernels::FeatureKind;
using kernels::kUnseenBin;
using kernels::OpContext;

constexpr int32_t kBuckets = HWY_NAMESPACE::kBuckets;
constexpr int64_t kChunkRows = 1024;
// Rows from which making a bucket table pays.
constexpr int64_t kLongColumn = 8192;

struct PaddedEdges {
  alignas(64) std::array<double, 264> edges;  // a bucket may be compared up to a little behind 256
  alignas(64) std::array<double, 16> pivots;

  explicit PaddedEdges(const ColumnSource& column) {
    edges.fill(std::numeric_limits<double>::infinity());
    std::copy_n(column.edges, column.edge_count, edges.begin());
    for (size_t group = 0; group < 16; ++group) pivots[group] = edges[group * 16 + 15];
  }
};

// The bucket table of one column.
class BucketTable {
 public:
  // Whether it can be used: `padded` has the column's edges.
  bool build(const ColumnSource& column, const PaddedEdges& padded) {
    const int32_t count = column.edge_count;
    if (count < 2) return false;
    low_ = column.edges[0];
    scale_ = kBuckets / (column.edges[count - 1] - low_);
    if (!(scale_ > 0) || !std::isfinite(scale_)) return false;
    std::array<int32_t, kMaxEdgesPadded> places;
    HWY_DYNAMIC_DISPATCH(find_buckets)(low_, scale_, padded.edges.data(), count, places.data());
    int32_t edge = 0;
    most_ = 0;
    for (int32_t bucket = 0; bucket < kBuckets; ++bucket) {
      below_[static_cast<size_t>(bucket)] = static_cast<uint8_t>(edge);
      const int32_t first = edge;
      while (edge < count && places[static_cast<size_t>(edge)] == bucket) ++edge;
      most_ = std::max(most_, edge - first);
    }
    return most_ <= kMostInBucket;
  }

  void find(const PaddedEdges& padded, const double* numbers, int64_t count, uint8_t* bins) const {
    std::array<int32_t, kChunkRows> buckets;
    HWY_DYNAMIC_DISPATCH(find_buckets)(low_, scale_, numbers, count, buckets.data());
    if (most_ == 1) return look_up<1>(padded, numbers, buckets.data(), count, bins);
    if (most_ == 2) return look_up<2>(padded, numbers, buckets.data(), count, bins);
    look_up<kMostInBucket>(padded, numbers, buckets.data(), count, bins);
  }

 private:
  static constexpr int kMostInBucket = 4;
  static constexpr size_t kMaxEdgesPadded = 256;

  template <int kMost>
  void look_up(const PaddedEdges& padded, const double* numbers, const int32_t* buckets,
               int64_t count, uint8_t* bins) const {
    for (int64_t i = 0; i < count; ++i) {
      const double x = numbers[i];
      const size_t below = below_[static_cast<size_t>(buckets[i])];
      size_t bin = 1 + below;
      for (size_t k = 0; k < kMost; ++k) bin += padded.edges[below + k] < x ? 1 : 0;
      bins[i] = static_cast<uint8_t>(x == x ? bin : 0);
    }
  }

  double low_ = 0;
  double scale_ = 0;
  int32_t most_ = 0;  // edges in one bucket
  std::array<uint8_t, kBuckets> below_;
};

// What is known of a numeric column before its rows are looked at.
struct ColumnBinner {
  PaddedEdges padded;
  std::unique_ptr<BucketTable> buckets;  // null: by groups

  ColumnBinner(const ColumnSource& column, int64_t row_count) : padded(column) {
    if (row_count < kLongColumn) return;
    auto table = std::make_unique<BucketTable>();
    if (table->build(column, padded)) buckets = std::move(table);
  }

  void find(const ColumnSource& column, const ChunkRange& rows, uint8_t* bins) const {
    const double* numbers = column.numbers + rows.begin;
    const int64_t count = rows.end - rows.begin;
    if (buckets) return buckets->find(padded, numbers, count, bins);
    HWY_DYNAMIC_DISPATCH(find_bins)
    (padded.edges.data(), padded.pivots.data(), column.edge_count <= 16, numbers, count, bins);
  }
};

void map_codes(const ColumnSource& column, ChunkRange rows, uint8_t* bins) {
  const auto code_count = static_cast<uint32_t>(column.code_count);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const auto code = static_cast<uint32_t>(column.codes[row]);  // negative codes become large
    *bins++ = code < code_count ? column.code_to_bin[code] : kUnseenBin;
  }
}

using Binners = std::vector<std::unique_ptr<const ColumnBinner>>;  // null: no numbers

void bin_chunk(const BinnedView& layout, int32_t block, ChunkRange rows, const BinColumnsArgs& args,
               const Binners& binners) {
  const int32_t width = layout.block_width(block);
  const int64_t count = rows.end - rows.begin;
  uint8_t* out = args.bins + layout.block_offset(block) + rows.begin * width;
  const std::span columns(args.columns + block * kernels::kBlockWidth, static_cast<size_t>(width));
  const auto has_values = [](const ColumnSource& column) { return column.has_values(); };
  if (!std::all_of(columns.begin(), columns.end(), has_values)) {
    std::fill_n(out, count * width, kernels::kMissingBin);
  }
  std::array<uint8_t, kChunkRows> bins;
  for (int32_t f = 0; f < width; ++f) {
    const int32_t feature = block * kernels::kBlockWidth + f;
    const ColumnSource& column = args.columns[feature];
    if (!column.has_values()) continue;
    if (column.kind == FeatureKind::kNumeric) {
      binners[static_cast<size_t>(feature)]->find(column, rows, bins.data());
    } else {
      map_codes(column, rows, bins.data());
    }
    for (int64_t i = 0; i < count; ++i) out[i * width + f] = bins[static_cast<size_t>(i)];
  }
}

Status bin_all(const OpContext& context, const BinColumnsProblem& problem,
               const BinColumnsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  BinnedView layout;
  layout.row_count = problem.row_count;
  layout.feature_count = problem.feature_count;
  Binners binners(static_cast<size_t>(problem.feature_count));
  for (size_t f = 0; f < binners.size(); ++f) {
    if (args.columns[f].numbers == nullptr) continue;
    binners[f] = std::make_unique<const ColumnBinner>(args.columns[f], problem.row_count);
  }
  const int64_t row_chunks = chunk_count_of(problem.row_count, kChunkRows);
  return for_chunks(context, row_chunks * layout.block_count(), [&](int64_t chunk, int) {
    const auto block = static_cast<int32_t>(chunk / row_chunks);
    bin_chunk(layout, block, chunk_range(problem.row_count, kChunkRows, chunk % row_chunks), args,
              binners);
  });
}

Status run(const OpContext& context, const BinColumnsProblem& problem, const BinColumnsArgs& args) {
  try {
    return bin_all(context, problem, args);
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "bin_columns: no memory for tables of {} features",
                problem.feature_count);
  }
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
