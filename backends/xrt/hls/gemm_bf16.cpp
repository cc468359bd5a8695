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

}  // namespace
}  // namespace assay_hls

extern "C" void gemm_bf16(const ap_uint<512>* a, const ap_uint<512>* b, float* c, int64_t m,
                          int64_t n, int64_t k) {
#pragma HLS interface m_axi port = a bundle = gmem0 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = b bundle = gmem1 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = c bundle = gmem2 max_write_burst_length = 128
  using namespace assay_hls;
  const GemmShape shape = {m, n, k, false, false};
  multiply<Bf16>(a, b, shape, StoreSum<Bf16, float>(), c);
}
