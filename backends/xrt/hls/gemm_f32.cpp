// See gemm.h.
#include "backends/xrt/hls/gemm_array.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {
namespace {

struct F32 {
  typedef float In;
  typedef float Sum;
  static constexpr int kBytes = 4;
  static constexpr int kPack = 1;
  static float take(const Line& line, int i) { return float_of(word_of(line, i)); }
  static float add(float sum, const float left[1], const float above[1]) {
#pragma HLS inline
    return sum + left[0] * above[0];
  }
};

// One rounding for alpha, beta and c together. With beta 0, c is not read.
void store_tile(const GemmArray<F32>& array, const GemmShape& shape, const GemmTile& tile,
                float alpha, float beta, float* c) {
store_rows:
  for (int32_t i = 0; i < tile.rows; ++i) {
#pragma HLS loop_tripcount min = 1 max = 64
  store_columns:
    for (int32_t j = 0; j < tile.columns; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 128
#pragma HLS dependence variable = c type = inter dependent = false
      const int64_t at = (tile.row + i) * shape.n + tile.column + j;
      const double product = static_cast<double>(alpha) * static_cast<double>(sum_at(array, i, j));
      const double old = beta == 0 ? 0.0 : static_cast<double>(beta) * static_cast<double>(c[at]);
      c[at] = static_cast<float>(product + old);
    }
  }
}

}  // namespace
}  // namespace assay_hls

extern "C" void gemm_f32(const ap_uint<512>* a, const ap_uint<512>* b, float* c, int64_t m,
                         int64_t n, int64_t k, int32_t transpose_a, int32_t transpose_b,
                         float alpha, float beta) {
#pragma HLS interface m_axi port = a bundle = gmem0 max_read_burst_length = 16
#pragma HLS interface m_axi port = b bundle = gmem1 max_read_burst_length = 16
#pragma HLS interface m_axi port = c bundle = gmem2 max_write_burst_length = 128
  using namespace assay_hls;
  ASSAY_ON_CHIP GemmArray<F32> array;
#pragma HLS array_partition variable = array.a type = cyclic factor = 16 dim = 1
#pragma HLS array_partition variable = array.a type = cyclic factor = 16 dim = 2
#pragma HLS array_partition variable = array.b type = cyclic factor = 16 dim = 1
#pragma HLS array_partition variable = array.b type = cyclic factor = 16 dim = 2
#pragma HLS array_partition variable = array.sums type = complete dim = 1
#pragma HLS array_partition variable = array.sums type = complete dim = 2
  const GemmShape shape = {m, n, k, transpose_a != 0, transpose_b != 0};
tiles_down:
  for (int64_t row = 0; row < m; row += kGemmRows) {
#pragma HLS loop_tripcount min = 1 max = 64
  tiles_right:
    for (int64_t column = 0; column < n; column += kGemmColumns) {
#pragma HLS loop_tripcount min = 1 max = 32
      const GemmTile tile = tile_at(shape, row, column);
      sum_tile(a, b, shape, tile, array);
      store_tile(array, shape, tile, alpha, beta, c);
    }
  }
}
