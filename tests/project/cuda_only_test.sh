#!/usr/bin/env bash
# The preset cuda-only still configures without any of the other packages, links no library of them,
# and compiles what each of its libraries of headers is used in: cuda_only_test.sh CXX_COMPILER
# C_COMPILER. (Its GPU code is that of every build with nvcc.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

absent=(-DASSAY_CUDA=OFF)
for package in OpenSSL ZLIB HDF5 yaml-cpp CLI11 nlohmann_json fmt hwy Eigen3 tl-expected; do
  absent+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON")
done
cmake --preset cuda-only -B "$scratch" -DCMAKE_CXX_COMPILER="$1" -DCMAKE_C_COMPILER="$2" \
  "${absent[@]}" >"$scratch/configure.log" 2>&1 || {
  cat "$scratch/configure.log"
  exit 1
}
if grep -E '(libfmt|libhwy|libcrypto|libhdf5|libz|libgit2|libyaml-cpp|libxrt[a-z_]*)\.(so|a)' \
  "$scratch/build.ninja"; then
  echo "preset cuda-only links the libraries above" >&2
  exit 1
fi
backends=backends/CMakeFiles/assay_backends.dir
cmake --build "$scratch" --target \
  kernels/base/CMakeFiles/assay_base.dir/rng.cc.o \
  CMakeFiles/assay_datasets.dir/datasets/growth_layout.cc.o \
  "$backends/cpu/simd_target.cc.o" "$backends/cpu/gemm_baseline.cc.o" "$backends/cuda/device.cc.o"
