// NumberColumn: owns one column of numbers in the narrowest form that holds each of them exactly,
// so that a table of flags takes a byte a cell and one of short decimals two or four, not eight:
//
//   integers of 1, 2 or 4 bytes              0, 1, -7, 1700000000
//   the same, divided by a power of ten      0.25, -1.375, 1e-7: what files have few digits of
//   f32 of 4 bytes                           1/3 as float; 2^40
//   f64 of 8 bytes                           everything else
//
// The form depends on the numbers alone, not on their order or the blocks they came in. It widens
// as numbers are appended, at most some 25 times and nearly always less than five: a number that
// the form does not hold is found while it is written, and what is there is then written anew.
// Not thread-safe but for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "datasets/number_view.h"

namespace assay::datasets {

class NumberColumn {
 public:
  NumberColumn() = default;
  // Of doubles, NaN where missing.
  NumberColumn(std::initializer_list<double> numbers);  // NOLINT(google-explicit-constructor)
  NumberColumn(const std::vector<double>& numbers);     // NOLINT(google-explicit-constructor)
  explicit NumberColumn(std::span<const double> numbers);
  NumberColumn(const NumberColumn& other);
  NumberColumn(NumberColumn&& other) noexcept;
  NumberColumn& operator=(NumberColumn other) noexcept;
  ~NumberColumn() = default;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  NumberForm form() const { return form_; }
  // Memory of the cells.
  int64_t byte_count() const { return static_cast<int64_t>(size_ * form_.cell_bytes()); }

  // Numbers to expect in all: room is made for them at once. Memory that is not needed after all is
  // never touched.
  void reserve(size_t count) { expected_ = count; }
  // NaN is missing. Amortised O(numbers.size()). Returns how many of them are missing.
  int64_t append(std::span<const double> numbers);
  void push_back(double number) { append({&number, 1}); }

  NumberView view() const { return {form_, cells_.get(), size_}; }
  operator NumberView() const { return view(); }  // NOLINT(google-explicit-constructor)
  double operator[](size_t row) const { return view()[row]; }
  double back() const { return view()[size_ - 1]; }
  template <class Body>
  void for_each(Body&& body) const {
    view().for_each(std::forward<Body>(body));
  }

  using value_type = double;
  using const_iterator = NumberView::Iterator;
  const_iterator begin() const { return view().begin(); }
  const_iterator end() const { return view().end(); }

 private:
  // Writes the numbers behind the others; the cells are there. False if the form does not hold
  // them.
  bool write(std::span<const double> numbers, int64_t& missing);
  // Room for `count` more.
  void make_room(size_t count);
  void change_form(NumberForm form, size_t more);

  NumberForm form_{NumberCell::kU8, 0};
  size_t size_ = 0;
  size_t expected_ = 0;
  size_t capacity_ = 0;  // cells
  std::unique_ptr<std::byte[]> cells_;
};

// Equal numbers have equal bits, missing ones are equal to each other.
bool operator==(NumberView a, NumberView b);

}  // namespace assay::datasets
