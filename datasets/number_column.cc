// Writing a block of numbers is one loop without branches: the integer nearest to x * 10^decimals,
// and whether that integer over 10^decimals is x again. Where some number fails, the form that
// holds it and all before is looked for.
//
// Why decimals are exact. For |m| <= 2^53 and k <= 22 both m and 10^k are doubles, so m / 10^k is
// rounded once, and a reader of text that rounds correctly gives the same double for the digits of
// m with k of them behind the point. A further decimal makes m ten times as great and leaves the
// quotient, and so the double, as it is: forms of more decimals hold what those of fewer hold.
#include "datasets/number_column.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "datasets/number_cells_internal.h"
#include "kernels/base/vector_clones.h"

namespace assay::datasets {
namespace {

// Adding and taking it away rounds what is less than 2^51 to an integer.
constexpr double kRounder = 6755399441055744.0;  // 1.5 * 2^52
constexpr size_t kFirstCapacity = 64;

struct Written {
  uint64_t misfits = 0;  // 0: all numbers were held
  uint64_t missing = 0;
};

template <class T, bool kDivide>
[[gnu::always_inline]] inline void encode_step(const double* __restrict numbers, double power,
                                               T* __restrict cells, Written& written) {
  constexpr double kLeast = CellRange<T>::kLeast;
  constexpr double kMost = CellRange<T>::kMost;
  constexpr double kMissing = CellRange<T>::kMissing;
  constexpr double kNegativeZero = CellRange<T>::kNegativeZero;
  int32_t integers[kCellStep];
  uint64_t misfits = 0;
  uint64_t missing = 0;
  for (size_t i = 0; i < kCellStep; ++i) {
    const double x = numbers[i];
    const double scaled = kDivide ? x * power : x;
    const double m = (scaled + kRounder) - kRounder;
    const double back = kDivide ? m / power : m;
    const uint64_t fits = static_cast<uint64_t>(back == x) & static_cast<uint64_t>(m >= kLeast) &
                          static_cast<uint64_t>(m <= kMost);
    const uint64_t none = x != x ? 1 : 0;
    misfits += 1 - (fits | none);
    missing += none;
    const double cell = fits != 0 ? m : kMissing;
    integers[i] = static_cast<int32_t>(
        std::bit_cast<uint64_t>(x) == kNegativeZeroBits ? kNegativeZero : cell);
  }
  for (size_t i = 0; i < kCellStep; ++i) cells[i] = static_cast<T>(integers[i]);
  written.misfits += misfits;
  written.missing += missing;
}

template <class T>
[[gnu::always_inline]] inline Written encode_steps(const double* numbers, size_t count,
                                                   uint8_t decimals, T* cells) {
  const double power = kPowersOfTen[decimals];
  Written written;
  for (size_t i = 0; i < count && written.misfits == 0; i += kCellStep) {
    if (decimals == 0) {
      encode_step<T, false>(numbers + i, power, cells + i, written);
    } else {
      encode_step<T, true>(numbers + i, power, cells + i, written);
    }
  }
  return written;
}

// One function a type, for clones are not made of templates. `count` is a multiple of kCellStep.
ASSAY_VECTOR_CLONES
Written encode(const double* numbers, size_t count, uint8_t decimals, uint8_t* cells) {
  return encode_steps(numbers, count, decimals, cells);
}
ASSAY_VECTOR_CLONES
Written encode(const double* numbers, size_t count, uint8_t decimals, int8_t* cells) {
  return encode_steps(numbers, count, decimals, cells);
}
ASSAY_VECTOR_CLONES
Written encode(const double* numbers, size_t count, uint8_t decimals, int16_t* cells) {
  return encode_steps(numbers, count, decimals, cells);
}
ASSAY_VECTOR_CLONES
Written encode(const double* numbers, size_t count, uint8_t decimals, int32_t* cells) {
  return encode_steps(numbers, count, decimals, cells);
}

template <class T>
Written write_integers(std::span<const double> numbers, uint8_t decimals, void* to) {
  T* const cells = static_cast<T*>(to);
  const size_t whole = numbers.size() / kCellStep * kCellStep;
  Written written = encode(numbers.data(), whole, decimals, cells);
  if (written.misfits > 0 || whole == numbers.size()) return written;
  double rest[kCellStep] = {};
  T rest_cells[kCellStep];
  std::copy(numbers.begin() + static_cast<ptrdiff_t>(whole), numbers.end(), rest);
  const Written last = encode(rest, kCellStep, decimals, rest_cells);
  std::copy_n(rest_cells, numbers.size() - whole, cells + whole);
  return {last.misfits, written.missing + last.missing};
}

bool fits_f32(double x) {
  if (x != x) return true;
  return std::fabs(x) <= std::numeric_limits<float>::max() && double{static_cast<float>(x)} == x;
}

Written write_floats(std::span<const double> numbers, void* to) {
  float* const cells = static_cast<float*>(to);
  Written written;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!fits_f32(numbers[i])) return {1, 0};
    cells[i] = static_cast<float>(numbers[i]);
    written.missing += std::isnan(numbers[i]) ? 1 : 0;
  }
  return written;
}

// The integer that stands for x under so many decimals; nothing if none of 32 bits does.
std::optional<double> integer_of(double x, int decimals) {
  const double power = kPowersOfTen[decimals];
  const double m = std::nearbyint(x * power);
  if (!(std::fabs(m) <= CellRange<int32_t>::kMost) || m / power != x) return std::nullopt;
  return m;
}

// Whether all numbers are integers under so many decimals or more, which it then is, and the range
// of numbers.
struct IntegerSearch {
  int decimals = 0;
  double low = 0;
  double high = 0;

  bool add(double x) {
    if (x != x) return true;
    while (!integer_of(x, decimals)) {
      const bool further = decimals < kMostDecimals &&
                           std::fabs(x) * kPowersOfTen[decimals] <= CellRange<int32_t>::kMost;
      if (!further) return false;
      ++decimals;
    }
    low = std::min(low, x);
    high = std::max(high, x);
    return true;
  }

  // Nothing if 32 bits are too few under the decimals that all need.
  std::optional<NumberForm> form() const {
    const auto least = integer_of(low, decimals);
    const auto most = integer_of(high, decimals);
    if (!least || !most) return std::nullopt;
    const auto held = [&]<class T>(T) {
      return *least >= CellRange<T>::kLeast && *most <= CellRange<T>::kMost;
    };
    const auto places = static_cast<uint8_t>(decimals);
    if (held(uint8_t{})) return NumberForm{NumberCell::kU8, places};
    if (held(int8_t{})) return NumberForm{NumberCell::kI8, places};
    if (held(int16_t{})) return NumberForm{NumberCell::kI16, places};
    if (held(int32_t{})) return NumberForm{NumberCell::kI32, places};
    return std::nullopt;
  }
};

// The narrowest form of the numbers that are held and the new ones.
NumberForm form_of(NumberView held, std::span<const double> numbers) {
  if (held.form().is_integer()) {
    IntegerSearch search{held.form().decimals};
    bool found =
        std::all_of(numbers.begin(), numbers.end(), [&](double x) { return search.add(x); });
    if (found) {
      held.for_each([&](double x) { found = found && search.add(x); });
    }
    if (const auto form = search.form(); found && form) return *form;
  }
  bool short_floats = std::all_of(numbers.begin(), numbers.end(), fits_f32);
  if (short_floats && held.form().is_integer()) {
    held.for_each([&](double x) { short_floats = short_floats && fits_f32(x); });
  }
  return {short_floats ? NumberCell::kF32 : NumberCell::kF64, 0};
}

}  // namespace

NumberColumn::NumberColumn(std::span<const double> numbers) {
  reserve(numbers.size());
  append(numbers);
}
NumberColumn::NumberColumn(std::initializer_list<double> numbers)
    : NumberColumn(std::span<const double>(numbers.begin(), numbers.size())) {}
NumberColumn::NumberColumn(const std::vector<double>& numbers)
    : NumberColumn(std::span<const double>(numbers)) {}

NumberColumn::NumberColumn(const NumberColumn& other) : form_(other.form_) {
  make_room(other.size_);
  size_ = other.size_;
  if (size_ > 0) std::memcpy(cells_.get(), other.cells_.get(), size_ * form_.cell_bytes());
}

NumberColumn::NumberColumn(NumberColumn&& other) noexcept
    : form_(std::exchange(other.form_, NumberForm{NumberCell::kU8, 0})),
      size_(std::exchange(other.size_, 0)),
      expected_(std::exchange(other.expected_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      cells_(std::move(other.cells_)) {}

NumberColumn& NumberColumn::operator=(NumberColumn other) noexcept {
  form_ = other.form_;
  size_ = other.size_;
  expected_ = other.expected_;
  capacity_ = other.capacity_;
  cells_ = std::move(other.cells_);
  return *this;
}

int64_t NumberColumn::append(std::span<const double> numbers) {
  int64_t missing = 0;
  if (numbers.empty()) return missing;
  make_room(numbers.size());
  while (!write(numbers, missing)) change_form(form_of(view(), numbers), numbers.size());
  size_ += numbers.size();
  return missing;
}

bool NumberColumn::write(std::span<const double> numbers, int64_t& missing) {
  void* const to = cells_.get() + size_ * form_.cell_bytes();
  Written written;
  switch (form_.cell) {
    case NumberCell::kU8:
      written = write_integers<uint8_t>(numbers, form_.decimals, to);
      break;
    case NumberCell::kI8:
      written = write_integers<int8_t>(numbers, form_.decimals, to);
      break;
    case NumberCell::kI16:
      written = write_integers<int16_t>(numbers, form_.decimals, to);
      break;
    case NumberCell::kI32:
      written = write_integers<int32_t>(numbers, form_.decimals, to);
      break;
    case NumberCell::kF32:
      written = write_floats(numbers, to);
      break;
    case NumberCell::kF64:
      std::memcpy(to, numbers.data(), numbers.size_bytes());
      for (const double x : numbers) written.missing += x != x ? 1 : 0;
      break;
  }
  missing = static_cast<int64_t>(written.missing);
  return written.misfits == 0;
}

void NumberColumn::make_room(size_t count) {
  const size_t wanted = size_ + count;
  if (wanted <= capacity_) return;
  const size_t grown = std::max({wanted, expected_, capacity_ * 2, kFirstCapacity});
  auto cells = std::make_unique_for_overwrite<std::byte[]>(grown * form_.cell_bytes());
  if (size_ > 0) std::memcpy(cells.get(), cells_.get(), size_ * form_.cell_bytes());
  cells_ = std::move(cells);
  capacity_ = grown;
}

void NumberColumn::change_form(NumberForm form, size_t more) {
  NumberColumn wider;
  wider.form_ = form;
  wider.expected_ = expected_;
  wider.make_room(size_ + more);
  int64_t missing = 0;
  view().for_blocks(0, size_, [&](std::span<const double> block) {
    wider.write(block, missing);
    wider.size_ += block.size();
  });
  *this = std::move(wider);
}

bool operator==(NumberView a, NumberView b) {
  const auto same = [](double x, double y) {
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y) || (x != x && y != y);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

}  // namespace assay::datasets
