#include "backends/cpu/cpu_kernels.h"

namespace assay::backends::cpu {

void register_cpu_kernels([[maybe_unused]] kernels::KernelSet& kernels) {}

}  // namespace assay::backends::cpu
