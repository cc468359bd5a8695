// The kernel that lays a matrix out anew: with another distance between rows, zeros at its end, or
// turned. Libraries want operands at multiples of 16 bytes; ops take them as they are.
#pragma once

#include <cstdint>

#include "backends/cuda/block.h"

namespace assay::backends::cuda {

struct CopyMatrixKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kSide = 64;  // of a tile
  static constexpr int32_t kStride = kSide + 1;
  static constexpr int32_t kSharedBytes = kSide * kStride * static_cast<int32_t>(sizeof(uint32_t));

  // target[i, j] = source[i, j], or source[j, i] if turned; 0 where the source has no such element.
  // Strides are between rows. Grid: x tiles of the target, those of a row side by side.
  struct Params {
    const void* source;
    void* target;
    int64_t source_rows;
    int64_t source_columns;
    int64_t source_stride;
    int64_t target_rows;
    int64_t target_columns;
    int64_t target_stride;
    int32_t element_bytes;  // 1, 2 or 4
    bool turned;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    switch (params.element_bytes) {
      case 1:
        return copy<uint8_t>(block, params);
      case 2:
        return copy<uint16_t>(block, params);
      default:
        return copy<uint32_t>(block, params);
    }
  }

  template <class Element, class Block>
  ASSAY_DEVICE static void copy(Block& block, const Params& params) {
    const int64_t across = (params.target_columns + kSide - 1) / kSide;
    const int64_t target_row = block.x() / across * kSide;
    const int64_t target_column = block.x() % across * kSide;
    const int64_t source_row = params.turned ? target_column : target_row;
    const int64_t source_column = params.turned ? target_row : target_column;
    const auto* source = static_cast<const Element*>(params.source);
    auto* target = static_cast<Element*>(params.target);
    auto* tile = block.template shared<uint32_t>();
    block.each([&](int32_t thread) {
      const int64_t column = source_column + thread % kSide;
      for (int32_t i = thread / kSide; i < kSide; i += kThreads / kSide) {
        const int64_t row = source_row + i;
        const bool there = row < params.source_rows && column < params.source_columns;
        tile[i * kStride + thread % kSide] =
            there ? source[row * params.source_stride + column] : Element{0};
      }
    });
    block.each([&](int32_t thread) {
      const int32_t j = thread % kSide;
      if (target_column + j >= params.target_columns) return;
      for (int32_t i = thread / kSide; i < kSide; i += kThreads / kSide) {
        if (target_row + i >= params.target_rows) return;
        const uint32_t element = params.turned ? tile[j * kStride + i] : tile[i * kStride + j];
        target[(target_row + i) * params.target_stride + target_column + j] =
            static_cast<Element>(element);
      }
    });
  }
};

}  // namespace assay::backends::cuda
