// What the writer and the reader of model files share: magic, types of tensors, and where their
// bytes lie (model_file.h).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::automl {

static_assert(std::endian::native == std::endian::little, "tensors are little-endian as they are");

inline constexpr std::string_view kModelMagic = "ASSAYMOD";
inline constexpr size_t kModelFixedBytes = 24;
inline constexpr size_t kModelHashBytes = 64;
inline constexpr size_t kTensorAlignment = 64;
inline constexpr size_t kMaxTensorRank = 4;

struct DType {
  std::string_view name;
  int64_t bytes;
};
template <class T>
inline constexpr DType kDType{};
template <>
inline constexpr DType kDType<float> = {"f32", 4};
template <>
inline constexpr DType kDType<double> = {"f64", 8};
template <>
inline constexpr DType kDType<int32_t> = {"i32", 4};
template <>
inline constexpr DType kDType<uint32_t> = {"u32", 4};
template <>
inline constexpr DType kDType<int64_t> = {"i64", 8};
template <>
inline constexpr DType kDType<uint8_t> = {"u8", 1};
inline constexpr std::array<DType, 6> kDTypes = {kDType<float>,   kDType<double>,
                                                 kDType<int32_t>, kDType<uint32_t>,
                                                 kDType<int64_t>, kDType<uint8_t>};

inline size_t tensor_aligned(size_t offset) {
  return (offset + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
}

// The path of a part within the file.
inline std::string part_path(std::string_view prefix, std::string_view key) {
  std::string path(prefix);
  if (!path.empty()) path += '/';
  path += key;
  return path;
}

// Number of values of a shape, or nothing if it is negative or overflows.
inline std::optional<int64_t> shape_count(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) return std::nullopt;
  }
  return count;
}

}  // namespace assay::automl
