// Registers the ops of XRT cards, for devices of kind "fpga". One function an op, each in the file
// of its op. Ops that are not here are host work and part of the device's plan.
#pragma once

#include "kernels/kernel_set.h"

namespace assay::backends::xrt {

void register_xrt_kernels(kernels::KernelSet& kernels);

void register_grow_tree(kernels::KernelSet& kernels);
void register_predict_trees(kernels::KernelSet& kernels);
void register_gemm_narrow(kernels::KernelSet& kernels);  // gemm_bf16 and gemm_int8
void register_knn_topk(kernels::KernelSet& kernels);
// Not among the above: f32 sums differ from the CPU's within the op's bound, and a model that is
// trained with a card must have the CPU's bits.
void register_gemm(kernels::KernelSet& kernels);

}  // namespace assay::backends::xrt
