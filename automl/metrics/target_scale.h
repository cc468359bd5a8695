// TargetScale: the place of a predicted variable: numbers y stand for the values offset + scale *
// y. Predictions are f32, and a target far from 0 (a time stamp) would lose its last digits there;
// so a sweep keeps them in a frame of the target's own place, and values are made in double.
#pragma once

#include <span>

namespace assay::automl {

struct TargetScale {
  double offset = 0;
  double scale = 1;

  double value(double y) const { return offset + scale * y; }
  // The same variable as numbers of `frame`.
  TargetScale in(const TargetScale& frame) const {
    return {(offset - frame.offset) / frame.scale, scale / frame.scale};
  }
  bool operator==(const TargetScale&) const = default;
};

// Where f32 predictions of these values lose nothing that matters. The offset is their median, and
// 0 where the median is within 16 times the distance of the quartiles from 0. The scale is 1, or a
// power of two where the values are so large or small that f32 does not reach them. Values must be
// finite; without any it is {0, 1}. O(values).
TargetScale frame_of(std::span<const double> values);

}  // namespace assay::automl
