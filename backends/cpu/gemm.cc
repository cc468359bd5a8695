// gemm on the host: the product is cut into tiles of C, and where C is small into parts of the
// inner dimension, whose results are added in order. The cut depends on the problem alone. Each
// tile is Eigen's work on one thread, in code for the best instruction set (gemm_internal.h).
#include "kernels/gemm.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/gemm_internal.h"
#include "backends/cpu/simd_target.h"

namespace assay::backends::cpu {
namespace {

using kernels::DeviceInfo;
using kernels::Gemm;
using kernels::GemmArgs;
using kernels::GemmProblem;
using kernels::OpContext;

using TileFunction = void (*)(const GemmTile&);

TileFunction tile_function() {
  switch (vector_isa()) {
#if defined(__x86_64__)
    case VectorIsa::kAvx512:
      return multiply_avx512;
    case VectorIsa::kAvx2:
      return multiply_avx2;
#endif
    default:
      return multiply_baseline;
  }
}

// How a problem is cut.
struct Cut {
  int64_t tile_m = 1;
  int64_t tile_n = 1;
  int64_t part_k = 1;
  int64_t tiles_m = 0;
  int64_t tiles_n = 0;
  int64_t parts = 1;
};

constexpr int64_t kMostParts = 64;
constexpr int64_t kWantedTiles = 32;

// At most kMostParts parts of the inner dimension, of at least `least_k` each.
void cut_inner(const GemmProblem& p, int64_t least_k, Cut& cut) {
  const int64_t tiles = std::max<int64_t>(1, cut.tiles_m * cut.tiles_n);
  const int64_t wanted =
      std::clamp<int64_t>(p.k / least_k, 1, std::max<int64_t>(1, kMostParts / tiles));
  cut.part_k = std::max<int64_t>(1, chunk_count_of(p.k, wanted));
  cut.parts = std::max<int64_t>(1, chunk_count_of(p.k, cut.part_k));
}

void count_tiles(const GemmProblem& p, Cut& cut) {
  cut.tiles_m = chunk_count_of(p.m, cut.tile_m);
  cut.tiles_n = chunk_count_of(p.n, cut.tile_n);
}

// A matrix times a vector reads each element of A once: a piece is 64 Ki elements or more.
Cut cut_vector(const GemmProblem& p) {
  constexpr int64_t kPiece = 65536;
  Cut cut;
  // Rows of a transposed A are stored along the result: keep them whole as long as it fits a cache.
  const int64_t least = p.transpose_a ? 4096 : 8;
  cut.tile_m = std::max(least, kPiece / std::max<int64_t>(1, p.k));
  count_tiles(p, cut);
  cut_inner(p, std::max<int64_t>(1, kPiece / std::max<int64_t>(1, std::min(p.m, cut.tile_m))), cut);
  return cut;
}

Cut cut_matrix(const GemmProblem& p) {
  constexpr int64_t kGreatestTile = 512;
  constexpr int64_t kLeastTile = 256;      // smaller ones spend their time packing
  constexpr int64_t kSmallWork = 1 << 20;  // multiplications: not worth a second thread
  Cut cut;
  cut.tile_m = std::min(kGreatestTile, std::max<int64_t>(1, p.m));
  cut.tile_n = std::min(kGreatestTile, std::max<int64_t>(1, p.n));
  if (p.m * p.n * p.k <= kSmallWork) {
    cut.tile_m = std::max<int64_t>(1, p.m);
    cut.tile_n = std::max<int64_t>(1, p.n);
    count_tiles(p, cut);
    cut.part_k = std::max<int64_t>(1, p.k);
    return cut;
  }
  count_tiles(p, cut);
  while (cut.tiles_m * cut.tiles_n < kWantedTiles) {
    int64_t& side = cut.tile_m >= cut.tile_n ? cut.tile_m : cut.tile_n;
    if (side < 2 * kLeastTile) break;
    side /= 2;
    count_tiles(p, cut);
  }
  cut_inner(p, 4096, cut);
  return cut;
}

// The tile of `chunk`: chunks count tiles along n, then along m, then parts of k.
GemmTile tile_of(const GemmProblem& p, const GemmArgs& args, const Cut& cut, int64_t chunk,
                 float* parts) {
  const int64_t tiles = cut.tiles_m * cut.tiles_n;
  const ChunkRange rows = chunk_range(p.m, cut.tile_m, chunk % tiles / cut.tiles_n);
  const ChunkRange columns = chunk_range(p.n, cut.tile_n, chunk % cut.tiles_n);
  const int64_t part = chunk / tiles;
  const ChunkRange inner = chunk_range(p.k, cut.part_k, part);
  GemmTile tile;
  tile.m = rows.end - rows.begin;
  tile.n = columns.end - columns.begin;
  tile.k = inner.end - inner.begin;
  tile.transpose_a = p.transpose_a;
  tile.transpose_b = p.transpose_b;
  tile.a_stride = p.transpose_a ? p.m : p.k;
  tile.b_stride = p.transpose_b ? p.k : p.n;
  tile.c_stride = p.n;
  tile.a =
      args.a + (p.transpose_a ? inner.begin * p.m + rows.begin : rows.begin * p.k + inner.begin);
  tile.b = args.b +
           (p.transpose_b ? columns.begin * p.k + inner.begin : inner.begin * p.n + columns.begin);
  tile.alpha = p.alpha;
  float* target = cut.parts > 1 ? parts + part * p.m * p.n : args.c;
  tile.c = target + rows.begin * p.n + columns.begin;
  tile.beta = cut.parts > 1 ? 0.0f : p.beta;
  return tile;
}

// c = beta * c + part 0 + part 1 + ...
Status join_parts(const OpContext& context, const GemmProblem& p, const Cut& cut,
                  const float* parts, float* c) {
  constexpr int64_t kJoined = 16384;
  const int64_t size = p.m * p.n;
  return for_chunks(context, chunk_count_of(size, kJoined), [&](int64_t chunk, int) {
    const ChunkRange range = chunk_range(size, kJoined, chunk);
    for (int64_t i = range.begin; i < range.end; ++i) c[i] = p.beta == 0 ? 0.0f : p.beta * c[i];
    for (int64_t part = 0; part < cut.parts; ++part) {
      const float* from = parts + part * size;
      for (int64_t i = range.begin; i < range.end; ++i) c[i] += from[i];
    }
  });
}

Status multiply(const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
  if (p.m == 0 || p.n == 0) return {};
  const Cut cut = p.n == 1 ? cut_vector(p) : cut_matrix(p);
  const TileFunction run_tile = tile_function();
  std::unique_ptr<float[]> parts;
  if (cut.parts > 1) {
    parts.reset(new (std::nothrow) float[static_cast<size_t>(cut.parts * p.m * p.n)]);
    if (parts == nullptr) {
      return fail(StatusCode::kResourceExhausted, "gemm: no memory for {} partial results of {}x{}",
                  cut.parts, p.m, p.n);
    }
  }
  const int64_t chunks = cut.tiles_m * cut.tiles_n * cut.parts;
  ASSAY_RETURN_IF_ERROR(for_chunks(context, chunks, [&](int64_t chunk, int) {
    run_tile(tile_of(p, args, cut, chunk, parts.get()));
  }));
  return parts == nullptr ? Status() : join_parts(context, p, cut, parts.get(), args.c);
}

Status run(const OpContext& context, const GemmProblem& problem, const GemmArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.m != 1 || problem.n == 1) return multiply(context, problem, args);
  // A vector times a matrix is the transposed matrix times the vector.
  GemmProblem turned = problem;
  turned.m = problem.n;
  turned.n = 1;
  turned.transpose_a = !problem.transpose_b;
  turned.transpose_b = false;
  return multiply(context, turned, {args.b, args.a, args.c});
}

std::optional<std::string> decline(const DeviceInfo&, const GemmProblem& problem) {
  if (problem.in_order) return "Eigen adds in an order of its own";
  return std::nullopt;
}

double cost(const DeviceInfo&, const GemmProblem& p) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return 1000 + work / 16;
}

}  // namespace

void register_gemm(kernels::KernelSet& kernels) {
  kernels.table<Gemm>().add(
      {.name = "cpu.eigen", .device_kind = "cpu", .decline = decline, .cost = cost, .run = run});
}

}  // namespace assay::backends::cpu
