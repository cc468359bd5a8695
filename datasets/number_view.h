// NumberView: one column of numbers as it lies in memory, not owned: doubles, or the cells of a
// NumberColumn (number_column.h), which are narrower. Either way each number reads as the double it
// was made of, bit for bit. Valid as long as the memory; reading is thread-safe.
//
// Reading number by number asks for the form of the cells each time; who goes through a column
// takes blocks.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace assay::datasets {

// What a number is held in.
enum class NumberCell : uint8_t { kU8, kI8, kI16, kI32, kF32, kF64 };

struct NumberForm {
  NumberCell cell = NumberCell::kF64;
  // Of integer cells: a cell m stands for m / 10^decimals, correctly rounded. At most 22.
  uint8_t decimals = 0;
  bool operator==(const NumberForm&) const = default;

  bool is_integer() const { return cell < NumberCell::kF32; }
  size_t cell_bytes() const;
};

class NumberView {
 public:
  static constexpr size_t kBlock = 1024;  // numbers, what for_blocks() gives out at most

  NumberView() = default;
  // Of doubles, NaN where missing, that outlive the view: no temporary.
  template <class Range>
  requires(
      !std::same_as<std::remove_cvref_t<Range>, NumberView> &&
      (std::is_lvalue_reference_v<Range> ||
       std::ranges::borrowed_range<Range>)&&std::convertible_to<Range&&, std::span<const double>>)
      NumberView(Range&& doubles)  // NOLINT(google-explicit-constructor)
      : NumberView(std::span<const double>(std::forward<Range>(doubles)), nullptr) {}
  // `cells` [size] of the form, aligned for it.
  NumberView(NumberForm form, const void* cells, size_t size)
      : form_(form), cells_(cells), size_(size) {}

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  NumberForm form() const { return form_; }
  // NaN where missing. `row` is below size().
  double operator[](size_t row) const;
  // out[i] = number of row begin + i; the rows must be there. O(out.size()), at memory speed.
  void read(size_t begin, std::span<double> out) const;
  // The numbers themselves where they are held as doubles; else empty.
  std::span<const double> doubles() const;
  std::vector<double> to_vector() const;

  // body(block) for successive blocks (std::span<const double>) of the rows [begin, end).
  template <class Body>
  void for_blocks(size_t begin, size_t end, Body&& body) const {
    std::array<double, kBlock> buffer;
    const std::span<const double> own = doubles();
    while (begin < end) {
      const size_t count = std::min(kBlock, end - begin);
      if (own.empty()) read(begin, std::span(buffer).first(count));
      body(own.empty() ? std::span<const double>(buffer).first(count) : own.subspan(begin, count));
      begin += count;
    }
  }
  // body(number) for each row.
  template <class Body>
  void for_each(Body&& body) const {
    for_blocks(0, size_, [&](std::span<const double> block) {
      for (const double x : block) body(x);
    });
  }

  class Iterator;
  using value_type = double;
  using const_iterator = Iterator;
  Iterator begin() const;
  Iterator end() const;

 private:
  NumberView(std::span<const double> doubles, std::nullptr_t)
      : cells_(doubles.data()), size_(doubles.size()) {}

  NumberForm form_;
  const void* cells_ = nullptr;
  size_t size_ = 0;
};

// Gives numbers, not references to them.
class NumberView::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using iterator_concept = std::random_access_iterator_tag;
  using value_type = double;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = double;

  Iterator() = default;
  Iterator(NumberView view, size_t row) : view_(view), row_(row) {}
  double operator*() const { return view_[row_]; }
  double operator[](difference_type n) const { return *(*this + n); }
  Iterator& operator+=(difference_type n) {
    row_ = static_cast<size_t>(static_cast<difference_type>(row_) + n);
    return *this;
  }
  Iterator& operator-=(difference_type n) { return *this += -n; }
  Iterator& operator++() { return *this += 1; }
  Iterator& operator--() { return *this += -1; }
  Iterator operator++(int) {
    const Iterator old = *this;
    ++*this;
    return old;
  }
  Iterator operator--(int) {
    const Iterator old = *this;
    --*this;
    return old;
  }
  friend Iterator operator+(Iterator a, difference_type n) { return a += n; }
  friend Iterator operator+(difference_type n, Iterator a) { return a += n; }
  friend Iterator operator-(Iterator a, difference_type n) { return a -= n; }
  friend difference_type operator-(const Iterator& a, const Iterator& b) {
    return static_cast<difference_type>(a.row_) - static_cast<difference_type>(b.row_);
  }
  // Of one view.
  friend bool operator==(const Iterator& a, const Iterator& b) { return a.row_ == b.row_; }
  friend std::strong_ordering operator<=>(const Iterator& a, const Iterator& b) {
    return a.row_ <=> b.row_;
  }

 private:
  NumberView view_;
  size_t row_ = 0;
};

inline NumberView::Iterator NumberView::begin() const { return {*this, 0}; }
inline NumberView::Iterator NumberView::end() const { return {*this, size_}; }

}  // namespace assay::datasets
