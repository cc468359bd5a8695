// A grow_tree problem on an emulated GPU, for tests of the CUDA backend.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "kernels/device_array.h"
#include "kernels/reference/reference_ops.h"
#include "tests/backends/driver_failures.h"
#include "tests/conformance/emulated_gpu.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::cuda {

// A problem's arrays on an emulated GPU; `on_host`: all but the table.
struct PlacedTree {
  kernels::DeviceArray<uint8_t> bins;
  kernels::DeviceArray<uint32_t> rows;
  kernels::DeviceArray<float> gradients;
  kernels::DeviceArray<float> hessians;
  kernels::DeviceArray<int32_t> classes;
  kernels::DeviceArray<float> weights;
  kernels::DeviceArray<int32_t> leaf_of;
  kernels::Tree tree;
  kernels::GrowTreeArgs args;

  Status place(const conformance::TreeProblem& item, kernels::Device& device, bool on_host) {
    args = item.args(&tree, nullptr);
    args.bins.on_host = on_host;
    if (!on_host) ASSAY_RETURN_IF_ERROR(copy(device, item.table.bins, bins, args.bins.bins));
    ASSAY_RETURN_IF_ERROR(copy(device, item.rows, rows, args.rows));
    ASSAY_RETURN_IF_ERROR(copy(device, item.gradients, gradients, args.gradients));
    ASSAY_RETURN_IF_ERROR(copy(device, item.hessians, hessians, args.hessians));
    ASSAY_RETURN_IF_ERROR(copy(device, item.classes, classes, args.classes));
    ASSAY_RETURN_IF_ERROR(copy(device, item.weights, weights, args.weights));
    ASSAY_ASSIGN_OR_RETURN(leaf_of,
                           kernels::DeviceArray<int32_t>::make(device, item.problem.sample_count));
    args.leaf_of = leaf_of.on_device();
    return {};
  }

 private:
  template <class T>
  static Status copy(kernels::Device& device, const std::vector<T>& from,
                     kernels::DeviceArray<T>& array, const T*& address) {
    ASSAY_ASSIGN_OR_RETURN(array, kernels::DeviceArray<T>::copy_of(device, from));
    if (!from.empty()) address = array.on_device();
    return {};
  }
};

inline const kernels::KernelSet& cuda_kernels() {
  static const kernels::KernelSet kernels = [] {
    kernels::KernelSet set;
    register_cuda_kernels(set);
    return set;
  }();
  return kernels;
}

inline Status grow_placed(const conformance::TreeProblem& item, kernels::Device& device,
                          PlacedTree& placed, bool on_host = false) {
  ASSAY_RETURN_IF_ERROR(placed.place(item, device, on_host));
  SerialExecutor serial;
  return kernels::run_op(cuda_kernels().table<kernels::GrowTree>(), {&device, &serial, nullptr},
                         item.problem, placed.args);
}

// What a problem comes to.
struct GrownTree {
  kernels::Tree tree;
  std::vector<int32_t> leaf_of;
};

inline GrownTree reference_tree(const conformance::TreeProblem& item) {
  GrownTree grown;
  grown.leaf_of.resize(item.rows.size());
  EXPECT_TRUE(kernels::reference::grow_tree({}, item.problem,
                                            item.args(&grown.tree, grown.leaf_of.data())));
  return grown;
}

// As check_driver_failures, of grow_tree.
inline void check_tree_failures(const conformance::TreeProblem& item, bool on_host,
                                int64_t memory_bytes = int64_t{16} << 20) {
  check_driver_failures(memory_bytes, [&](kernels::Device& device) {
    PlacedTree placed;
    return grow_placed(item, device, placed, on_host);
  });
}

}  // namespace assay::backends::cuda
