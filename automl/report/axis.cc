#include "automl/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay::automl {
namespace {

double round_step(double span, int parts) {
  const double raw = span / parts;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= raw * 0.999) step = factor * power;
  }
  return step;
}

void make_sound(double& low, double& high) {
  if (!std::isfinite(low)) low = 0;
  if (!std::isfinite(high)) high = 0;
  if (high > low) return;
  high = low;
  const double margin = std::max(std::abs(low) * 1e-3, 1e-6);
  low -= margin;
  high += margin;
}

}  // namespace

double Axis::place(double value) const {
  if (log) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

Axis round_axis(double low, double high, int parts) {
  make_sound(low, high);
  const double step = round_step(high - low, parts);
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, step};
}

Axis tight_axis(double low, double high, int parts) {
  make_sound(low, high);
  return {low, high, round_step(high - low, parts)};
}

Axis log_axis(double low, double high) {
  if (!(high > low)) high = low * 1.001;
  const double decades = std::log10(high / low);
  return {low, high, std::max(1.0, std::ceil(decades / 6)), true};
}

std::vector<Tick> ticks_of(const Axis& axis) {
  std::vector<Tick> ticks;
  if (axis.log) {
    const double decades = std::log10(axis.high / axis.low);
    const auto stride = static_cast<int>(axis.step);
    const int first = static_cast<int>(std::floor(std::log10(axis.low)));
    const int last = static_cast<int>(std::ceil(std::log10(axis.high)));
    for (int power = first; power <= last; ++power) {
      if (stride > 1 && (power % stride + stride) % stride != 0) continue;
      for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor > 1 && decades > 2.2) break;
        const double value = factor * std::pow(10.0, power);
        if (value < axis.low * 0.9999 || value > axis.high * 1.0001) continue;
        ticks.push_back({value, fmt::format("{:.6g}", value)});
      }
    }
    return ticks;
  }
  const double begin = std::ceil(axis.low / axis.step - 1e-6);
  const double end = std::floor(axis.high / axis.step + 1e-6);
  for (double i = begin; i <= end && ticks.size() < 50; ++i) {
    ticks.push_back({i * axis.step, tick_text(i * axis.step, axis.step)});
  }
  return ticks;
}

std::string tick_text(double value, double step) {
  const double size = std::max(std::abs(value), step);
  if (size >= 1e6 || step < 1e-6) {
    if (std::abs(value) < step * 1e-6) return "0";
    std::string text = fmt::format("{:.3e}", value);
    // 2.500e+06 to 2.5e6
    const size_t e = text.find('e');
    std::string digits = text.substr(0, e);
    while (digits.ends_with('0')) digits.pop_back();
    if (digits.ends_with('.')) digits.pop_back();
    return fmt::format("{}e{}", digits, std::stoi(text.substr(e + 1)));
  }
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  return fmt::format("{:.{}f}", std::abs(value) < step * 1e-6 ? 0.0 : value, digits);
}

}  // namespace assay::automl
