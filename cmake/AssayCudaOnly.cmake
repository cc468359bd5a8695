# ASSAY_CUDA_ONLY (preset cuda-only): the operations, their implementations and the CUDA module, with
# the conformance tests and the kernel benches, for a GPU machine that has a compiler, nvcc and CMake
# and little else. Of libraries only headers are used: expected, fmt, Random123, Eigen and Highway,
# which then has the one instruction set that the compiler is told (-march=native). GoogleTest and
# Google Benchmark are taken where they are found. Headers are looked for where CMake looks, and below
# CMAKE_PREFIX_PATH.
function(assay_header_library target header package)
  cmake_parse_arguments(ARG "" "" "SUFFIXES;DEFINITIONS" ${ARGN})
  string(MAKE_C_IDENTIFIER "ASSAY_HEADERS_${target}" folder)
  find_path(${folder} ${header} PATH_SUFFIXES ${ARG_SUFFIXES})
  if(NOT ${folder})
    message(FATAL_ERROR "<${header}> was not found: install it with `apt-get install ${package}`, or "
                        "put its folder below CMAKE_PREFIX_PATH/include")
  endif()
  add_library(${target} INTERFACE IMPORTED)
  target_include_directories(${target} SYSTEM INTERFACE ${${folder}})
  target_compile_definitions(${target} INTERFACE ${ARG_DEFINITIONS})
endfunction()

find_package(Threads REQUIRED)
assay_header_library(tl::expected tl/expected.hpp libexpected-dev)
assay_header_library(fmt::fmt fmt/format.h libfmt-dev DEFINITIONS FMT_HEADER_ONLY)
assay_header_library(Eigen3::Eigen Eigen/Core libeigen3-dev SUFFIXES eigen3)
assay_header_library(hwy::hwy hwy/highway.h libhwy-dev DEFINITIONS HWY_COMPILE_ONLY_STATIC)
find_path(ASSAY_RANDOM123_INCLUDE Random123/philox.h)
if(NOT ASSAY_RANDOM123_INCLUDE)
  message(FATAL_ERROR "Random123 was not found: install it with `apt-get install librandom123-dev`")
endif()

set(ASSAY_XRT OFF)
include(AssayXrt)
include(GNUInstallDirs)
include(AssayCuda)

add_subdirectory(kernels)
add_subdirectory(backends)
# What the conformance tests take of it.
assay_add_library(datasets SOURCES ${PROJECT_SOURCE_DIR}/datasets/growth_layout.cc
  PUBLIC assay::kernels)

set(tests "none: GoogleTest was not found (libgtest-dev, libgmock-dev)")
find_package(GTest QUIET)
if(TARGET GTest::gmock)
  set(tests "tests/conformance/conformance_test")
  enable_testing()
  include(GoogleTest)
  add_subdirectory(tests/conformance)
endif()
set(benches "none: Google Benchmark was not found (libbenchmark-dev)")
find_package(benchmark QUIET)
if(benchmark_FOUND)
  set(benches "bench/kernel_bench")
  add_subdirectory(bench)
endif()

message(STATUS "")
message(STATUS "Assay ${PROJECT_VERSION}, only operations and the CUDA module")
message(STATUS "  CUDA module   ${ASSAY_CUDA_SUMMARY}")
message(STATUS "  tests         ${tests}")
message(STATUS "  benches       ${benches}")
message(STATUS "")
