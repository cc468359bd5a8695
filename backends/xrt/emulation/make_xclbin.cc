// make_xclbin LIBRARY OUTPUT: the xclbin of an emulated card from a library of emulated kernels.
// Part of the build.
#include <dlfcn.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "backends/xrt/emulation/xclbin_writer.h"

int main(int argc, char** argv) {
  namespace emulation = assay::backends::xrt::emulation;
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_xclbin LIBRARY OUTPUT\n");
    return 2;
  }
  void* handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    std::fprintf(stderr, "make_xclbin: %s\n", dlerror());
    return 1;
  }
  auto* table = reinterpret_cast<emulation::TableFunction*>(dlsym(handle, emulation::kTableSymbol));
  if (table == nullptr) {
    std::fprintf(stderr, "make_xclbin: %s defines no %s\n", argv[1], emulation::kTableSymbol);
    return 1;
  }
  int32_t count = 0;
  const emulation::EmulatedKernel* kernels = table(&count);
  std::ifstream library(argv[1], std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(library)), {});
  const auto file = emulation::write_xclbin({kernels, static_cast<size_t>(count)},
                                            std::as_bytes(std::span(bytes)));
  std::ofstream output(argv[2], std::ios::binary);
  output.write(reinterpret_cast<const char*>(file.data()),
               static_cast<std::streamsize>(file.size()));
  output.close();
  if (!output) {
    std::fprintf(stderr, "make_xclbin: %s cannot be written\n", argv[2]);
    return 1;
  }
  return 0;
}
