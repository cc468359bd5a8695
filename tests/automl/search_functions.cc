#include "tests/automl/search_functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// Names that outlive the spaces made of them.
constexpr std::array<std::string_view, 12> kNames = {"x0", "x1", "x2", "x3", "x4",  "x5",
                                                     "x6", "x7", "x8", "x9", "x10", "x11"};

OptionInfo number(std::string_view name, double low, double high, double start, bool log = false) {
  OptionInfo info;
  info.name = name;
  info.kind = OptionKind::kNumber;
  info.default_value = start;
  info.search = SearchRange{.low = low, .high = high, .log = log};
  return info;
}

SearchSpace space_of(const std::vector<OptionInfo>& options) {
  auto space = SearchSpace::make(options);
  if (!space) throw std::logic_error(space.error().message);
  return std::move(*space);
}

double at(const ParamMap& params, std::string_view name) {
  return std::get<double>(params.find(name)->second);
}

}  // namespace

SearchFunction branin() {
  SearchFunction function{"branin",
                          space_of({number("x0", -5, 10, 2.5), number("x1", 0, 15, 7.5)}),
                          {},
                          0.39788735772973816};
  function.value = [](const ParamMap& p) {
    constexpr double kPi = std::numbers::pi;
    const double x = at(p, "x0");
    const double y = at(p, "x1");
    const double bend = y - 5.1 / (4 * kPi * kPi) * x * x + 5 / kPi * x - 6;
    return bend * bend + 10 * (1 - 1 / (8 * kPi)) * std::cos(x) + 10;
  };
  return function;
}

SearchFunction hartmann6() {
  std::vector<OptionInfo> options;
  for (size_t i = 0; i < 6; ++i) options.push_back(number(kNames[i], 0, 1, 0.5));
  SearchFunction function{"hartmann6", space_of(options), {}, -3.322368011391339};
  function.value = [](const ParamMap& p) {
    constexpr std::array<double, 4> kAlpha = {1, 1.2, 3, 3.2};
    constexpr std::array<std::array<double, 6>, 4> kA = {{{10, 3, 17, 3.5, 1.7, 8},
                                                          {0.05, 10, 17, 0.1, 8, 14},
                                                          {3, 3.5, 1.7, 10, 17, 8},
                                                          {17, 8, 0.05, 10, 0.1, 14}}};
    constexpr std::array<std::array<double, 6>, 4> kP = {
        {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
         {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
         {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
         {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}}};
    double sum = 0;
    for (size_t i = 0; i < 4; ++i) {
      double power = 0;
      for (size_t j = 0; j < 6; ++j) {
        const double gap = at(p, kNames[j]) - kP[i][j];
        power += kA[i][j] * gap * gap;
      }
      sum -= kAlpha[i] * std::exp(-power);
    }
    return sum;
  };
  return function;
}

SearchFunction rosenbrock(int d) {
  std::vector<OptionInfo> options;
  const auto count = static_cast<size_t>(d);
  for (size_t i = 0; i < count; ++i) options.push_back(number(kNames.at(i), -2, 2, -1));
  SearchFunction function{"rosenbrock" + std::to_string(d), space_of(options), {}, 0};
  function.value = [count](const ParamMap& p) {
    double sum = 0;
    for (size_t i = 0; i + 1 < count; ++i) {
      const double x = at(p, kNames[i]);
      const double bend = at(p, kNames[i + 1]) - x * x;
      sum += 100 * bend * bend + (1 - x) * (1 - x);
    }
    return sum;
  };
  return function;
}

SearchFunction mixed() {
  OptionInfo size;
  size.name = "size";
  size.kind = OptionKind::kInteger;
  size.default_value = int64_t{15};
  size.search = SearchRange{.low = 1, .high = 30};
  OptionInfo kind;
  kind.name = "kind";
  kind.kind = OptionKind::kText;
  kind.choices = {"a", "b", "c"};
  kind.default_value = std::string("a");
  kind.search = SearchRange{};
  OptionInfo on;
  on.name = "on";
  on.kind = OptionKind::kBoolean;
  on.default_value = false;
  on.search = SearchRange{};
  SearchFunction function{
      "mixed", space_of({number("rate", 1e-4, 1, 0.5, true), size, kind, on}), {}, 0};
  function.value = [](const ParamMap& p) {
    const double rate = std::log10(at(p, "rate")) + 2;
    const std::string& name = std::get<std::string>(p.find("kind")->second);
    const double best_size = name == "a" ? 20 : name == "b" ? 7 : 12;
    const double gap =
        (static_cast<double>(std::get<int64_t>(p.find("size")->second)) - best_size) / 8;
    const double offset = name == "a" ? 0.3 : name == "b" ? 0 : 0.5;
    return rate * rate + gap * gap + offset + (std::get<bool>(p.find("on")->second) ? 0 : 0.2);
  };
  return function;
}

std::vector<double> regrets(const Sampler& sampler, const SearchFunction& function, int count,
                            uint64_t seed, int hidden) {
  std::vector<SamplePoint> points;
  std::vector<double> losses;
  std::vector<double> regret;
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < count; ++i) {
    ParamMap params = function.space.default_params();
    std::vector<double> unit;
    if (i == 0) {
      unit = function.space.unit_of(params).value();
    } else {
      unit = sampler.sample(
          {&function.space, points, seed, derive_seed(seed, "point", points.size()), 0});
      params = function.space.at(unit).value();
    }
    const double loss = function.value(params);
    best = std::min(best, loss);
    regret.push_back(best - function.least);
    points.push_back({std::move(unit), SamplePoint::State::kOpen, 0, 0});
    losses.push_back(loss);
    if (i < hidden) continue;
    const auto shown = static_cast<size_t>(i - hidden);
    points[shown].state = SamplePoint::State::kScored;
    points[shown].loss = losses[shown];
  }
  return regret;
}

double median_regret(std::string_view sampler, const SearchFunction& function, int count, int seeds,
                     int hidden) {
  const auto made = make_sampler(sampler);
  std::vector<double> last;
  for (int seed = 1; seed <= seeds; ++seed) {
    last.push_back(regrets(*made, function, count, static_cast<uint64_t>(seed), hidden).back());
  }
  const auto middle = last.begin() + static_cast<std::ptrdiff_t>(last.size() / 2);
  std::nth_element(last.begin(), middle, last.end());
  return *middle;
}

}  // namespace assay::automl
