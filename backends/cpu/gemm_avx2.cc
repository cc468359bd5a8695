// The tile of gemm with AVX2 and FMA; compiled with the options that CMakeLists.txt gives this
// file.
#define Eigen assay_eigen_avx2
#define ASSAY_GEMM_FUNCTION multiply_avx2
#include "backends/cpu/gemm_tile_internal.h"
