#include "automl/cli/run_flags.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

struct Flag {
  const char* name;
  const char* group;    // of --help
  const char* section;  // empty: the top level
  const char* option;
  const char* value = nullptr;  // what it takes, if that is not told by the option
  const char* help = nullptr;   // where the command line differs from the file
};

constexpr const char* kData = "Data";
constexpr const char* kBudget = "Budget";
constexpr const char* kValidation = "Validation";
constexpr const char* kSearch = "Search";
constexpr const char* kCompute = "Compute";
constexpr const char* kConstraints = "Constraints";
constexpr const char* kOutput = "Output";

constexpr Flag kFlags[] = {
    {"--data", kData, "data", "train", "FILE", "The training table: CSV, plain or gzip."},
    {"--target", kData, "data", "target", "COLUMN"},
    {"--task", kData, "data", "task"},
    {"--metric", kData, "data", "metric"},
    {"--positive-class", kData, "data", "positive_class", "CLASS"},
    {"--class-weight", kData, "", "class_weight"},
    {"--drop", kData, "data", "drop", "NAME,NAME"},
    {"--weight", kData, "data", "weight", "COLUMN"},
    {"--group", kData, "data", "group", "COLUMN"},
    {"--time-column", kData, "data", "time_column", "COLUMN"},
    {"--delimiter", kData, "data", "delimiter"},
    {"--header", kData, "data", "header"},
    {"--missing-tokens", kData, "data", "missing_tokens", "TEXT,TEXT"},
    {"--time", kBudget, "budget", "time"},
    {"--trials", kBudget, "budget", "trials"},
    {"--memory", kBudget, "budget", "memory"},
    {"--patience", kBudget, "budget", "patience"},
    {"--validation", kValidation, "validation", "method"},
    {"--folds", kValidation, "validation", "folds"},
    {"--search", kSearch, "search", "strategy"},
    {"--seed", kSearch, "", "seed"},
    {"--max-latency", kConstraints, "constraints", "max_latency", "MICROSECONDS"},
    {"--max-model-size", kConstraints, "constraints", "max_model_size"},
    {"--interpretable", kConstraints, "constraints", "interpretable"},
    {"--device", kCompute, "", "device"},
    {"--threads", kCompute, "", "threads"},
    {"--slots", kCompute, "", "slots"},
    {"--name", kOutput, "model", "name", nullptr,
     "Name in the model registry (else the experiment's)."},
    {"--experiment", kOutput, "", "experiment", "NAME",
     "The experiment that the runs are filed under (else the data file's name)."},
    {"--scripts", kOutput, "", "scripts", "FOLDER",
     "Folder of scripts to keep with the run (see the config's scripts)."},
    {"--keep-predictions", kOutput, "", "keep_predictions"},
};

// Calls use(options) with the section's options struct.
template <class Config, class Use>
void with_section(Config& config, std::string_view section, Use&& use) {
  for_each_section(config, [&](auto& options) {
    if (options.table().group().name == section) use(options);
  });
}

// Names, with blanks around them. Fails: invalid_argument for an empty one.
Result<std::vector<std::string>> split_list(const std::string& text) {
  std::vector<std::string> items;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    const size_t begin = std::min(text.find_first_not_of(' ', at), comma);
    size_t end = comma;
    while (end > begin && text[end - 1] == ' ') --end;
    if (end == begin) {
      return fail(StatusCode::kInvalidArgument,
                  "--learners: '{}' holds an empty name (must be NAME,NAME)", shortened(text));
    }
    items.push_back(text.substr(begin, end - begin));
    at = comma + 1;
  }
  return items;
}

// One `section.option=value`, or `option=value` of the top level. Fails: invalid_argument, naming
// the nearest valid name.
Status apply_setting(const std::string& setting, ExperimentConfig& config, ConfigPlaces& places) {
  const size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(StatusCode::kInvalidArgument, "'{}' (must be SECTION.OPTION=VALUE)",
                shortened(setting));
  }
  const std::string path = setting.substr(0, equals);
  const size_t point = path.find('.');
  const std::string section = point == std::string::npos ? "" : path.substr(0, point);
  const std::string option = point == std::string::npos ? path : path.substr(point + 1);
  if (section == "learners") {
    return fail(StatusCode::kInvalidArgument,
                "{}: what a learner is set to stands in a config file (assay config init)", path);
  }
  Status status;
  bool found = false;
  std::vector<std::string_view> sections;
  for_each_section(config, [&](auto& options) {
    const std::string_view name = options.table().group().name;
    if (!name.empty()) sections.push_back(name);
    if (name != section) return;
    found = true;
    status = parse_option(options, option, setting.substr(equals + 1));
  });
  if (!found) {
    return fail(StatusCode::kInvalidArgument, "unknown section '{}'{}", shortened(section),
                name_hint(section, sections));
  }
  ASSAY_RETURN_IF_ERROR(status);
  places.set_flag(path, "--set");
  return {};
}

OptionInfo info_of(const Flag& flag) {
  const ExperimentConfig config;
  OptionInfo found;
  with_section(config, flag.section, [&](const auto& options) {
    const OptionInfo* info = find_option(options.table().options(), flag.option);
    if (info != nullptr) found = *info;
  });
  return found;
}

bool takes_list(const OptionInfo& info) { return info.kind == OptionKind::kTextList; }

std::string value_of(const Flag& flag, const OptionInfo& info) {
  if (flag.value != nullptr) return flag.value;
  if (!info.choices.empty()) return fmt::format("{}", fmt::join(info.choices, "|"));
  if (info.format == OptionFormat::kDuration) return "TIME";
  if (info.format == OptionFormat::kBytes) return "SIZE";
  return info.kind == OptionKind::kInteger || info.kind == OptionKind::kNumber ? "N" : "TEXT";
}

std::string help_of(const Flag& flag, const OptionInfo& info) {
  std::string help = flag.help != nullptr ? std::string(flag.help) : std::string(info.help);
  const bool bounded = std::isfinite(info.range.high) && info.range.high < 0x1p62;
  if (info.format == OptionFormat::kDuration) help += " Like 30s, 5m or 1h30m.";
  if (info.format == OptionFormat::kBytes) help += " Like 512MB or 4GiB.";
  if (takes_list(info)) help += " Separated by commas; the option may be repeated.";
  if (bounded) help += fmt::format(" {}.", range_text(info.range));
  return help;
}

// What a person who gives no flag gets; empty if there is nothing to say.
std::string default_of(const Flag& flag, const OptionInfo& info) {
  if (flag.help != nullptr || info.kind == OptionKind::kBoolean) return {};
  const std::string text = value_text(info, info.default_value);
  const bool list = takes_list(info) && text.size() > 2;
  return list ? text.substr(1, text.size() - 2) : takes_list(info) ? std::string() : text;
}

}  // namespace

void RunFlags::add_to(CLI::App& command, std::span<const std::string_view> only) {
  for (const Flag& flag : kFlags) {
    if (!only.empty() && std::find(only.begin(), only.end(), flag.name) == only.end()) continue;
    const OptionInfo info = info_of(flag);
    const std::string name = flag.name;
    if (info.kind == OptionKind::kBoolean) {
      command
          .add_flag_callback(
              name, [this, name] { values_[name] = "true"; }, help_of(flag, info))
          ->group(flag.group);
      continue;
    }
    CLI::Option* option = command.add_option_function<std::string>(
        name, [this, name](const std::string& text) { values_[name] = text; }, help_of(flag, info));
    option->type_name(value_of(flag, info))->group(flag.group)->default_str(default_of(flag, info));
    if (takes_list(info)) option->join(',');
    if (name == "--folds") add_learners(command);
  }
  if (only.empty()) add_settings(command);
}

void RunFlags::add_settings(CLI::App& command) {
  command
      .add_option_function<std::string>(
          "--set",
          [this](const std::string& text) {
            // Joined by line ends; an empty one is a mistake, too.
            for (size_t at = 0; at <= text.size();) {
              const size_t end = std::min(text.find('\n', at), text.size());
              settings_.push_back(text.substr(at, end - at));
              at = end + 1;
            }
          },
          "Any option of the config file, such as validation.repeats=3 or "
          "features.calendar=false; may be repeated (docs/config.md, assay config init).")
      ->type_name("SECTION.OPTION=VALUE")
      ->group(kOutput)
      ->join('\n');
}

void RunFlags::add_learners(CLI::App& command) {
  // Joined by commas, texts would be split at them first, and empty names be lost.
  command
      .add_option_function<std::string>(
          "--learners",
          [this](const std::string& text) {
            learners_ = text;
            std::replace(learners_->begin(), learners_->end(), '\n', ',');
          },
          "Only these learners, separated by commas; the option may be repeated. All if absent.")
      ->type_name("NAME,NAME")
      ->group(kSearch)
      ->join('\n');
}

bool RunFlags::given(const std::string& flag) const { return values_.count(flag) > 0; }

Status RunFlags::apply_to(ExperimentConfig& config, ConfigPlaces& places) const {
  for (const Flag& flag : kFlags) {
    const auto value = values_.find(flag.name);
    if (value == values_.end()) continue;
    Status status;
    with_section(config, flag.section, [&](auto& options) {
      status = parse_option(options, flag.option, value->second);
    });
    if (!status) return fail_with(std::move(status.error()), flag.name);
    const std::string section = flag.section;
    places.set_flag(section.empty() ? flag.option : section + "." + flag.option, flag.name);
  }
  for (const std::string& setting : settings_) {
    Status status = apply_setting(setting, config, places);
    if (!status) return fail_with(std::move(status.error()), "--set");
  }
  if (!learners_) return {};
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, split_list(*learners_));
  // A learner that the file configures keeps its settings there.
  std::vector<LearnerChoice> chosen;
  for (const std::string& given : names) {
    const std::string name = lower_case(given);  // as learners are called
    const auto known = std::find_if(config.learners.begin(), config.learners.end(),
                                    [&](const LearnerChoice& c) { return c.name == name; });
    chosen.push_back(known == config.learners.end() ? LearnerChoice{name, {}} : *known);
  }
  config.learners = std::move(chosen);
  return {};
}

}  // namespace assay::automl::cli
