// The tile of gemm with AVX-512; compiled with the options that CMakeLists.txt gives this file.
#define Eigen assay_eigen_avx512
#define ASSAY_GEMM_FUNCTION multiply_avx512
#include "backends/cpu/gemm_tile_internal.h"
