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
struct StoreScaled {
  float alpha;
  float beta;
  float value(float sum, const float* c) const {
#pragma HLS inline
    const double product = static_cast<double>(alpha) * static_cast<double>(sum);
    const double old = beta == 0 ? 0.0 : static_cast<double>(beta) * static_cast<double>(*c);
    return static_cast<float>(product + old);
  }
};

}  // namespace
}  // namespace assay_hls

extern "C" void gemm_f32(const ap_uint<512>* a, const ap_uint<512>* b, float* c, int64_t m,
                         int64_t n, int64_t k, int32_t transpose_a, int32_t transpose_b,
                         float alpha, float beta) {
#pragma HLS interface m_axi port = a bundle = gmem0 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = b bundle = gmem1 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = c bundle = gmem2 max_write_burst_length = 128
  using namespace assay_hls;
  const GemmShape shape = {m, n, k, transpose_a != 0, transpose_b != 0};
  const StoreScaled store = {alpha, beta};
  multiply<F32>(a, b, shape, store, c);
}
