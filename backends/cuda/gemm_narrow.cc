// gemm_bf16 and gemm_int8 on GPUs.
//
// "cuda.tiles" has the bits of the contract (gemm_tile_kernel.h). "cuda.cublas" takes what cuBLAS
// may make on tensor cores: products of int8, whose sums are exact as long as they fit in 32 bits
// (its kernels may saturate, where the contract wraps), and of bfloat16 where any order of sums is
// allowed.
//
// cuBLAS has rules about operands: for int8, columns of A^T and B, so that both run along k, and
// strides of 4 and more bytes. Operands are copied where they do not lie at multiples of 16 bytes,
// with zeros at the ends of their rows; so the call, and with it the bits, depend on sizes alone.
#include "kernels/gemm_narrow.h"

#include <algorithm>
#include <climits>
#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {
namespace {

using kernels::DeviceArray;
using kernels::GemmBf16Args;
using kernels::GemmInt8Args;
using kernels::GemmNarrowProblem;

constexpr int64_t kAlignment = 16;  // in bytes, and in elements of padded rows

int64_t rounded(int64_t count, int64_t step) { return chunk_count_of(count, step) * step; }

bool is_aligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % kAlignment == 0;
}

Status stopped(const kernels::OpContext& context) {
  if (context.stop == nullptr || !context.stop->requested()) return {};
  return fail(StatusCode::kCancelled, "the product was stopped");
}

double work_of(const GemmNarrowProblem& p) {
  return static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
}

int64_t tile_count(int64_t rows, int64_t columns, int64_t side) {
  return chunk_count_of(rows, side) * chunk_count_of(columns, side);
}

template <class Kernel, class Args>
Status run_tiles(const kernels::OpContext& context, const GemmNarrowProblem& problem,
                 const Args& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  ASSAY_RETURN_IF_ERROR(stopped(context));
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  ASSAY_RETURN_IF_ERROR(device.launch<Kernel>(
      {tile_count(problem.m, problem.n, Kernel::kSide), 1, Kernel::kSharedBytes},
      {args.a, args.b, args.c, problem.m, problem.n, problem.k}));
  return device.finish();
}

std::optional<std::string> decline_tiles(const kernels::DeviceInfo&, const GemmNarrowProblem& p) {
  constexpr int64_t kSide = GemmInt8Kernel::kSide;
  static_assert(GemmBf16Kernel::kSide == kSide);
  const int64_t down = chunk_count_of(p.m, kSide);
  const int64_t across = chunk_count_of(p.n, kSide);
  if (across == 0 || down <= INT_MAX / across) return std::nullopt;
  return fmt::format("{} x {} tiles are more than a launch has blocks ({})", down, across, INT_MAX);
}

// A matrix of the device, row-major.
struct Matrix {
  const void* address = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;
  int32_t element_bytes = 0;
};

// target[rows, columns] = source, or that turned, and zeros.
Status copy_matrix(CudaDevice& device, const Matrix& source, const Matrix& target, bool turned) {
  return device.launch<CopyMatrixKernel>(
      {tile_count(target.rows, target.columns, CopyMatrixKernel::kSide), 1,
       CopyMatrixKernel::kSharedBytes},
      {source.address, const_cast<void*>(target.address), source.rows, source.columns,
       source.stride, target.rows, target.columns, target.stride, source.element_bytes, turned});
}

// An operand as cuBLAS wants it: the matrix itself, or a copy that this owns.
struct Operand {
  Matrix matrix;
  DeviceArray<std::byte> copy;
};

// `rows`: so many rows at least, of zeros where the matrix has none.
Result<Operand> operand_of(CudaDevice& device, const Matrix& source, bool turned, int64_t rows) {
  Operand operand;
  operand.matrix = source;
  if (turned) std::swap(operand.matrix.rows, operand.matrix.columns);
  const bool as_is = !turned && operand.matrix.rows >= rows && is_aligned(source.address) &&
                     source.stride % kAlignment == 0;
  if (as_is) return operand;
  operand.matrix.rows = std::max(rows, operand.matrix.rows);
  operand.matrix.columns = rounded(operand.matrix.columns, kAlignment);
  operand.matrix.stride = operand.matrix.columns;
  ASSAY_ASSIGN_OR_RETURN(operand.copy, DeviceArray<std::byte>::make(
                                           device, operand.matrix.rows * operand.matrix.stride *
                                                       source.element_bytes));
  operand.matrix.address = operand.copy.on_device();
  ASSAY_RETURN_IF_ERROR(copy_matrix(device, source, operand.matrix, turned));
  return operand;
}

// Row-major C = A B is column-major C^T = B^T A^T: the operands change places. Of int8, B is turned
// and given as a transpose.
template <class Args>
Status multiply(CudaDevice& device, const GemmNarrowProblem& p, const Args& args) {
  constexpr bool kInt8 = std::is_same_v<Args, GemmInt8Args>;
  constexpr auto kBytes = static_cast<int32_t>(sizeof(*args.a));
  constexpr int64_t kColumnStep = 4;
  const int64_t columns = rounded(p.n, kColumnStep);
  ASSAY_ASSIGN_OR_RETURN(const Operand a,
                         operand_of(device, {args.a, p.m, p.k, p.k, kBytes}, false, p.m));
  ASSAY_ASSIGN_OR_RETURN(const Operand b, operand_of(device, {args.b, p.k, p.n, p.n, kBytes}, kInt8,
                                                     kInt8 ? columns : p.k));
  const Matrix c{args.c, p.m, p.n, p.n, sizeof(*args.c)};
  Operand product{c, {}};
  if (columns != p.n || !is_aligned(args.c)) {
    product.matrix.columns = product.matrix.stride = columns;
    ASSAY_ASSIGN_OR_RETURN(product.copy,
                           DeviceArray<std::byte>::make(device, p.m * columns * c.element_bytes));
    product.matrix.address = product.copy.on_device();
  }
  NarrowGemmCall call;
  call.kind = kInt8 ? NarrowGemmCall::kInt8 : NarrowGemmCall::kBf16;
  call.m = columns;
  call.n = p.m;
  call.k = kInt8 ? a.matrix.columns : p.k;
  call.transpose_a = kInt8;
  call.a = b.matrix.address;
  call.a_stride = b.matrix.stride;
  call.b = a.matrix.address;
  call.b_stride = a.matrix.stride;
  call.c = const_cast<void*>(product.matrix.address);
  call.c_stride = product.matrix.stride;
  ASSAY_RETURN_IF_ERROR(device.gemm_narrow(call));
  if (!product.copy.empty()) {
    ASSAY_RETURN_IF_ERROR(copy_matrix(device, product.matrix, c, false));
  }
  return device.finish();
}

template <class Args>
Status run_cublas(const kernels::OpContext& context, const GemmNarrowProblem& problem,
                  const Args& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.m == 0 || problem.n == 0) return {};
  ASSAY_RETURN_IF_ERROR(stopped(context));
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  if (problem.k > 0) return multiply(device, problem, args);
  ASSAY_RETURN_IF_ERROR(device.fill(args.c, 0, problem.m * problem.n * int64_t{sizeof(*args.c)}));
  return device.finish();
}

std::optional<std::string> decline_sides(const GemmNarrowProblem& p) {
  const int64_t greatest = std::max({p.m, p.n, p.k});
  // Padding must fit as well.
  constexpr int64_t kMost = INT_MAX - kAlignment;
  if (greatest <= kMost) return std::nullopt;
  return fmt::format("a side of {} is more than cuBLAS takes ({})", greatest, kMost);
}

std::optional<std::string> decline_int8(const kernels::DeviceInfo&, const GemmNarrowProblem& p) {
  constexpr int64_t kMost = INT_MAX / (128 * 128);
  if (p.k > kMost) {
    return fmt::format("sums of {} products may leave 32 bits (of {} they do not)", p.k, kMost);
  }
  return decline_sides(p);
}

std::optional<std::string> decline_bf16(const kernels::DeviceInfo&, const GemmNarrowProblem& p) {
  if (!p.any_order) return "tensor cores do not add in ascending order of k";
  return decline_sides(p);
}

// Estimates: what a multiprocessor does a clock, on some hundred of them.
double cost_bf16_tiles(const kernels::DeviceInfo&, const GemmNarrowProblem& p) {
  return 20'000 + 6e-5 * work_of(p);
}
double cost_int8_tiles(const kernels::DeviceInfo&, const GemmNarrowProblem& p) {
  return 20'000 + 1.2e-4 * work_of(p);
}
double cost_cublas(const kernels::DeviceInfo&, const GemmNarrowProblem& p) {
  const double copied = static_cast<double>(p.k) * static_cast<double>(p.m + p.n);
  return 40'000 + 4e-6 * work_of(p) + 5e-3 * copied;
}

}  // namespace

void register_gemm_narrow(kernels::KernelSet& kernels) {
  auto& bf16 = kernels.table<kernels::GemmBf16>();
  bf16.add({"cuda.tiles", "cuda", decline_tiles, cost_bf16_tiles,
            run_tiles<GemmBf16Kernel, GemmBf16Args>});
  bf16.add({"cuda.cublas", "cuda", decline_bf16, cost_cublas, run_cublas<GemmBf16Args>});
  auto& int8 = kernels.table<kernels::GemmInt8>();
  int8.add({"cuda.tiles", "cuda", decline_tiles, cost_int8_tiles,
            run_tiles<GemmInt8Kernel, GemmInt8Args>});
  int8.add({"cuda.cublas", "cuda", decline_int8, cost_cublas, run_cublas<GemmInt8Args>});
}

}  // namespace assay::backends::cuda
