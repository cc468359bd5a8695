#include <dlfcn.h>

#include "backends/cuda/gpu_cublas_internal.h"

namespace assay::backends::cuda {
namespace {

// The functions of the library that are used.
struct CublasLibrary {
  decltype(&cublasCreate_v2) create = nullptr;
  decltype(&cublasDestroy_v2) destroy = nullptr;
  decltype(&cublasSetStream_v2) set_stream = nullptr;
  decltype(&cublasSetMathMode) set_math_mode = nullptr;
  decltype(&cublasSgemm_v2_64) sgemm = nullptr;
  decltype(&cublasGemmEx_64) gemm_ex = nullptr;
  decltype(&cublasGetStatusString) text = nullptr;
  std::string problem;

  CublasLibrary() {
    const std::string name = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      problem = std::string("cuBLAS did not load: ") + dlerror();
      return;
    }
    find(library, "cublasCreate_v2", create);
    find(library, "cublasDestroy_v2", destroy);
    find(library, "cublasSetStream_v2", set_stream);
    find(library, "cublasSetMathMode", set_math_mode);
    find(library, "cublasSgemm_v2_64", sgemm);
    find(library, "cublasGemmEx_64", gemm_ex);
    find(library, "cublasGetStatusString", text);
  }

 private:
  template <class Function>
  void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (function == nullptr) problem = std::string("cuBLAS has no ") + name;
  }
};

const CublasLibrary& library() {
  static const CublasLibrary opened;
  return opened;
}

cublasOperation_t operation(bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; }

}  // namespace

Cublas::~Cublas() {
  if (handle_ != nullptr) library().destroy(handle_);
}

std::string Cublas::open(cudaStream_t stream, cublasMath_t mode) {
  const CublasLibrary& lib = library();
  if (!lib.problem.empty()) return lib.problem;
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  if (handle_ == nullptr) {
    status = lib.create(&handle_);
    if (status == CUBLAS_STATUS_SUCCESS) status = lib.set_stream(handle_, stream);
  }
  if (status == CUBLAS_STATUS_SUCCESS) status = lib.set_math_mode(handle_, mode);
  return status == CUBLAS_STATUS_SUCCESS ? std::string() : lib.text(status);
}

std::string Cublas::gemm(const GemmCall& call, cudaStream_t stream) {
  // f32 throughout where nothing else is asked for: tf32 has 10 bits of fraction.
  std::string problem = open(stream, call.tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH);
  if (!problem.empty()) return problem;
  const cublasStatus_t status = library().sgemm(
      handle_, operation(call.transpose_a), operation(call.transpose_b), call.m, call.n, call.k,
      &call.alpha, call.a, call.a_stride, call.b, call.b_stride, &call.beta, call.c, call.c_stride);
  return status == CUBLAS_STATUS_SUCCESS ? std::string() : library().text(status);
}

std::string Cublas::gemm(const NarrowGemmCall& call, cudaStream_t stream) {
  // Parts of a sum are joined in f32, too.
  std::string problem =
      open(stream, static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH |
                                             CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
  if (!problem.empty()) return problem;
  const bool int8 = call.kind == NarrowGemmCall::kInt8;
  constexpr float kOnes[2] = {1, 0};
  constexpr int32_t kWholeOnes[2] = {1, 0};
  const void* one = int8 ? static_cast<const void*>(kWholeOnes) : kOnes;
  const void* zero = int8 ? static_cast<const void*>(kWholeOnes + 1) : kOnes + 1;
  const cudaDataType number = int8 ? CUDA_R_8I : CUDA_R_16BF;
  const cublasStatus_t status =
      library().gemm_ex(handle_, operation(call.transpose_a), CUBLAS_OP_N, call.m, call.n, call.k,
                        one, call.a, number, call.a_stride, call.b, number, call.b_stride, zero,
                        call.c, int8 ? CUDA_R_32I : CUDA_R_32F, call.c_stride,
                        int8 ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
  return status == CUBLAS_STATUS_SUCCESS ? std::string() : library().text(status);
}

}  // namespace assay::backends::cuda
