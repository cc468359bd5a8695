// See gemm.h.
#include "backends/xrt/hls/gemm_array.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {
namespace {

// Sums modulo 2^32, exact while they fit.
struct Int8 {
  typedef int8_t In;
  typedef uint32_t Sum;
  static constexpr int kBytes = 1;
  static constexpr int kPack = 4;
  static int8_t take(const Line& line, int i) { return static_cast<int8_t>(byte_of(line, i)); }
  static uint32_t add(uint32_t sum, const int8_t left[4], const int8_t above[4]) {
#pragma HLS inline
    int32_t products = 0;
    for (int32_t q = 0; q < 4; ++q) {
#pragma HLS unroll
      products += static_cast<int32_t>(left[q]) * static_cast<int32_t>(above[q]);
    }
    return sum + static_cast<uint32_t>(products);
  }
};

}  // namespace
}  // namespace assay_hls

extern "C" void gemm_int8(const ap_uint<512>* a, const ap_uint<512>* b, int32_t* c, int64_t m,
                          int64_t n, int64_t k) {
#pragma HLS interface m_axi port = a bundle = gmem0 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = b bundle = gmem1 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = c bundle = gmem2 max_write_burst_length = 128
  using namespace assay_hls;
  const GemmShape shape = {m, n, k, false, false};
  multiply<Int8>(a, b, shape, StoreSum<Int8, int32_t>(), c);
}
