// The ops of DiscreteDevice: the serial references, behind a translation of the addresses.
#pragma once

#include "kernels/kernel_set.h"

namespace assay::conformance {

// Adds one implementation "discrete.reference" of each op, for kind "discrete".
void register_discrete_kernels(kernels::KernelSet& kernels);

}  // namespace assay::conformance
