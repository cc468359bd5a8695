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

std::string Cublas::open(cudaStream_t stream) {
  if (handle_ != nullptr) return {};
  const CublasLibrary& lib = library();
  if (!lib.problem.empty()) return lib.problem;
  cublasStatus_t status = lib.create(&handle_);
  if (status == CUBLAS_STATUS_SUCCESS) status = lib.set_stream(handle_, stream);
  // f32 throughout: tf32 has 10 bits of fraction.
  if (status == CUBLAS_STATUS_SUCCESS) {
    status = lib.set_math_mode(handle_, CUBLAS_PEDANTIC_MATH);
  }
  return status == CUBLAS_STATUS_SUCCESS ? std::string() : lib.text(status);
}

std::string Cublas::gemm(const GemmCall& call, cudaStream_t stream) {
  std::string problem = open(stream);
  if (!problem.empty()) return problem;
  const cublasStatus_t status = library().sgemm(
      handle_, operation(call.transpose_a), operation(call.transpose_b), call.m, call.n, call.k,
      &call.alpha, call.a, call.a_stride, call.b, call.b_stride, &call.beta, call.c, call.c_stride);
  return status == CUBLAS_STATUS_SUCCESS ? std::string() : library().text(status);
}

}  // namespace assay::backends::cuda
