// See gemm.h.
#include "backends/xrt/hls/gemm_array.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {
namespace {

// The high half of an f32; a product of two has at most 16 significant bits, and is exact.
struct Bf16 {
  typedef float In;
  typedef float Sum;
  static constexpr int kBytes = 2;
  static constexpr int kPack = 1;
  static float take(const Line& line, int i) {
    return float_of(static_cast<uint32_t>(half_of(line, i)) << 16);
  }
  static float add(float sum, const float left[1], const float above[1]) {
#pragma HLS inline
    return sum + left[0] * above[0];
  }
};

void store_tile(const GemmArray<Bf16>& array, const GemmShape& shape, const GemmTile& tile,
                float* c) {
store_rows:
  for (int32_t i = 0; i < tile.rows; ++i) {
#pragma HLS loop_tripcount min = 1 max = 64
  store_columns:
    for (int32_t j = 0; j < tile.columns; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 128
      c[(tile.row + i) * shape.n + tile.column + j] = sum_at(array, i, j);
    }
  }
}

}  // namespace
}  // namespace assay_hls

extern "C" void gemm_bf16(const ap_uint<512>* a, const ap_uint<512>* b, float* c, int64_t m,
                          int64_t n, int64_t k) {
#pragma HLS interface m_axi port = a bundle = gmem0 max_read_burst_length = 16
#pragma HLS interface m_axi port = b bundle = gmem1 max_read_burst_length = 16
#pragma HLS interface m_axi port = c bundle = gmem2 max_write_burst_length = 128
  using namespace assay_hls;
  ASSAY_ON_CHIP GemmArray<Bf16> array;
#pragma HLS array_partition variable = array.a type = cyclic factor = 16 dim = 1
#pragma HLS array_partition variable = array.a type = cyclic factor = 16 dim = 2
#pragma HLS array_partition variable = array.b type = cyclic factor = 16 dim = 1
#pragma HLS array_partition variable = array.b type = cyclic factor = 16 dim = 2
#pragma HLS array_partition variable = array.sums type = complete dim = 1
#pragma HLS array_partition variable = array.sums type = complete dim = 2
  const GemmShape shape = {m, n, k, false, false};
tiles_down:
  for (int64_t row = 0; row < m; row += kGemmRows) {
#pragma HLS loop_tripcount min = 1 max = 64
  tiles_right:
    for (int64_t column = 0; column < n; column += kGemmColumns) {
#pragma HLS loop_tripcount min = 1 max = 32
      const GemmTile tile = tile_at(shape, row, column);
      sum_tile(a, b, shape, tile, array);
      store_tile(array, shape, tile, c);
    }
  }
}
