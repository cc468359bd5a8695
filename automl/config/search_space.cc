#include "automl/config/search_space.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

namespace assay::automl {
namespace {

// To 6 significant digits, by way of decimal text, so that the double is the one the text reads as.
double rounded(double value) {
  char buffer[40];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, 6);
  double result = value;
  if (error == std::errc()) std::from_chars(buffer, end, result);
  return result;
}

OptionValue option_value(const ParamValue& value) {
  return std::visit([](const auto& v) { return OptionValue(v); }, value);
}

// The scalar in the kind of the option.
Result<ParamValue> checked_scalar(const OptionInfo& info, const ParamValue& value) {
  ASSAY_ASSIGN_OR_RETURN(const OptionValue checked, check_value(info, option_value(value)));
  switch (info.kind) {
    case OptionKind::kNumber:
      return ParamValue(std::get<double>(checked));
    case OptionKind::kInteger:
      return ParamValue(std::get<int64_t>(checked));
    case OptionKind::kBoolean:
      return ParamValue(std::get<bool>(checked));
    case OptionKind::kText:
      return ParamValue(std::get<std::string>(checked));
    case OptionKind::kTextList:
    case OptionKind::kTextMap:
      break;
  }
  return fail(StatusCode::kInvalidArgument, "{} is a list or map (must be a scalar)", info.name);
}

bool is_scalar(const OptionInfo& info) {
  return info.kind != OptionKind::kTextList && info.kind != OptionKind::kTextMap;
}

ParamValue scalar_default(const OptionInfo& info) {
  return std::visit(
      [](const auto& value) -> ParamValue {
        if constexpr (std::is_constructible_v<ParamValue, decltype(value)>) {
          return value;
        } else {
          return {};
        }
      },
      info.default_value);
}

// A number of either kind.
double as_double(const ParamValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::nan("");
}

// Equal, 1 and 1.0 too.
bool same_value(const ParamValue& a, const ParamValue& b) {
  return a == b || as_double(a) == as_double(b);
}

Status set_choices(const OptionInfo& info, const SearchRange& range, Dimension& dimension) {
  for (const ParamValue& choice : range.choices) {
    ASSAY_ASSIGN_OR_RETURN(ParamValue checked, checked_scalar(info, choice));
    const auto& choices = dimension.choices;
    if (std::find(choices.begin(), choices.end(), checked) != choices.end()) {
      return fail(StatusCode::kInvalidArgument, "{} has the choice {} twice", info.name,
                  to_text(checked));
    }
    dimension.choices.push_back(std::move(checked));
  }
  if (range.choices.empty() && info.kind == OptionKind::kBoolean) dimension.choices = {false, true};
  if (range.choices.empty() && info.kind == OptionKind::kText) {
    for (const std::string_view choice : info.choices)
      dimension.choices.emplace_back(std::string(choice));
  }
  if (dimension.choices.empty()) {
    return fail(StatusCode::kInvalidArgument, "{} has nothing to choose from", info.name);
  }
  const bool has_default = std::find(dimension.choices.begin(), dimension.choices.end(),
                                     dimension.default_value) != dimension.choices.end();
  if (!has_default) dimension.default_value = dimension.choices.front();
  return {};
}

Status set_bounds(const OptionInfo& info, const SearchRange& range, Dimension& dimension) {
  if (!(range.low <= range.high)) {
    return fail(StatusCode::kInvalidArgument, "{} has min {} above max {}", info.name,
                to_text(range.low), to_text(range.high));
  }
  if (range.log && !(range.low > 0)) {
    return fail(StatusCode::kInvalidArgument, "{} has min {} (must be > 0 with log)", info.name,
                to_text(range.low));
  }
  ASSAY_RETURN_IF_ERROR(checked_scalar(info, range.low));
  ASSAY_RETURN_IF_ERROR(checked_scalar(info, range.high));
  dimension.low = range.low;
  dimension.high = range.high;
  dimension.log = range.log;
  const double clamped =
      std::clamp(as_double(dimension.default_value), dimension.low, dimension.high);
  dimension.default_value = info.kind == OptionKind::kInteger
                                ? ParamValue(static_cast<int64_t>(clamped))
                                : ParamValue(clamped);
  return {};
}

// The interval whose points stand for the dimension's numbers: an integer owns half a unit on
// either side. In logarithms for log dimensions.
struct Interval {
  double low = 0;
  double high = 0;
};

Interval interval_of(const Dimension& dimension) {
  const double margin = dimension.kind == OptionKind::kInteger ? 0.5 : 0.0;
  Interval interval{dimension.low - margin, dimension.high + margin};
  if (dimension.log) interval = {std::log(interval.low), std::log(interval.high)};
  return interval;
}

}  // namespace

ParamValue Dimension::at(double unit) const {
  const double u = unit > 0 ? std::min(unit, 1.0) : 0.0;
  if (!choices.empty()) {
    const auto place = static_cast<size_t>(u * static_cast<double>(choices.size()));
    return choices[std::min(place, choices.size() - 1)];
  }
  const Interval interval = interval_of(*this);
  double value = interval.low + u * (interval.high - interval.low);
  if (log) value = std::exp(value);
  if (kind == OptionKind::kInteger) {
    return static_cast<int64_t>(std::clamp(std::floor(value + 0.5), low, high));
  }
  return std::clamp(rounded(value), low, high);
}

Result<double> Dimension::unit_of(const ParamValue& value) const {
  for (size_t i = 0; i < choices.size(); ++i) {
    if (same_value(choices[i], value)) {
      return (static_cast<double>(i) + 0.5) / static_cast<double>(choices.size());
    }
  }
  const double number = as_double(value);
  const bool whole = kind != OptionKind::kInteger || std::floor(number) == number;
  if (!choices.empty() || !(number >= low && number <= high) || !whole) {
    return fail(StatusCode::kInvalidArgument, "{}={} is outside the search space", name,
                to_text(value));
  }
  const Interval interval = interval_of(*this);
  if (!(interval.high > interval.low)) return 0.5;
  double place = log ? std::log(number) : number;
  if (log && kind == OptionKind::kInteger) {
    place = 0.5 * (std::log(number - 0.5) + std::log(number + 0.5));
  }
  return std::clamp((place - interval.low) / (interval.high - interval.low), 0.0, 1.0);
}

int64_t Dimension::level_count() const {
  if (!choices.empty()) return static_cast<int64_t>(choices.size());
  return kind == OptionKind::kInteger ? static_cast<int64_t>(high - low) + 1 : 0;
}

Result<Dimension> make_dimension(const OptionInfo& info, const SearchRange& range) {
  if (!is_scalar(info)) {
    return fail(StatusCode::kInvalidArgument, "{} is a list or map and cannot be searched",
                info.name);
  }
  Dimension dimension;
  dimension.name = info.name;
  dimension.kind = info.kind;
  dimension.default_value = dimension.idle_value = scalar_default(info);
  const bool number = info.kind == OptionKind::kNumber || info.kind == OptionKind::kInteger;
  if (number && range.choices.empty()) {
    ASSAY_RETURN_IF_ERROR(set_bounds(info, range, dimension));
  } else {
    ASSAY_RETURN_IF_ERROR(set_choices(info, range, dimension));
  }
  return dimension;
}

Result<SearchSpace> SearchSpace::make(const std::vector<OptionInfo>& options,
                                      std::span<const ParamOverride> overrides) {
  std::map<std::string_view, const ParamOverride*> chosen;
  for (const ParamOverride& choice : overrides) {
    if (find_option(options, choice.name) == nullptr) return unknown_option(options, choice.name);
    if (!chosen.emplace(choice.name, &choice).second) {
      return fail(StatusCode::kInvalidArgument, "'{}' is given twice", choice.name);
    }
  }
  SearchSpace space;
  std::map<std::string, SearchCondition, std::less<>> conditions;
  for (const OptionInfo& info : options) {
    const auto found = chosen.find(info.name);
    const ParamOverride* choice = found == chosen.end() ? nullptr : found->second;
    if (!is_scalar(info) && choice == nullptr) continue;
    const auto* value = choice ? std::get_if<ParamValue>(&choice->setting) : nullptr;
    const auto* range = choice ? std::get_if<SearchRange>(&choice->setting) : nullptr;
    if (range == nullptr && value == nullptr && info.search) range = &*info.search;
    if (range != nullptr) {
      ASSAY_ASSIGN_OR_RETURN(Dimension dimension, make_dimension(info, *range));
      space.dimensions_.push_back(std::move(dimension));
      if (range->when) conditions.emplace(info.name, *range->when);
    } else if (value != nullptr) {
      ASSAY_ASSIGN_OR_RETURN(ParamValue checked, checked_scalar(info, *value));
      space.fixed_.emplace(info.name, std::move(checked));
    } else {
      space.fixed_.emplace(info.name, scalar_default(info));
    }
  }
  ASSAY_RETURN_IF_ERROR(space.resolve(options, conditions));
  return space;
}

// Conditions on parameters that are not searched are settled for good: the parameter always matters
// or is not searched either, which others may depend on.
Status SearchSpace::resolve(const std::vector<OptionInfo>& options,
                            const std::map<std::string, SearchCondition, std::less<>>& conditions) {
  const auto place_of = [&](std::string_view name) {
    const auto at = std::find_if(dimensions_.begin(), dimensions_.end(),
                                 [&](const Dimension& d) { return d.name == name; });
    return at == dimensions_.end() ? -1 : static_cast<int>(at - dimensions_.begin());
  };
  std::map<std::string, std::vector<ParamValue>, std::less<>> allowed;
  for (const auto& [name, when] : conditions) {
    const OptionInfo* parent = find_option(options, when.option);
    if (parent == nullptr) return unknown_option(options, when.option);
    if (when.values.empty()) {
      return fail(StatusCode::kInvalidArgument, "{}: when {} has no values", name, when.option);
    }
    for (const ParamValue& value : when.values) {
      ASSAY_ASSIGN_OR_RETURN(ParamValue checked, checked_scalar(*parent, value));
      allowed[name].push_back(std::move(checked));
    }
    std::string_view above = when.option;
    for (size_t steps = 0; conditions.find(above) != conditions.end(); ++steps) {
      if (above == name || steps > conditions.size()) {
        return fail(StatusCode::kInvalidArgument, "{}: its condition depends on itself", name);
      }
      above = conditions.find(above)->second.option;
    }
  }
  std::set<std::string_view> unused;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [name, when] : conditions) {
      const int place = place_of(name);
      if (place < 0 || place_of(when.option) >= 0) continue;
      const std::vector<ParamValue>& values = allowed[name];
      const auto found = fixed_.find(when.option);
      const bool matters = found != fixed_.end() && unused.count(when.option) == 0 &&
                           std::find(values.begin(), values.end(), found->second) != values.end();
      if (matters) continue;
      unused.insert(name);
      fixed_.emplace(name, dimensions_[static_cast<size_t>(place)].idle_value);
      dimensions_.erase(dimensions_.begin() + place);
      changed = true;
    }
  }
  for (Dimension& dimension : dimensions_) {
    const auto when = conditions.find(dimension.name);
    if (when == conditions.end()) continue;
    dimension.parent = place_of(when->second.option);
    if (dimension.parent >= 0) dimension.parent_values = allowed[dimension.name];
  }
  return {};
}

Result<ParamMap> SearchSpace::at(std::span<const double> unit) const {
  if (unit.size() != dimensions_.size()) {
    return fail(StatusCode::kInvalidArgument, "a point of {} coordinates (must have {})",
                unit.size(), dimensions_.size());
  }
  ParamMap params = fixed_;
  const std::vector<bool> active = active_at(unit);
  for (size_t i = 0; i < unit.size(); ++i) {
    const Dimension& dimension = dimensions_[i];
    params[dimension.name] = active[i] ? dimension.at(unit[i]) : dimension.idle_value;
  }
  return params;
}

std::vector<double> SearchSpace::settled(std::span<const double> unit) const {
  std::vector<double> point(unit.begin(), unit.end());
  const std::vector<bool> active = active_at(unit);
  for (size_t i = 0; i < point.size(); ++i) {
    const Dimension& dimension = dimensions_[i];
    point[i] = point[i] > 0 ? std::min(point[i], 1.0) : 0.0;
    if (active[i] && dimension.level_count() == 0) continue;
    const ParamValue value = active[i] ? dimension.at(point[i]) : dimension.default_value;
    point[i] = dimension.unit_of(value).value_or(point[i]);
  }
  return point;
}

std::vector<double> SearchSpace::anchored(std::vector<double> unit) const {
  const std::vector<bool> active = active_at(unit);
  for (size_t i = 0; i < unit.size(); ++i) {
    const Dimension& dimension = dimensions_[i];
    if (!active[i]) unit[i] = dimension.unit_of(dimension.default_value).value_or(unit[i]);
  }
  return unit;
}

std::vector<bool> SearchSpace::active_at(std::span<const double> unit) const {
  std::vector<bool> active(unit.size(), true);
  for (size_t i = 0; i < unit.size(); ++i) {
    for (const Dimension* d = &dimensions_[i]; active[i] && d->parent >= 0;) {
      const auto above = static_cast<size_t>(d->parent);
      const ParamValue value = dimensions_[above].at(unit[above]);
      active[i] = std::find(d->parent_values.begin(), d->parent_values.end(), value) !=
                  d->parent_values.end();
      d = &dimensions_[above];
    }
  }
  return active;
}

Result<std::vector<double>> SearchSpace::unit_of(const ParamMap& params) const {
  std::vector<double> unit;
  std::vector<std::pair<size_t, Error>> outside;  // that must not matter
  for (const Dimension& dimension : dimensions_) {
    const auto found = params.find(dimension.name);
    if (found == params.end()) {
      return fail(StatusCode::kInvalidArgument, "parameter '{}' is missing", dimension.name);
    }
    Result<double> place = dimension.unit_of(found->second);
    if (!place && dimension.parent >= 0 && same_value(found->second, dimension.idle_value)) {
      outside.emplace_back(unit.size(), std::move(place.error()));
      place = dimension.unit_of(dimension.default_value);
    }
    if (!place) return tl::unexpected<Error>(std::move(place.error()));
    unit.push_back(*place);
  }
  const std::vector<bool> active = active_at(unit);
  for (auto& [place, error] : outside) {
    if (active[place]) return tl::unexpected<Error>(std::move(error));
  }
  return unit;
}

ParamMap SearchSpace::default_params() const {
  ParamMap params = fixed_;
  std::vector<double> unit;
  for (const Dimension& dimension : dimensions_) {
    unit.push_back(dimension.unit_of(dimension.default_value).value_or(0.5));
  }
  const std::vector<bool> active = active_at(unit);
  for (size_t i = 0; i < unit.size(); ++i) {
    const Dimension& dimension = dimensions_[i];
    params[dimension.name] = active[i] ? dimension.default_value : dimension.idle_value;
  }
  return params;
}

}  // namespace assay::automl
