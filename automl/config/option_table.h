// One table for each options struct. A struct T has plain members with default values, and
//
//   static const OptionTable<T>& table();   // a function-local static const object in the .cc
//
// The table says name, member, range, search range and help once; parsing, validation, search
// spaces, command line help, JSON Schema and documentation all come from it. Defaults are those of
// a default-constructed T. Example:
//
//   struct ForestOptions {
//     int64_t trees = 100;
//     double max_features = 0.5;
//     std::string criterion = "gini";
//     static const OptionTable<ForestOptions>& table();
//   };
//   const OptionTable<ForestOptions>& ForestOptions::table() {
//     using T = ForestOptions;
//     static const OptionTable<T> table("forest", "Trees on bootstrap samples.", {
//         {.name = "trees", .member = &T::trees, .range = {.low = 1, .high = 10000},
//          .help = "Number of trees."},
//         {.name = "max_features", .member = &T::max_features,
//          .range = {.low = 0, .high = 1, .low_open = true},
//          .search = SearchRange{.low = 0.1, .high = 1, .log = true},
//          .help = "Share of the features tried at a split."},
//         {.name = "criterion", .member = &T::criterion, .choices = {"gini", "entropy"},
//          .search = SearchRange{}, .help = "What a split lowers."}});
//     return table;
//   }
//
// Tables are immutable and safe to share between threads. A wrong table (default out of range, two
// options of one name, a search range outside the range) is found by check_group in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "automl/config/option_info.h"
#include "automl/config/param_map.h"
#include "kernels/base/status.h"

namespace assay::automl {

// In the order of OptionKind.
template <class T>
using OptionMember = std::variant<double T::*, int64_t T::*, bool T::*, std::string T::*,
                                  TextList T::*, TextMap T::*>;

// One row of a table. See OptionInfo for the fields.
template <class T>
struct Option {
  std::string_view name;
  OptionMember<T> member;
  OptionRange range = {};
  std::vector<std::string_view> choices = {};
  OptionFormat format = OptionFormat::kPlain;
  bool required = false;
  std::optional<SearchRange> search = {};
  std::string_view help;
};

// Says what is wrong with a group: a name twice or badly formed, a default that check_value
// refuses, a search range outside the range or on a list. For tests of tables.
// Fails: internal with the first mistake.
Status check_group(const OptionGroup& group);

template <class T>
class OptionTable {
 public:
  OptionTable(std::string_view name, std::string_view help, std::vector<Option<T>> options) {
    group_.name = name;
    group_.help = help;
    for (Option<T>& option : options) {
      members_.push_back(option.member);
      OptionInfo info;
      info.name = option.name;
      info.kind = static_cast<OptionKind>(option.member.index());
      info.range = option.range;
      info.choices = std::move(option.choices);
      info.format = option.format;
      info.required = option.required;
      info.search = std::move(option.search);
      info.help = option.help;
      group_.options.push_back(std::move(info));
    }
    const T defaults{};
    for (size_t i = 0; i < members_.size(); ++i) group_.options[i].default_value = at(defaults, i);
  }

  const OptionGroup& group() const { return group_; }
  const std::vector<OptionInfo>& options() const { return group_.options; }

  // Fails: invalid_argument if there is no such option, or check_value refuses the value.
  Status set(T& object, std::string_view name, const OptionValue& value) const {
    const OptionInfo* info = find_option(group_.options, name);
    if (info == nullptr) return unknown_option(group_.options, name);
    auto checked = check_value(*info, value);
    if (!checked) return tl::unexpected<Error>(std::move(checked.error()));
    assign(object, static_cast<size_t>(info - group_.options.data()), std::move(*checked));
    return {};
  }

  // The same for text, by parse_value.
  Status parse(T& object, std::string_view name, std::string_view text) const {
    const OptionInfo* info = find_option(group_.options, name);
    if (info == nullptr) return unknown_option(group_.options, name);
    auto parsed = parse_value(*info, text);
    if (!parsed) return tl::unexpected<Error>(std::move(parsed.error()));
    assign(object, static_cast<size_t>(info - group_.options.data()), std::move(*parsed));
    return {};
  }

  // Fails: invalid_argument if there is no such option.
  Result<OptionValue> get(const T& object, std::string_view name) const {
    const OptionInfo* info = find_option(group_.options, name);
    if (info == nullptr) return unknown_option(group_.options, name);
    return at(object, static_cast<size_t>(info - group_.options.data()));
  }

  // The value of the option number `index` of options(). Not inlined: where the object is in sight,
  // g++ 12 warns of the branches for kinds that no member of T has.
  [[gnu::noinline]] OptionValue at(const T& object, size_t index) const {
    return std::visit([&](auto member) { return OptionValue(object.*member); }, members_[index]);
  }

 private:
  [[gnu::noinline]] void assign(T& object, size_t index, OptionValue value) const {
    std::visit(
        [&](auto member) {
          using Value = std::decay_t<decltype(object.*member)>;
          object.*member = std::get<Value>(std::move(value));
        },
        members_[index]);
  }

  OptionGroup group_;
  std::vector<OptionMember<T>> members_;
};

// Sets one option from a value: set_option(options, "learning_rate", 0.1).
template <class T>
Status set_option(T& object, std::string_view name, const ParamValue& value) {
  return T::table().set(object, name,
                        std::visit([](const auto& v) { return OptionValue(v); }, value));
}

// Sets one option from text: parse_option(budget, "time", "1h30m").
template <class T>
Status parse_option(T& object, std::string_view name, std::string_view text) {
  return T::table().parse(object, name, text);
}

template <class T>
Result<OptionValue> get_option(const T& object, std::string_view name) {
  return T::table().get(object, name);
}

// A T with its defaults, and `params` applied over them.
// Fails: invalid_argument for the first unknown name or value that is not allowed.
template <class T>
Result<T> options_from(const ParamMap& params) {
  T object{};
  for (const auto& [name, value] : params) {
    ASSAY_RETURN_IF_ERROR(set_option(object, name, value));
  }
  return object;
}

// All scalar options of `object`; lists and maps are left out.
template <class T>
ParamMap params_of(const T& object) {
  ParamMap params;
  const std::vector<OptionInfo>& options = T::table().options();
  for (size_t i = 0; i < options.size(); ++i) {
    std::visit(
        [&](auto&& value) {
          if constexpr (std::is_constructible_v<ParamValue, decltype(value)>) {
            params.emplace(std::string(options[i].name), ParamValue(value));
          }
        },
        T::table().at(object, i));
  }
  return params;
}

}  // namespace assay::automl
