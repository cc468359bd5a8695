#include "automl/cli/run_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace assay::automl::cli {
namespace {

struct Flag {
  const char* name;
  const char* section;  // empty: the top level
  const char* option;
  const char* help = nullptr;  // where the command line differs from the file
};

constexpr Flag kFlags[] = {
    {"--data", "data", "train", "The training table: CSV, plain or gzip."},
    {"--target", "data", "target"},
    {"--task", "data", "task"},
    {"--metric", "data", "metric"},
    {"--time", "budget", "time"},
    {"--trials", "budget", "trials"},
    {"--memory", "budget", "memory"},
    {"--name", "model", "name", "Name in the model registry (else the experiment's)."},
    {"--experiment", "", "experiment",
     "The experiment that the runs are filed under (else the data file's name)."},
    {"--scripts", "", "scripts",
     "Folder of scripts to keep with the run (see the config's scripts)."},
    {"--seed", "", "seed"},
    {"--device", "", "device"},
    {"--threads", "", "threads"},
    {"--slots", "", "slots"},
    {"--drop", "data", "drop"},
    {"--weight", "data", "weight"},
    {"--group", "data", "group"},
    {"--time-column", "data", "time_column"},
    {"--positive-class", "data", "positive_class"},
    {"--class-weight", "", "class_weight"},
    {"--validation", "validation", "method"},
    {"--folds", "validation", "folds"},
    {"--delimiter", "data", "delimiter"},
    {"--header", "data", "header"},
    {"--keep-predictions", "", "keep_predictions"},
};

// Calls use(options) with the section's options struct.
template <class Config, class Use>
void with_section(Config& config, std::string_view section, Use&& use) {
  for_each_section(config, [&](auto& options) {
    if (options.table().group().name == section) use(options);
  });
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) items.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return items;
}

constexpr size_t kHelpWidth = 70;

// Words in lines of kHelpWidth; CLI11 indents what follows a line break.
std::string wrapped(const std::string& text) {
  std::string out;
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t space = std::min(text.find(' ', at), text.size());
    const size_t length = space - at;
    if (column > 0 && column + 1 + length > kHelpWidth) {
      out += '\n';
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += text.substr(at, length);
    column += length;
    at = space + 1;
  }
  return out;
}

bool is_boolean(const Flag& flag) {
  ExperimentConfig config;
  bool result = false;
  with_section(config, flag.section, [&](auto& options) {
    const OptionInfo* info = find_option(options.table().options(), flag.option);
    result = info != nullptr && info->kind == OptionKind::kBoolean;
  });
  return result;
}

std::string help_of(const Flag& flag) {
  if (flag.help != nullptr) return wrapped(flag.help);
  ExperimentConfig config;
  std::string help;
  with_section(config, flag.section, [&](auto& options) {
    const OptionInfo* info = find_option(options.table().options(), flag.option);
    if (info == nullptr) return;
    help = std::string(info->help);
    if (!info->choices.empty()) {
      help += fmt::format(" One of {}.", fmt::join(info->choices, ", "));
    } else if (const std::string range = range_text(info->range); !range.empty()) {
      help += fmt::format(" {}.", range);
    }
    if (info->kind == OptionKind::kBoolean) return;
    const std::string value = value_text(*info, info->default_value);
    if (!value.empty() && value != "[]" && value != "\"\"") help += fmt::format(" [{}]", value);
  });
  return wrapped(help);
}

}  // namespace

void RunFlags::add_to(CLI::App& command) {
  for (const Flag& flag : kFlags) {
    const std::string name = flag.name;
    if (is_boolean(flag)) {
      command.add_flag_callback(
          name, [this, name] { values_[name] = "true"; }, help_of(flag));
    } else {
      command.add_option_function<std::string>(
          name, [this, name](const std::string& text) { values_[name] = text; }, help_of(flag));
    }
  }
  command.add_option_function<std::string>(
      "--learners", [this](const std::string& text) { learners_ = split_list(text); },
      "Only these learners, separated by commas (all if absent)");
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
  if (learners_.empty()) return {};
  // A learner that the file configures keeps its settings there.
  std::vector<LearnerChoice> chosen;
  for (const std::string& name : learners_) {
    const auto known = std::find_if(config.learners.begin(), config.learners.end(),
                                    [&](const LearnerChoice& c) { return c.name == name; });
    chosen.push_back(known == config.learners.end() ? LearnerChoice{name, {}} : *known);
  }
  config.learners = std::move(chosen);
  return {};
}

}  // namespace assay::automl::cli
