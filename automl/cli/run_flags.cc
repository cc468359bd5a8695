#include "automl/cli/run_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace assay::automl::cli {
namespace {

struct Flag {
  const char* name;
  const char* section;  // empty: the top level
  const char* option;
};

constexpr Flag kFlags[] = {
    {"--data", "data", "train"},
    {"--target", "data", "target"},
    {"--task", "data", "task"},
    {"--metric", "data", "metric"},
    {"--time", "budget", "time"},
    {"--trials", "budget", "trials"},
    {"--memory", "budget", "memory"},
    {"--name", "model", "name"},
    {"--experiment", "", "experiment"},
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

std::string help_of(const Flag& flag) {
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
    const std::string value = value_text(*info, info->default_value);
    if (!value.empty() && value != "[]" && value != "\"\"") help += fmt::format(" [{}]", value);
  });
  return help;
}

}  // namespace

void RunFlags::add_to(CLI::App& command) {
  for (const Flag& flag : kFlags) {
    command.add_option_function<std::string>(
        flag.name,
        [this, name = std::string(flag.name)](const std::string& text) { values_[name] = text; },
        help_of(flag));
  }
  command
      .add_option("--learners", learners_,
                  "Only these learners, separated by commas (all if absent)")
      ->delimiter(',');
}

bool RunFlags::given(const std::string& flag) const { return values_.count(flag) > 0; }

Status RunFlags::apply_to(ExperimentConfig& config) const {
  for (const Flag& flag : kFlags) {
    const auto value = values_.find(flag.name);
    if (value == values_.end()) continue;
    Status status;
    with_section(config, flag.section, [&](auto& options) {
      status = parse_option(options, flag.option, value->second);
    });
    if (!status) return fail_with(std::move(status.error()), flag.name);
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
