#include "automl/config/yaml_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "automl/config/label_weights.h"
#include "automl/config/yaml_tree_internal.h"
#include "kernels/base/file_layer.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

using Kind = YamlNode::Kind;

constexpr size_t kMaxMistakes = 100;

bool is_scalar_kind(OptionKind kind) {
  return kind != OptionKind::kTextList && kind != OptionKind::kTextMap;
}

// What YAML an option is written as, for messages.
std::string_view wanted_text(const OptionInfo& info) {
  switch (info.kind) {
    case OptionKind::kNumber:
    case OptionKind::kInteger:
      return info.format == OptionFormat::kPlain ? "a number" : "a number or text with a unit";
    case OptionKind::kBoolean:
      return "true or false";
    case OptionKind::kText:
      if (info.format == OptionFormat::kWeights) return "text, or a map like {good: 1, bad: 5}";
      return info.format == OptionFormat::kNames ? "text, or a list like [a, b]" : "text";
    case OptionKind::kTextList:
      return "a list, like [a, b]";
    case OptionKind::kTextMap:
      break;
  }
  return "a map, like {a: b}";
}

// Walks the tree, sets what is right, and notes every mistake with its line.
class ConfigReader {
 public:
  ConfigReader(const ConfigSource& source, std::span<const OptionGroup> learners)
      : source_(source), learners_(learners) {}

  Result<ExperimentConfig> read(std::string_view text);
  // What is right of it.
  const ExperimentConfig& config() const { return config_; }
  void list_places(ConfigPlaces& places) const {
    for (const auto& [path, line] : lines_) places.set_line(path, source_.name, line);
  }

 private:
  void add_mistake(int line, std::string text) { mistakes_.push_back({line, std::move(text)}); }

  void read_root(const YamlNode& root);
  template <class T>
  bool read_section(T& section, const YamlNode& key, const YamlNode& value);
  template <class T>
  bool read_top_option(T& options, const YamlNode& key, const YamlNode& value);
  void unknown_key(const YamlNode& key);

  // The value of an option, or nothing with a mistake noted. `path` is "data.train".
  std::optional<OptionValue> read_option(const OptionInfo& info, const std::string& path,
                                         const YamlNode& value);
  std::optional<OptionValue> read_scalar(const OptionInfo& info, const std::string& path,
                                         const YamlNode& value);
  std::optional<OptionValue> read_weights(const OptionInfo& info, const std::string& path,
                                          const YamlNode& value);
  bool is_text_item(const std::string& path, std::string_view key, const YamlNode& item);
  std::string resolved(const std::string& path) const;

  void read_learners(const YamlNode& value);
  const OptionGroup* find_learner(const YamlNode& name);
  void read_learner(const OptionGroup& group, const YamlNode& value);
  void read_param(const OptionGroup& group, const YamlNode& key, const YamlNode& value,
                  LearnerChoice& learner);
  std::optional<ParamValue> read_param_value(const OptionInfo& info, const std::string& path,
                                             const YamlNode& value);
  std::optional<SearchRange> read_range(const OptionGroup& group, const OptionInfo& info,
                                        const std::string& path, const YamlNode& value);
  std::optional<SearchCondition> read_condition(const OptionGroup& group, const std::string& path,
                                                const YamlNode& value);

  void check_rules();
  Error all_mistakes();

  const ConfigSource& source_;
  std::span<const OptionGroup> learners_;
  ExperimentConfig config_;
  std::vector<ConfigMistake> mistakes_;
  std::map<std::string, int, std::less<>> lines_;  // of "data", "data.train", "data.drop.id"
  std::set<std::string, std::less<>> failed_;      // paths with a mistake in their value
};

Result<ExperimentConfig> ConfigReader::read(std::string_view text) {
  const YamlNode root = parse_yaml(text, mistakes_);
  if (root.kind == Kind::kMap) {
    read_root(root);
    check_rules();
  } else if (mistakes_.empty()) {
    add_mistake(root.line, fmt::format("the config is {} (must be a map with data: and others)",
                                       kind_text(root)));
  }
  if (!mistakes_.empty()) return tl::unexpected<Error>(all_mistakes());
  return std::move(config_);
}

void ConfigReader::read_root(const YamlNode& root) {
  for (size_t i = 0; i < root.keys.size(); ++i) {
    const YamlNode& key = root.keys[i];
    const YamlNode& value = root.items[i];
    lines_.emplace(key.text, key.line);
    bool known = key.text == "learners";
    if (known) read_learners(value);
    for_each_section(config_, [&](auto& section) {
      if (known) return;
      known = section.table().group().name.empty() ? read_top_option(section, key, value)
                                                   : read_section(section, key, value);
    });
    if (!known) unknown_key(key);
  }
}

void ConfigReader::unknown_key(const YamlNode& key) {
  std::vector<std::string_view> names;
  for_each_section(config_, [&](const auto& section) {
    const OptionGroup& group = section.table().group();
    if (!group.name.empty()) names.push_back(group.name);
  });
  names.push_back("learners");
  for (const OptionInfo& option : config_.run.table().options()) names.push_back(option.name);
  const std::string_view near = nearest_name(key.text, names);
  std::string hint = name_hint(key.text, names);
  // An option of a section, written outside it.
  for_each_section(config_, [&](const auto& section) {
    const OptionGroup& group = section.table().group();
    if (near.empty() && find_option(group.options, key.text) != nullptr) {
      hint = fmt::format(" (belongs under '{}:')", group.name);
    }
  });
  add_mistake(key.line, fmt::format("unknown option '{}'{}", shortened(key.text), hint));
}

template <class T>
bool ConfigReader::read_top_option(T& options, const YamlNode& key, const YamlNode& value) {
  const OptionInfo* info = find_option(T::table().options(), key.text);
  if (info == nullptr) return false;
  if (const auto read = read_option(*info, key.text, value)) {
    (void)T::table().set(options, info->name, *read);  // read_option has checked it
  } else {
    failed_.insert(key.text);
  }
  return true;
}

template <class T>
bool ConfigReader::read_section(T& section, const YamlNode& key, const YamlNode& value) {
  const OptionTable<T>& table = T::table();
  if (table.group().name != key.text) return false;
  if (value.kind == Kind::kNull) return true;  // all its lines are comments
  if (value.kind != Kind::kMap) {
    add_mistake(value.line,
                fmt::format("{} is {} (must be a map of options)", key.text, kind_text(value)));
    return true;
  }
  for (size_t i = 0; i < value.keys.size(); ++i) {
    const YamlNode& name = value.keys[i];
    const std::string path = fmt::format("{}.{}", key.text, shortened(name.text));
    lines_.emplace(path, name.line);
    const OptionInfo* info = find_option(table.options(), name.text);
    if (info == nullptr) {
      const Error error = unknown_option(table.options(), name.text).value();
      add_mistake(name.line, fmt::format("{}: {}", key.text, error.message));
    } else if (const auto read = read_option(*info, path, value.items[i])) {
      (void)table.set(section, info->name, *read);  // read_option has checked it
    } else {
      failed_.insert(path);
    }
  }
  return true;
}

std::optional<OptionValue> ConfigReader::read_option(const OptionInfo& info,
                                                     const std::string& path,
                                                     const YamlNode& value) {
  if (info.format == OptionFormat::kWeights && value.kind == Kind::kMap) {
    return read_weights(info, path, value);
  }
  const bool is_list_of_names = info.format == OptionFormat::kNames && value.kind == Kind::kList;
  const bool fits = is_list_of_names                     ? true
                    : is_scalar_kind(info.kind)          ? value.kind == Kind::kScalar
                    : info.kind == OptionKind::kTextList ? value.kind == Kind::kList
                                                         : value.kind == Kind::kMap;
  if (!fits) {
    add_mistake(value.line,
                fmt::format("{} is {} (must be {})", path, kind_text(value), wanted_text(info)));
    return std::nullopt;
  }
  if (value.kind == Kind::kScalar) return read_scalar(info, path, value);
  bool all_text = true;
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string_view key = value.kind == Kind::kMap ? value.keys[i].text : std::string_view();
    all_text = is_text_item(path, key, value.items[i]) && all_text;
  }
  if (!all_text) return std::nullopt;
  OptionValue read;
  if (value.kind == Kind::kList) {
    auto& list = read.emplace<TextList>();
    for (const YamlNode& item : value.items) {
      list.push_back(item.text);
      lines_.emplace(path + "." + item.text, item.line);
    }
    if (is_list_of_names) read = fmt::format("{}", fmt::join(TextList(list), ","));
  } else {
    auto& map = read.emplace<TextMap>();
    for (size_t i = 0; i < value.keys.size(); ++i) {
      map.emplace(value.keys[i].text, value.items[i].text);
      lines_.emplace(path + "." + value.keys[i].text, value.keys[i].line);
    }
  }
  auto checked = check_value(info, read);
  if (!checked) {
    add_mistake(value.line, fmt::format("{}: {}", path, checked.error().message));
    return std::nullopt;
  }
  return std::move(*checked);
}

std::optional<OptionValue> ConfigReader::read_weights(const OptionInfo& info,
                                                      const std::string& path,
                                                      const YamlNode& value) {
  LabelWeights weights;
  for (size_t i = 0; i < value.keys.size(); ++i) {
    const YamlNode& item = value.items[i];
    const std::string& label = value.keys[i].text;
    lines_.emplace(path + "." + label, value.keys[i].line);
    if (item.kind != Kind::kScalar || item.quoted) {
      add_mistake(item.line, fmt::format("{}.{} is {} (must be a number)", path, shortened(label),
                                         item.quoted ? "quoted text" : kind_text(item)));
      continue;
    }
    const auto weight = parse_label_weight(path, label, item.text);
    if (weight) {
      weights.emplace(label, *weight);
    } else {
      add_mistake(item.line, weight.error().message);
    }
  }
  if (value.keys.empty()) {
    add_mistake(value.line,
                fmt::format("{} is an empty map (must be {})", path, wanted_text(info)));
  }
  if (weights.empty() || weights.size() < value.keys.size()) return std::nullopt;
  return OptionValue(label_weights_text(weights));
}

bool ConfigReader::is_text_item(const std::string& path, std::string_view key,
                                const YamlNode& item) {
  if (item.kind == Kind::kScalar) return true;
  std::string hint;
  if (item.kind == Kind::kNull) hint = "; quote \"null\" and \"~\" to mean the text";
  // Groups with their columns: the map is meant the other way round.
  if (item.kind == Kind::kList && path == "data.interactions") {
    hint = ": COLUMN: GROUP, here {";
    for (const YamlNode& column : item.items) {
      if (column.kind != Kind::kScalar) continue;
      hint += fmt::format("{}{}: {}", hint.back() == '{' ? "" : ", ", column.text, key);
    }
    hint += '}';
  }
  add_mistake(item.line, fmt::format("{} holds {} (must be text{})", path, kind_text(item), hint));
  return false;
}

std::optional<OptionValue> ConfigReader::read_scalar(const OptionInfo& info,
                                                     const std::string& path,
                                                     const YamlNode& value) {
  const bool takes_text = info.kind == OptionKind::kText ||
                          info.format == OptionFormat::kDuration ||
                          info.format == OptionFormat::kBytes;
  if (value.quoted && !takes_text) {
    add_mistake(value.line, fmt::format("{} is quoted text '{}' (must be {})", path,
                                        shortened(value.text), wanted_text(info)));
    return std::nullopt;
  }
  auto read = parse_value(info, value.text);
  if (!read) {
    // The message starts with the option's own name; the path says more.
    const std::string& message = read.error().message;
    const bool named = message.compare(0, info.name.size(), info.name) == 0;
    const std::string prefix = path.substr(0, path.size() - info.name.size());
    add_mistake(value.line, named ? prefix + message : fmt::format("{}: {}", path, message));
    return std::nullopt;
  }
  if (info.format == OptionFormat::kPath) return OptionValue(resolved(value.text));
  return std::move(*read);
}

std::string ConfigReader::resolved(const std::string& path) const {
  if (source_.folder.empty() || path.empty() || path.front() == '/') return path;
  return (std::filesystem::path(source_.folder) / path).lexically_normal().string();
}

void ConfigReader::read_learners(const YamlNode& value) {
  if (value.kind == Kind::kNull) return;
  const bool list = value.kind == Kind::kList;
  const std::vector<YamlNode>& names = list ? value.items : value.keys;
  if ((!list && value.kind != Kind::kMap) || names.empty()) {
    add_mistake(value.line, "learners must be a list of names, or a map of names to parameters");
    return;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const OptionGroup* group = find_learner(names[i]);
    if (group == nullptr) continue;
    const bool again = std::any_of(config_.learners.begin(), config_.learners.end(),
                                   [&](const auto& l) { return l.name == group->name; });
    if (again) {
      add_mistake(names[i].line, fmt::format("learners: '{}' is there twice", group->name));
    } else {
      read_learner(*group, list ? YamlNode{} : value.items[i]);
    }
  }
}

const OptionGroup* ConfigReader::find_learner(const YamlNode& name) {
  if (name.kind != Kind::kScalar) {
    add_mistake(name.line, fmt::format("learners holds {} (must be names)", kind_text(name)));
    return nullptr;
  }
  std::vector<std::string_view> known;
  for (const OptionGroup& group : learners_) {
    if (group.name == lower_case(name.text)) return &group;
    known.push_back(group.name);
  }
  add_mistake(name.line, fmt::format("unknown learner '{}'{}", shortened(name.text),
                                     name_hint(name.text, known)));
  return nullptr;
}

void ConfigReader::read_learner(const OptionGroup& group, const YamlNode& value) {
  LearnerChoice learner{std::string(group.name), {}};
  if (value.kind == Kind::kMap) {
    for (size_t i = 0; i < value.keys.size(); ++i) {
      read_param(group, value.keys[i], value.items[i], learner);
    }
    // Each is right by itself; conditions may still depend on one another in a circle.
    const auto space = SearchSpace::make(group.options, learner.params);
    if (!space && learner.params.size() > 1) {
      add_mistake(value.line, fmt::format("learners.{}: {}", group.name, space.error().message));
    }
  } else if (value.kind != Kind::kNull) {
    add_mistake(value.line, fmt::format("learners.{} is {} (must be a map of parameters, or empty)",
                                        group.name, kind_text(value)));
  }
  config_.learners.push_back(std::move(learner));
}

void ConfigReader::read_param(const OptionGroup& group, const YamlNode& key, const YamlNode& value,
                              LearnerChoice& learner) {
  const std::string owner = fmt::format("learners.{}", group.name);
  const OptionInfo* info = find_option(group.options, key.text);
  if (info == nullptr) {
    const Error error = unknown_option(group.options, key.text).value();
    add_mistake(key.line, fmt::format("{}: {}", owner, error.message));
    return;
  }
  const std::string path = fmt::format("{}.{}", owner, info->name);
  lines_.emplace(path, key.line);
  ParamOverride setting{std::string(info->name), {}};
  if (value.kind == Kind::kMap) {
    auto range = read_range(group, *info, path, value);
    if (!range) return;
    setting.setting = std::move(*range);
  } else {
    auto fixed = read_param_value(*info, path, value);
    if (!fixed) return;
    setting.setting = std::move(*fixed);
  }
  const auto space = SearchSpace::make(group.options, std::span(&setting, 1));
  if (!space) {
    add_mistake(value.line, fmt::format("{}: {}", owner, space.error().message));
    return;
  }
  learner.params.push_back(std::move(setting));
}

std::optional<ParamValue> ConfigReader::read_param_value(const OptionInfo& info,
                                                         const std::string& path,
                                                         const YamlNode& value) {
  const auto read = read_option(info, path, value);
  if (!read) return std::nullopt;
  std::optional<ParamValue> scalar;
  std::visit(
      [&](const auto& v) {
        if constexpr (std::is_constructible_v<ParamValue, decltype(v)>) scalar.emplace(v);
      },
      *read);
  if (!scalar) {
    add_mistake(value.line, fmt::format("{} is a list or map and cannot be set here", path));
  }
  return scalar;
}

// {objective: quantile} or {objective: [quantile, huber]}
std::optional<SearchCondition> ConfigReader::read_condition(const OptionGroup& group,
                                                            const std::string& path,
                                                            const YamlNode& value) {
  if (value.kind != Kind::kMap || value.keys.size() != 1) {
    add_mistake(
        value.line,
        fmt::format("{} must be a map of one parameter to its value or a list of values", path));
    return std::nullopt;
  }
  const OptionInfo* parent = find_option(group.options, value.keys[0].text);
  if (parent == nullptr) {
    const Error error = unknown_option(group.options, value.keys[0].text).value();
    add_mistake(value.keys[0].line, fmt::format("{}: {}", path, error.message));
    return std::nullopt;
  }
  SearchCondition when{std::string(parent->name), {}};
  const YamlNode& given = value.items[0];
  const std::span<const YamlNode> nodes =
      given.kind == Kind::kList ? std::span(given.items) : std::span(&given, 1);
  const std::string parent_path = fmt::format("{}.{}", path, parent->name);
  for (const YamlNode& node : nodes) {
    if (auto read = read_param_value(*parent, parent_path, node)) {
      when.values.push_back(std::move(*read));
    }
  }
  if (when.values.empty()) {
    add_mistake(given.line, fmt::format("{} has no values", parent_path));
    return std::nullopt;
  }
  return when;
}

// {min: 0.01, max: 0.3, log: true} or {choices: [..]}, and perhaps when: {objective: quantile}
std::optional<SearchRange> ConfigReader::read_range(const OptionGroup& group,
                                                    const OptionInfo& info, const std::string& path,
                                                    const YamlNode& value) {
  constexpr std::array<std::string_view, 5> kKeys = {"min", "max", "log", "choices", "when"};
  std::map<std::string_view, const YamlNode*> parts;
  const size_t before = mistakes_.size();
  for (size_t i = 0; i < value.keys.size(); ++i) {
    const std::string& name = value.keys[i].text;
    if (std::find(kKeys.begin(), kKeys.end(), name) == kKeys.end()) {
      add_mistake(value.keys[i].line, fmt::format("{}: unknown key '{}'{}", path, shortened(name),
                                                  name_hint(name, kKeys)));
    }
    parts.emplace(name, &value.items[i]);
  }
  SearchRange range;
  if (parts.count("when") > 0)
    range.when = read_condition(group, path + ".when", *parts.at("when"));
  const auto number = [&](std::string_view name) {
    const auto read = read_param_value(info, path, *parts.at(name));
    if (!read) return 0.0;
    if (const auto* integer = std::get_if<int64_t>(&*read)) return static_cast<double>(*integer);
    return std::get<double>(*read);
  };
  const bool numeric = info.kind == OptionKind::kNumber || info.kind == OptionKind::kInteger;
  const bool bounds = parts.count("min") + parts.count("max") + parts.count("log") > 0;
  if (parts.count("choices") > 0 && !bounds && parts.at("choices")->kind == Kind::kList) {
    for (const YamlNode& item : parts.at("choices")->items) {
      if (auto choice = read_param_value(info, path, item)) {
        range.choices.push_back(std::move(*choice));
      }
    }
    if (parts.at("choices")->items.empty()) {
      add_mistake(value.line, fmt::format("{} has no choices", path));
    }
  } else if (numeric && parts.count("min") + parts.count("max") == 2 && !parts.count("choices")) {
    range.low = number("min");
    range.high = number("max");
    const OptionInfo log{.name = "log", .kind = OptionKind::kBoolean, .help = ""};
    if (parts.count("log") > 0) {
      const auto read = read_option(log, path + ".log", *parts.at("log"));
      range.log = read && std::get<bool>(*read);
    }
  } else {
    add_mistake(value.line, fmt::format("{} is a map (must be a value, {}{{choices: [...]}})", path,
                                        numeric ? "{min: .., max: .., log: true} or " : ""));
  }
  if (mistakes_.size() != before) return std::nullopt;
  return range;
}

void ConfigReader::check_rules() {
  const Status status = check_config(config_);
  if (status) return;
  std::string_view rest = status.error().message;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::string_view path = line.substr(0, line.find(':'));
    if (failed_.count(path) > 0) continue;
    auto place = lines_.find(path);
    if (place == lines_.end()) place = lines_.find(path.substr(0, path.find('.')));
    add_mistake(place == lines_.end() ? 0 : place->second, std::string(line));
  }
}

Error ConfigReader::all_mistakes() {
  std::stable_sort(mistakes_.begin(), mistakes_.end(),
                   [](const ConfigMistake& a, const ConfigMistake& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const ConfigMistake& mistake : mistakes_) {
    if (lines.size() == kMaxMistakes) {
      lines.push_back(fmt::format("and {} more", mistakes_.size() - kMaxMistakes));
      break;
    }
    lines.push_back(mistake.line == 0
                        ? fmt::format("{}: {}", source_.name, mistake.text)
                        : fmt::format("{}:{}: {}", source_.name, mistake.line, mistake.text));
  }
  return {StatusCode::kConfig, fmt::format("{}", fmt::join(lines, "\n"))};
}

}  // namespace

Result<ExperimentConfig> parse_config(std::string_view text, const ConfigSource& source,
                                      std::span<const OptionGroup> learners, ConfigPlaces* places,
                                      ExperimentConfig* read_so_far) {
  ConfigReader reader(source, learners);
  auto config = reader.read(text);
  if (places != nullptr) reader.list_places(*places);
  if (read_so_far != nullptr) *read_so_far = config ? *config : reader.config();
  return config;
}

Result<ExperimentConfig> load_config(const std::string& path, std::span<const OptionGroup> learners,
                                     ConfigPlaces* places, ExperimentConfig* read_so_far) {
  PosixFileLayer files;
  auto text = read_file(files, path, kMaxConfigBytes);
  if (!text && text.error().code == StatusCode::kResourceExhausted) {
    return fail(StatusCode::kConfig, "{}: a config has at most {} bytes", path, kMaxConfigBytes);
  }
  if (!text) return tl::unexpected<Error>(std::move(text.error()));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return parse_config(*text, {path, folder}, learners, places, read_so_far);
}

}  // namespace assay::automl
