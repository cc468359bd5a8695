// The space that search draws a learner's parameters from: one dimension for each searched option,
// mapped to and from the unit cube, and values for all others. Built from an option table and
// what the user's config fixed or narrowed. Plain values; const use is thread-safe.
//
// A number in [low, high] is u * (high - low) + low, or exp of that between the logarithms, rounded
// to 6 significant digits so that a proposal reads well and does not hang on the last bit of exp.
// An integer splits [low - 1/2, high + 1/2] likewise and rounds; k choices split [0, 1] evenly.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "automl/config/option_info.h"
#include "automl/config/param_map.h"
#include "kernels/base/status.h"

namespace assay::automl {

// What a config says about one parameter of a learner: its value, or where to search.
struct ParamOverride {
  std::string name;
  std::variant<ParamValue, SearchRange> setting;
};

// One searched parameter.
struct Dimension {
  std::string name;
  OptionKind kind = OptionKind::kNumber;  // a scalar kind
  double low = 0;
  double high = 0;
  bool log = false;
  std::vector<ParamValue> choices = {};  // if not empty, these and not low..high
  ParamValue default_value = {};         // inside the dimension
  ParamValue idle_value = {};  // the option's default: what it has where it does not matter
  // The parameter that this one depends on, by its place among the dimensions, and the values with
  // which this one matters; -1: it always does.
  int parent = -1;
  std::vector<ParamValue> parent_values = {};

  // The value at `unit`, which is clamped to [0, 1] (NaN counts as 0).
  ParamValue at(double unit) const;
  // A place in [0, 1] for which at() gives `value`: for integers and choices the middle of their
  // share. Exact for these; for numbers as near as 6 digits allow.
  // Fails: invalid_argument if the value is not in the dimension.
  Result<double> unit_of(const ParamValue& value) const;
  // Number of distinct values; 0 for numbers, which have no end of them.
  int64_t level_count() const;
};

// The dimension of an option searched in `range`.
// Fails: invalid_argument if the option is a list or map, low > high, a bound or choice is not
// allowed for the option, a choice comes twice, log with low <= 0, or there is nothing to choose.
Result<Dimension> make_dimension(const OptionInfo& info, const SearchRange& range);

class SearchSpace {
 public:
  // The space of `options` (scalar ones) under `overrides`: an override with a value fixes the
  // parameter, one with a range searches there. Options without search range keep their default.
  // Fails: invalid_argument for an unknown name, a name twice, a value or range that is not
  // allowed (low > high, log with low <= 0, choices outside the option's), a condition on an
  // unknown option or a value that it cannot have, conditions in a circle.
  static Result<SearchSpace> make(const std::vector<OptionInfo>& options,
                                  std::span<const ParamOverride> overrides = {});

  // The searched parameters, in table order.
  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  size_t size() const { return dimensions_.size(); }
  // The parameters that are not searched, with their values.
  const ParamMap& fixed() const { return fixed_; }

  // All parameters at a point of the unit cube: `unit` has size() coordinates. Those that do not
  // matter there have the options' defaults.
  // Fails: invalid_argument if it has not.
  Result<ParamMap> at(std::span<const double> unit) const;
  // The point that stands for the same parameters as `unit`, which has size() coordinates: integers
  // and choices in the middle of their share, numbers clamped to [0, 1], what does not matter at
  // its default.
  std::vector<double> settled(std::span<const double> unit) const;
  // `unit` with the coordinates of what does not matter there at the defaults; without conditions
  // as it is. The same parameters.
  std::vector<double> anchored(std::vector<double> unit) const;
  // Which parameters matter at a point.
  std::vector<bool> active_at(std::span<const double> unit) const;
  // The point of `params`; parameters that are not dimensions are ignored. What does not matter
  // there, and has the option's default, is at that of the dimension.
  // Fails: invalid_argument if a dimension's parameter is missing or outside.
  Result<std::vector<double>> unit_of(const ParamMap& params) const;
  // All parameters with the defaults of the options, those that matter moved into the dimensions
  // where an override excludes them: the first setting to try.
  ParamMap default_params() const;

 private:
  Status resolve(const std::vector<OptionInfo>& options,
                 const std::map<std::string, SearchCondition, std::less<>>& conditions);

  std::vector<Dimension> dimensions_;
  ParamMap fixed_;
};

}  // namespace assay::automl
