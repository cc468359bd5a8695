#include "datasets/number_column.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

using testing::ElementsAre;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kMost = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

// Empty if the column reads as the numbers in every way of reading, else what differs.
std::string difference(const NumberColumn& column, const std::vector<double>& numbers) {
  if (column.size() != numbers.size()) return "another size";
  const auto differs = [&](size_t row, double x) {
    const bool same = std::isnan(x)
                          ? std::isnan(numbers[row])
                          : std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(numbers[row]);
    return !same;
  };
  const std::vector<double> all = column.view().to_vector();
  for (size_t row = 0; row < numbers.size(); ++row) {
    if (differs(row, column[row])) return "[" + std::to_string(row) + "]";
    if (differs(row, all[row])) return "to_vector, row " + std::to_string(row);
  }
  size_t row = 0;
  bool each = true;
  column.for_each([&](double x) { each = each && !differs(row++, x); });
  if (!each || row != numbers.size()) return "for_each";
  row = 0;
  for (const double x : column) {
    if (differs(row++, x)) return "iterators";
  }
  const size_t begin = numbers.size() / 3;
  std::vector<double> part(numbers.size() / 2);
  column.view().read(begin, part);
  for (size_t i = 0; i < part.size(); ++i) {
    if (differs(begin + i, part[i])) return "read, row " + std::to_string(begin + i);
  }
  return {};
}

// The form of the numbers, which must read as they are.
NumberForm form_of(const std::vector<double>& numbers) {
  const NumberColumn column(numbers);
  EXPECT_EQ(difference(column, numbers), "");
  return column.form();
}

TEST(NumberColumn, HoldsIntegersInAsFewBytesAsTheyNeed) {
  EXPECT_EQ(form_of({}), (NumberForm{NumberCell::kU8, 0}));
  EXPECT_EQ(form_of({kNone, kNone}), (NumberForm{NumberCell::kU8, 0}));
  EXPECT_EQ(form_of({0, 1, kNone}), (NumberForm{NumberCell::kU8, 0}));
  EXPECT_EQ(form_of({253, -0.0, kNone}), (NumberForm{NumberCell::kU8, 0}));
  EXPECT_EQ(form_of({254}), (NumberForm{NumberCell::kI16, 0}));
  EXPECT_EQ(form_of({-126, 127, -0.0, kNone}), (NumberForm{NumberCell::kI8, 0}));
  EXPECT_EQ(form_of({-127}), (NumberForm{NumberCell::kI16, 0}));
  EXPECT_EQ(form_of({-1, 128}), (NumberForm{NumberCell::kI16, 0}));
  EXPECT_EQ(form_of({-32766, 32767, -0.0, kNone}), (NumberForm{NumberCell::kI16, 0}));
  EXPECT_EQ(form_of({-32767}), (NumberForm{NumberCell::kI32, 0}));
  EXPECT_EQ(form_of({32768}), (NumberForm{NumberCell::kI32, 0}));
  EXPECT_EQ(form_of({-2147483646, 2147483647, -0.0, kNone}), (NumberForm{NumberCell::kI32, 0}));
}

TEST(NumberColumn, HoldsDecimalsAsIntegersOverAPowerOfTen) {
  EXPECT_EQ(form_of({0.1, 0.2, 0.3, 25}), (NumberForm{NumberCell::kU8, 1}));
  EXPECT_EQ(form_of({-0.1, -0.0, 12.5}), (NumberForm{NumberCell::kI8, 1}));
  EXPECT_EQ(form_of({0.01, 300, kNone}), (NumberForm{NumberCell::kI16, 2}));
  EXPECT_EQ(form_of({1e-7, 1}), (NumberForm{NumberCell::kI32, 7}));
  EXPECT_EQ(form_of({1e-22}), (NumberForm{NumberCell::kU8, 22}));
  EXPECT_EQ(form_of({2147.483647, -2147.483646}), (NumberForm{NumberCell::kI32, 6}));
}

TEST(NumberColumn, HoldsWhatNoIntegersHoldAsFloatsWhereTheseAreExact) {
  EXPECT_EQ(form_of({1e10, -0.0, kNone}), (NumberForm{NumberCell::kF32, 0}));
  EXPECT_EQ(form_of({double{1.0F / 3.0F}, 1, 2.5}), (NumberForm{NumberCell::kF32, 0}));
  EXPECT_EQ(form_of({0x1p-149, 0x1p127}), (NumberForm{NumberCell::kF32, 0}));
  for (const double x : {1.0 / 3.0, 2147483649.5, 9007199254740991.0, 9007199254740994.0, kMost,
                         kLeast, 1e-23, 0x1p128, std::nextafter(0.1, 1.0)}) {
    EXPECT_EQ(form_of({x, kNone, -0.0}), (NumberForm{NumberCell::kF64, 0})) << x;
  }
  EXPECT_EQ(form_of({1e7, 1e-7}), (NumberForm{NumberCell::kF64, 0}));
  EXPECT_EQ(form_of({1e10, 0.1}), (NumberForm{NumberCell::kF64, 0}));
}

TEST(NumberColumn, KeepsHostileNumbersBitForBitInAnyOrder) {
  const std::vector<double> hostile = {0.0,
                                       -0.0,
                                       kNone,
                                       1,
                                       -1,
                                       0.1,
                                       1e-7,
                                       1e22,
                                       1e23,
                                       kMost,
                                       -kMost,
                                       kLeast,
                                       -kLeast,
                                       0x1p53,
                                       0x1p53 - 1,
                                       0x1p53 + 2,
                                       -0x1p53,
                                       0x1p31,
                                       0x1p31 - 1,
                                       -0x1p31,
                                       0x1p-1022,
                                       1e-22,
                                       1e-323,
                                       253,
                                       254,
                                       255,
                                       127,
                                       -126,
                                       -127,
                                       -128,
                                       32767,
                                       -32768,
                                       0.30000000000000004,
                                       std::numeric_limits<double>::infinity(),
                                       1e300,
                                       5e-5,
                                       std::nextafter(1.0, 2.0),
                                       123456.789,
                                       3.4028234663852886e38,
                                       3.5e38};
  Rng rng(7);
  for (int round = 0; round < 300; ++round) {
    NumberColumn column;
    std::vector<double> numbers;
    const size_t kinds = 1 + rng.below(4);
    while (numbers.size() < 300) {
      std::vector<double> block(rng.below(90));
      const double x = hostile[rng.below(hostile.size())];
      for (double& y : block) y = rng.below(kinds) == 0 ? x : hostile[rng.below(4)];
      numbers.insert(numbers.end(), block.begin(), block.end());
      const auto missing =
          std::count_if(block.begin(), block.end(), [](double y) { return y != y; });
      ASSERT_EQ(column.append(block), missing);
    }
    ASSERT_EQ(difference(column, numbers), "") << "round " << round;
  }
}

// A number as a file may have it.
double drawn(Rng& rng, uint64_t kind) {
  const auto whole = [&](uint64_t range) {
    return static_cast<double>(static_cast<int64_t>(rng.below(2 * range)) -
                               static_cast<int64_t>(range));
  };
  switch (kind) {
    case 0:
      return static_cast<double>(rng.below(2));
    case 1:
      return whole(uint64_t{1} << rng.below(40));
    case 2:
      return whole(uint64_t{1} << rng.below(32)) / std::pow(10, static_cast<double>(rng.below(9)));
    case 3:
      return double{static_cast<float>(rng.next_double())};
    case 4:
      return std::bit_cast<double>(rng.next_u64());
    default:
      return rng.below(2) == 0 ? kNone : -0.0;
  }
}

TEST(NumberColumn, HasTheSameFormWhateverTheOrderAndTheBlocks) {
  Rng rng(11);
  for (int round = 0; round < 400; ++round) {
    const size_t size = rng.below(400);
    const uint64_t kinds = 1 + rng.below(5);
    std::vector<double> numbers;
    for (size_t i = 0; i < size; ++i)
      numbers.push_back(drawn(rng, rng.below(20) == 0 ? 5 : rng.below(kinds)));
    const NumberForm form = form_of(numbers);
    std::vector<double> order = numbers;
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    NumberColumn column;
    if (round % 2 == 0) column.reserve(rng.below(2 * size + 1));
    for (size_t begin = 0; begin < order.size();) {
      const size_t count = std::min<size_t>(rng.below(150), order.size() - begin);
      column.append(std::span(order).subspan(begin, count));
      begin += count;
    }
    ASSERT_EQ(difference(column, order), "") << "round " << round;
    ASSERT_EQ(column.form(), form) << "round " << round;
    ASSERT_EQ(column.byte_count(), static_cast<int64_t>(size * form.cell_bytes()));
  }
}

TEST(NumberColumn, HoldsEveryDecimalOfFewDigitsAsItIsRead) {
  for (int decimals = 0; decimals <= 9; ++decimals) {
    std::vector<double> numbers;
    for (int64_t m = -2147483646; m <= 2147483647; m += 7919 * 331) {
      std::string digits = std::to_string(std::abs(m));
      const auto places = static_cast<size_t>(decimals);
      if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
      digits.insert(digits.size() - places, ".");
      const std::string text = (m < 0 ? "-" : "") + digits + "0";
      double x = 0;
      ASSERT_EQ(std::from_chars(text.data(), text.data() + text.size(), x).ec, std::errc());
      numbers.push_back(x);
    }
    const NumberForm form = form_of(numbers);
    EXPECT_EQ(form.cell, NumberCell::kI32) << decimals;
  }
}

TEST(NumberColumn, CopiesAndMovesItsCells) {
  NumberColumn column = {1, 2.5, kNone};
  NumberColumn copy = column;
  copy.push_back(1e300);
  EXPECT_EQ(difference(column, {1, 2.5, kNone}), "");
  EXPECT_EQ(difference(copy, {1, 2.5, kNone, 1e300}), "");
  const NumberColumn moved = std::move(copy);
  EXPECT_EQ(difference(moved, {1, 2.5, kNone, 1e300}), "");
  EXPECT_TRUE(copy.empty());  // NOLINT(bugprone-use-after-move)
  copy.push_back(3);
  EXPECT_THAT(copy, ElementsAre(3));
  column = moved;
  EXPECT_TRUE(column == moved);
  column = {4};
  EXPECT_EQ(column.back(), 4);
  EXPECT_EQ(column.form(), (NumberForm{NumberCell::kU8, 0}));
}

TEST(NumberColumn, IsEqualToWhatHasTheSameBits) {
  const NumberColumn column = {0.5, kNone, 0};
  const auto is = [&](const std::vector<double>& other) { return column == other; };
  EXPECT_TRUE(is({0.5, kNone, 0}));
  EXPECT_FALSE(is({0.5, kNone, -0.0}));
  EXPECT_FALSE(is({0.5, kNone}));
  EXPECT_FALSE(is({0.5, 1, 0}));
}

TEST(NumberView, ReadsDoublesWhereTheyLie) {
  std::vector<double> numbers;
  for (int i = 0; i < 3000; ++i) numbers.push_back(i / 7.0);
  const NumberView view = numbers;
  EXPECT_EQ(view.doubles().data(), numbers.data());
  size_t row = 100;
  view.for_blocks(100, 2900, [&](std::span<const double> block) {
    EXPECT_EQ(block.data(), numbers.data() + row);
    EXPECT_LE(block.size(), NumberView::kBlock);
    row += block.size();
  });
  EXPECT_EQ(row, 2900U);
  EXPECT_TRUE(NumberView().empty());
  EXPECT_TRUE(NumberColumn({1, 2}).view().doubles().empty());
}

TEST(NumberView, GivesBlocksOfAPartOfItsRows) {
  std::vector<double> numbers;
  for (int i = 0; i < 5000; ++i) numbers.push_back(i % 1000 * 0.01);
  const NumberColumn column(numbers);
  std::vector<double> met;
  column.view().for_blocks(777, 4321, [&](std::span<const double> block) {
    met.insert(met.end(), block.begin(), block.end());
  });
  EXPECT_EQ(met, std::vector<double>(numbers.begin() + 777, numbers.begin() + 4321));
}

}  // namespace
}  // namespace assay::datasets
