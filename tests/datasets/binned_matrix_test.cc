#include "datasets/binned_matrix.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "backends/cpu/thread_pool.h"
#include "backends/devices.h"
#include "datasets/number_column.h"
#include "kernels/base/rng.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"

namespace assay::datasets {
namespace {

using kernels::FeatureKind;
using testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const backends::DeviceSet& device_set() {
  static const backends::DeviceSet set = *backends::open_devices({});
  return set;
}

struct Cpu {
  explicit Cpu(int threads = 2) : executor(threads) {
    context.kernels = &device_set().kernels();
    context.device = &device_set().host();
    context.host = &device_set().host();
    context.executor = &executor;
  }
  Result<BinnedMatrix> bin(const BinMapper& mapper, std::span<const FeatureColumn> columns) const {
    return mapper.bin(columns, *context.device, context);
  }
  backends::cpu::ThreadPool executor;
  kernels::ComputeContext context;
};

FeatureColumn numeric(const std::vector<double>& values) {
  FeatureColumn column;
  column.numbers = values;
  return column;
}

FeatureColumn categorical(const std::vector<int32_t>& codes, int32_t code_count) {
  FeatureColumn column;
  column.kind = FeatureKind::kCategorical;
  column.codes = codes;
  column.code_count = code_count;
  return column;
}

std::vector<uint8_t> cells(const kernels::BinnedView& view, int32_t feature) {
  std::vector<uint8_t> bins;
  for (int64_t row = 0; row < view.row_count; ++row) {
    bins.push_back(view.bins[view.cell_offset(row, feature)]);
  }
  return bins;
}

TEST(BinMapper, GivesFewValuesBinsOfTheirOwn) {
  const Cpu cpu;
  const std::vector<double> values = {3, kNaN, 1, 2, 1};
  const std::vector<FeatureColumn> columns = {numeric(values)};
  const auto mapper = BinMapper::fit(columns, 254, 1, cpu.context);
  ASSERT_TRUE(mapper) << mapper.error().message;
  EXPECT_THAT(mapper->features()[0].edges, ElementsAre(1.5, 2.5));
  EXPECT_EQ(mapper->features()[0].bin_count(), 4);
  const auto matrix = cpu.bin(*mapper, columns);
  ASSERT_TRUE(matrix);
  EXPECT_THAT(cells(matrix->view(), 0), ElementsAre(3, 0, 1, 2, 1));
}

TEST(BinMapper, NumbersOccurringLevelsInOrder) {
  const Cpu cpu;
  const std::vector<int32_t> codes = {4, 2, 0, 4};  // level 3 does not occur
  const std::vector<FeatureColumn> columns = {categorical(codes, 5)};
  const auto mapper = BinMapper::fit(columns, 254, 1, cpu.context);
  ASSERT_TRUE(mapper);
  EXPECT_THAT(mapper->features()[0].code_to_bin, ElementsAre(0, 1, 2, 1, 3));
  EXPECT_EQ(mapper->features()[0].bin_count(), 4);
  const auto matrix = cpu.bin(*mapper, columns);
  ASSERT_TRUE(matrix);
  EXPECT_THAT(cells(matrix->view(), 0), ElementsAre(3, 2, 0, 3));
}

TEST(BinMapper, KeepsTheMostFrequentLevels) {
  // 300 levels, the last 253 twice: these get bins 2.. in order of code.
  std::vector<int32_t> codes;
  for (int32_t level = 0; level < 300; ++level) {
    codes.push_back(level + 2);
    if (level >= 47) codes.push_back(level + 2);
  }
  const Cpu cpu;
  const std::vector<FeatureColumn> columns = {categorical(codes, 302)};
  const auto mapper = BinMapper::fit(columns, 254, 1, cpu.context);
  ASSERT_TRUE(mapper);
  const auto& bins = mapper->features()[0].code_to_bin;
  EXPECT_EQ(bins[48], kernels::kUnseenBin);
  EXPECT_EQ(bins[49], 2);
  EXPECT_EQ(bins[301], 254);
  EXPECT_EQ(mapper->features()[0].bin_count(), 255);
}

TEST(BinMapper, KeepsTheBlockLayoutOfManyFeatures) {
  // Feature f has value f in row f % 3, else 0.
  const Cpu cpu;
  std::vector<std::vector<double>> values;
  for (int f = 0; f < 131; ++f) {
    values.emplace_back(3, 0.0);
    values.back()[static_cast<size_t>(f % 3)] = f + 1;
  }
  std::vector<FeatureColumn> columns;
  for (const auto& column : values) columns.push_back(numeric(column));
  const auto mapper = BinMapper::fit(columns, 254, 1, cpu.context);
  ASSERT_TRUE(mapper);
  const auto matrix = cpu.bin(*mapper, columns);
  ASSERT_TRUE(matrix);
  EXPECT_EQ(matrix->byte_count(), 3 * 131);
  for (int32_t f = 0; f < 131; ++f) {
    std::vector<uint8_t> expected(3, 1);
    expected[static_cast<size_t>(f % 3)] = 2;
    EXPECT_EQ(cells(matrix->view(), f), expected) << f;
  }
}

TEST(BinMapper, BinsOnADiscreteDeviceAsOnTheCpu) {
  kernels::KernelSet kernels = device_set().kernels();
  conformance::register_discrete_kernels(kernels);
  conformance::DiscreteDevice device("discrete:0", int64_t{1} << 24);
  const Cpu cpu;
  Cpu other;
  other.context.kernels = &kernels;
  other.context.device = &device;
  const std::vector<double> values = {3, kNaN, 1, 2};
  const std::vector<int32_t> codes = {4, 2, 0, 4};
  const NumberColumn narrow(values);
  const std::vector<FeatureColumn> doubles = {numeric(values), categorical(codes, 5)};
  const std::vector<FeatureColumn> held = {{.numbers = narrow}, categorical(codes, 5)};
  for (const auto& columns : {doubles, held}) {
    const auto mapper = BinMapper::fit(columns, 254, 1, other.context);
    ASSERT_TRUE(mapper) << mapper.error().message;
    EXPECT_EQ(mapper->features(), BinMapper::fit(columns, 254, 1, cpu.context)->features());
    const auto there = mapper->bin(columns, device, other.context);
    ASSERT_TRUE(there) << there.error().message;
    std::vector<uint8_t> bins(8);
    ASSERT_TRUE(device.download(std::as_writable_bytes(std::span(bins)), there->view().bins, 8));
    const auto here = cpu.bin(*mapper, columns);
    EXPECT_EQ(bins, std::vector<uint8_t>(here->view().bins, here->view().bins + 8));
  }
  EXPECT_EQ(device.held_bytes(), 0);
}

TEST(BinMapper, LeavesOutWhatIsNotWanted) {
  const Cpu cpu;
  std::vector<std::vector<double>> values(131, {3, kNaN, 1, 2});
  std::vector<FeatureColumn> columns;
  for (const auto& column : values) columns.push_back(numeric(column));
  const std::vector<int32_t> codes = {4, 2, 0, 4};
  columns[70] = categorical(codes, 5);
  columns[71] = categorical(codes, 5);
  const auto mapper = BinMapper::fit(columns, 254, 1, cpu.context);
  ASSERT_TRUE(mapper);
  std::vector<uint8_t> wanted(columns.size(), 0);
  for (const size_t f : {size_t{0}, size_t{63}, size_t{70}}) wanted[f] = 1;
  const auto all = cpu.bin(*mapper, columns);
  const auto some = mapper->bin(columns, *cpu.context.device, cpu.context, wanted);
  ASSERT_TRUE(some) << some.error().message;
  for (int32_t f = 0; f < 131; ++f) {
    const std::vector<uint8_t> missing(4, kernels::kMissingBin);
    EXPECT_EQ(cells(some->view(), f),
              wanted[static_cast<size_t>(f)] != 0 ? cells(all->view(), f) : missing)
        << f;
  }
  wanted.pop_back();
  EXPECT_FALSE(mapper->bin(columns, *cpu.context.device, cpu.context, wanted));
}

TEST(BinMapper, RefusesColumnsThatDoNotFit) {
  const Cpu cpu;
  const std::vector<double> three = {1, 2, 3};
  const std::vector<double> two = {1, 2};
  const std::vector<FeatureColumn> uneven = {numeric(three), numeric(two)};
  EXPECT_FALSE(BinMapper::fit(uneven, 254, 1, cpu.context));
  const std::vector<FeatureColumn> columns = {numeric(three)};
  const auto mapper = BinMapper::fit(columns, 254, 1, cpu.context);
  ASSERT_TRUE(mapper);
  EXPECT_FALSE(cpu.bin(*mapper, {}));
  const std::vector<int32_t> codes = {0, 0, 0};
  const std::vector<FeatureColumn> other = {categorical(codes, 2)};
  EXPECT_FALSE(cpu.bin(*mapper, other));
}

TEST(BinMapper, ChecksRulesOfFiles) {
  const auto numeric_rule = [](std::vector<double> edges) {
    FeatureBins rule;
    rule.edges = std::move(edges);
    return BinMapper::from_features({rule}).has_value();
  };
  EXPECT_TRUE(numeric_rule({}));
  EXPECT_TRUE(numeric_rule({1, 2}));
  EXPECT_FALSE(numeric_rule({1, 1}));
  EXPECT_FALSE(numeric_rule({kNaN}));
  EXPECT_FALSE(numeric_rule(std::vector<double>(300, 1.0)));
  FeatureBins both;
  both.edges = {1};
  both.code_to_bin = {0, 1};
  EXPECT_FALSE(BinMapper::from_features({both}));
  FeatureBins beyond;
  beyond.kind = FeatureKind::kCategorical;
  beyond.code_to_bin = {0, 255};
  EXPECT_FALSE(BinMapper::from_features({beyond}));
}

// A column of each form that a NumberColumn has, as doubles.
std::vector<std::vector<double>> columns_of_forms(size_t rows, bool missing) {
  Rng rng(21);
  std::vector<std::vector<double>> columns(6);
  for (size_t row = 0; row < rows; ++row) {
    const auto whole = static_cast<double>(rng.below(2'000'000));
    columns[0].push_back(static_cast<double>(rng.below(200)));
    columns[1].push_back(rng.below(9) == 0 ? -0.0 : static_cast<double>(rng.below(100)) - 50);
    columns[2].push_back((whole - 1'000'000) / 100'000);
    columns[3].push_back(std::floor(whole / 100) / 100);
    columns[4].push_back(double{static_cast<float>(rng.next_double())});
    columns[5].push_back(rng.next_double() * 1e12);
    if (!missing) continue;
    for (auto& column : columns) {
      if (rng.below(10) == 0) column.back() = kNaN;
    }
  }
  return columns;
}

std::vector<NumberColumn> held(const std::vector<std::vector<double>>& columns) {
  return {columns.begin(), columns.end()};
}

TEST(BinMapper, FitsNumbersInAnyFormAsItDoesDoubles) {
  const Cpu cpu;
  // Fewer than quantile_edges takes, more, and more with missing ones.
  for (const auto& [rows, missing] : {std::pair(5000, true), {230'000, false}, {260'000, true}}) {
    const auto doubles = columns_of_forms(static_cast<size_t>(rows), missing);
    const std::vector<NumberColumn> narrow = held(doubles);
    std::vector<FeatureColumn> as_doubles;
    std::vector<FeatureColumn> as_held;
    for (size_t i = 0; i < doubles.size(); ++i) {
      as_doubles.push_back(numeric(doubles[i]));
      as_held.push_back({.numbers = narrow[i]});
    }
    EXPECT_EQ(narrow[4].form().cell, NumberCell::kF32);
    const auto usual = BinMapper::fit(as_doubles, 254, 3, cpu.context);
    const auto fitted = BinMapper::fit(as_held, 254, 3, cpu.context);
    ASSERT_TRUE(usual && fitted);
    EXPECT_EQ(usual->features(), fitted->features()) << rows;
  }
}

TEST(BinMapper, BinsNumbersInAnyFormAsItDoesDoubles) {
  const Cpu cpu;
  // Two blocks of features, the first of them in two parts.
  constexpr size_t kFeatures = 67;
  const auto doubles = columns_of_forms(70'001, true);
  const std::vector<NumberColumn> narrow = held(doubles);
  std::vector<int32_t> codes;
  for (size_t row = 0; row < doubles[0].size(); ++row)
    codes.push_back(static_cast<int32_t>(row % 7));
  std::vector<FeatureColumn> as_doubles;
  std::vector<FeatureColumn> as_held;
  std::vector<uint8_t> wanted;
  for (size_t i = 0; i < kFeatures; ++i) {
    wanted.push_back(i % 5 == 3 ? 0 : 1);
    as_doubles.push_back(i % 7 == 6 ? categorical(codes, 7) : numeric(doubles[i % 7]));
    as_held.push_back(as_doubles.back());
    if (i % 7 != 6) as_held.back().numbers = narrow[i % 7];
  }
  const auto mapper = BinMapper::fit(as_doubles, 100, 3, cpu.context);
  ASSERT_TRUE(mapper);
  for (const std::vector<uint8_t>& some : {std::vector<uint8_t>(), wanted}) {
    const auto usual = mapper->bin(as_doubles, *cpu.context.device, cpu.context, some);
    const auto binned = mapper->bin(as_held, *cpu.context.device, cpu.context, some);
    ASSERT_TRUE(usual && binned);
    const kernels::BinnedView a = usual->view();
    const kernels::BinnedView b = binned->view();
    EXPECT_TRUE(std::equal(a.bins, a.bins + a.byte_count(), b.bins, b.bins + b.byte_count()));
  }
}

TEST(BinMapper, StopsWhenAsked) {
  Cpu cpu;
  StopToken stop;
  stop.request();
  cpu.context.stop = &stop;
  const std::vector<double> three = {1, 2, 3};
  const std::vector<FeatureColumn> columns = {numeric(three)};
  const auto mapper = BinMapper::fit(columns, 254, 1, cpu.context);
  ASSERT_FALSE(mapper);
  EXPECT_EQ(mapper.error().code, StatusCode::kCancelled);
}

}  // namespace
}  // namespace assay::datasets
