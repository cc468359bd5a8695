#include "datasets/number_view.h"

#include <cstring>
#include <limits>

#include "datasets/number_cells_internal.h"
#include "kernels/base/vector_clones.h"

namespace assay::datasets {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

template <class T>
double number_in(T cell, uint8_t decimals) {
  if (cell == CellRange<T>::kMissing) return kNoNumber;
  if (cell == CellRange<T>::kNegativeZero) return -0.0;
  const auto m = static_cast<double>(cell);
  return decimals == 0 ? m : m / kPowersOfTen[decimals];
}

// Divides, since a product with 10^-decimals would have other bits.
template <class T, bool kDivide>
[[gnu::always_inline]] inline void decode_step(const T* __restrict cells, double power,
                                               double* __restrict out) {
  constexpr double kMissing = CellRange<T>::kMissing;
  constexpr double kNegativeZero = CellRange<T>::kNegativeZero;
  for (size_t i = 0; i < kCellStep; ++i) {
    const auto m = static_cast<double>(int32_t{cells[i]});
    double x = kDivide ? m / power : m;
    x = m == kMissing ? kNoNumber : x;
    out[i] = m == kNegativeZero ? -0.0 : x;
  }
}

template <class T>
[[gnu::always_inline]] inline void decode_steps(const T* cells, size_t count, uint8_t decimals,
                                                double* out) {
  const double power = kPowersOfTen[decimals];
  for (size_t i = 0; i < count; i += kCellStep) {
    if (decimals == 0) {
      decode_step<T, false>(cells + i, power, out + i);
    } else {
      decode_step<T, true>(cells + i, power, out + i);
    }
  }
}

// One function a type, for clones are not made of templates. `count` is a multiple of kCellStep.
ASSAY_VECTOR_CLONES
void decode(const uint8_t* cells, size_t count, uint8_t decimals, double* out) {
  decode_steps(cells, count, decimals, out);
}
ASSAY_VECTOR_CLONES
void decode(const int8_t* cells, size_t count, uint8_t decimals, double* out) {
  decode_steps(cells, count, decimals, out);
}
ASSAY_VECTOR_CLONES
void decode(const int16_t* cells, size_t count, uint8_t decimals, double* out) {
  decode_steps(cells, count, decimals, out);
}
ASSAY_VECTOR_CLONES
void decode(const int32_t* cells, size_t count, uint8_t decimals, double* out) {
  decode_steps(cells, count, decimals, out);
}

template <class T>
void read_integers(const void* all, uint8_t decimals, size_t begin, std::span<double> out) {
  const T* const cells = static_cast<const T*>(all) + begin;
  const size_t whole = out.size() / kCellStep * kCellStep;
  if (whole > 0) decode(cells, whole, decimals, out.data());
  for (size_t i = whole; i < out.size(); ++i) out[i] = number_in(cells[i], decimals);
}

}  // namespace

size_t NumberForm::cell_bytes() const {
  constexpr std::array<size_t, 6> kBytes = {1, 1, 2, 4, 4, 8};
  return kBytes[static_cast<size_t>(cell)];
}

double NumberView::operator[](size_t row) const {
  switch (form_.cell) {
    case NumberCell::kU8:
      return number_in(static_cast<const uint8_t*>(cells_)[row], form_.decimals);
    case NumberCell::kI8:
      return number_in(static_cast<const int8_t*>(cells_)[row], form_.decimals);
    case NumberCell::kI16:
      return number_in(static_cast<const int16_t*>(cells_)[row], form_.decimals);
    case NumberCell::kI32:
      return number_in(static_cast<const int32_t*>(cells_)[row], form_.decimals);
    case NumberCell::kF32:
      return double{static_cast<const float*>(cells_)[row]};
    case NumberCell::kF64:
      break;
  }
  return static_cast<const double*>(cells_)[row];
}

void NumberView::read(size_t begin, std::span<double> out) const {
  if (out.empty()) return;
  switch (form_.cell) {
    case NumberCell::kU8:
      return read_integers<uint8_t>(cells_, form_.decimals, begin, out);
    case NumberCell::kI8:
      return read_integers<int8_t>(cells_, form_.decimals, begin, out);
    case NumberCell::kI16:
      return read_integers<int16_t>(cells_, form_.decimals, begin, out);
    case NumberCell::kI32:
      return read_integers<int32_t>(cells_, form_.decimals, begin, out);
    case NumberCell::kF32: {
      const float* const cells = static_cast<const float*>(cells_) + begin;
      std::copy(cells, cells + out.size(), out.begin());
      return;
    }
    case NumberCell::kF64:
      std::memcpy(out.data(), static_cast<const double*>(cells_) + begin, out.size_bytes());
  }
}

std::span<const double> NumberView::doubles() const {
  if (form_.cell != NumberCell::kF64) return {};
  return {static_cast<const double*>(cells_), size_};
}

std::vector<double> NumberView::to_vector() const {
  std::vector<double> numbers(size_);
  read(0, numbers);
  return numbers;
}

}  // namespace assay::datasets
