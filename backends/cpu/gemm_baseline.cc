// The tile of gemm for every processor of the architecture.
#define Eigen assay_eigen_baseline
#define ASSAY_GEMM_FUNCTION multiply_baseline
#include "backends/cpu/gemm_tile_internal.h"
