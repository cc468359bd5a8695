// What a library of emulated kernels says of itself: names, arguments and compute units, all taken
// from the kernels' own C++ signatures, so that an xclbin made of it cannot differ from the code.
// The bitstream of an emulated xclbin is such a library: a shared object that defines
// assay_emulated_kernels. Plain data that lives as long as the library is loaded.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace assay::backends::xrt::emulation {

inline constexpr int32_t kMostArgs = 24;

struct EmulatedArg {
  bool buffer = false;
  uint32_t bytes = 0;          // of the value: 8 for a buffer's address
  const char* type = nullptr;  // as the host has it: "void*", "int", "long", ...
};

struct EmulatedKernel {
  const char* name = nullptr;
  // The arguments' names, one blank between them.
  const char* arg_names = nullptr;
  int32_t arg_count = 0;
  EmulatedArg args[kMostArgs];
  int32_t units = 1;  // compute units of the kernel
  // Calls it with the bits of its arguments, each in the low bytes of a word.
  void (*call)(const uint64_t* words) = nullptr;
};

// The symbol, and its type.
inline constexpr char kTableSymbol[] = "assay_emulated_kernels";
extern "C" using TableFunction = const EmulatedKernel * (int32_t * count);

// Where registers of a kernel's arguments are, and where units are, as v++ lays them out.
inline constexpr uint32_t kFirstArgOffset = 0x10;
inline constexpr uint64_t kFirstUnitAddress = 0x1800000;
inline constexpr uint64_t kUnitAddressRange = 0x10000;
inline constexpr uint32_t kRegisterBytes = 0x1000;

// The register of argument `index`.
inline uint32_t arg_offset(const EmulatedKernel& kernel, int32_t index) {
  uint32_t offset = kFirstArgOffset;
  for (int32_t i = 0; i < index; ++i) offset += kernel.args[i].bytes + 4;
  return offset;
}

template <class T>
constexpr EmulatedArg describe_arg() {
  if constexpr (std::is_pointer_v<T>) {
    return {true, 8, "void*"};
  } else {
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                  "scalar arguments have 4 or 8 bytes");
    const char* whole = sizeof(T) == 4 ? (std::is_signed_v<T> ? "int" : "unsigned int")
                                       : (std::is_signed_v<T> ? "long" : "unsigned long");
    return {false, sizeof(T),
            std::is_floating_point_v<T> ? (sizeof(T) == 4 ? "float" : "double") : whole};
  }
}

template <class T>
T arg_from(uint64_t word) {
  T value;
  std::memcpy(&value, &word, sizeof(T));
  return value;
}

template <auto Kernel, class... Args>
EmulatedKernel describe_signature(void (*)(Args...)) {
  static_assert(sizeof...(Args) <= kMostArgs);
  EmulatedKernel kernel;
  kernel.arg_count = sizeof...(Args);
  int32_t i = 0;
  ((kernel.args[i++] = describe_arg<Args>()), ...);
  kernel.call = [](const uint64_t* words) {
    [words]<size_t... Is>(std::index_sequence<Is...>) { Kernel(arg_from<Args>(words[Is])...); }
    (std::index_sequence_for<Args...>());
  };
  return kernel;
}

// describe<vadd>("vadd", "a b sum count", 1)
template <auto Kernel>
EmulatedKernel describe(const char* name, const char* arg_names, int32_t units) {
  EmulatedKernel kernel = describe_signature<Kernel>(Kernel);
  kernel.name = name;
  kernel.arg_names = arg_names;
  kernel.units = units;
  return kernel;
}

}  // namespace assay::backends::xrt::emulation
