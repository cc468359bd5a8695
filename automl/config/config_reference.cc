#include "automl/config/config_reference.h"

#include <fmt/ranges.h>

#include <string_view>

#include "automl/config/experiment_config.h"
#include "automl/metrics/metric.h"

namespace assay::automl {
namespace {

// Text for a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string allowed(const OptionInfo& info) {
  std::string_view kind;
  switch (info.kind) {
    case OptionKind::kNumber:
      kind = "number";
      break;
    case OptionKind::kInteger:
      kind = "integer";
      break;
    case OptionKind::kBoolean:
      return "true, false";
    case OptionKind::kText:
      kind = "text";
      break;
    case OptionKind::kTextList:
      kind = "list of texts";
      break;
    case OptionKind::kTextMap:
      kind = "map of names to texts";
      break;
  }
  if (info.format == OptionFormat::kDuration) kind = "duration";
  if (info.format == OptionFormat::kBytes) kind = "size";
  if (info.format == OptionFormat::kPath) kind = "path";
  if (info.format == OptionFormat::kName) kind = "name";
  if (info.format == OptionFormat::kNames) kind = "name or list of names";
  if (info.kind == OptionKind::kText && !info.choices.empty()) {
    return fmt::format("{}{}", fmt::join(info.choices, ", "),
                       info.format == OptionFormat::kWeights ? ", map of labels to weights" : "");
  }
  if (!info.choices.empty()) return fmt::format("{}: {}", kind, fmt::join(info.choices, ", "));
  const std::string range = range_text(info.range);
  return range.empty() ? std::string(kind) : fmt::format("{} {}", kind, range);
}

std::string default_cell(const OptionInfo& info) {
  const std::string text = value_text(info, info.default_value);
  if (text.empty()) return info.required ? "(must be given)" : "(empty)";
  return "`" + text + "`";
}

std::string search_cell(const OptionInfo& info) {
  if (!info.search) return "";
  const SearchRange& search = *info.search;
  if (!search.choices.empty()) {
    std::string text;
    for (const ParamValue& choice : search.choices) {
      text += (text.empty() ? "" : ", ") + to_text(choice);
    }
    return text;
  }
  if (info.kind == OptionKind::kNumber || info.kind == OptionKind::kInteger) {
    return fmt::format("{}..{}{}", to_text(search.low), to_text(search.high),
                       search.log ? ", log" : "");
  }
  return "all";
}

std::string section_table(const OptionGroup& group) {
  std::string text =
      fmt::format("## {}\n\n{}\n\n", group.name.empty() ? "Top level" : group.name, group.help);
  text += "| option | value | default | meaning |\n|---|---|---|---|\n";
  for (const OptionInfo& info : group.options) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", info.name, cell(allowed(info)),
                        cell(default_cell(info)), cell(info.help));
  }
  return text + "\n";
}

std::string learner_text(const OptionGroup& group) {
  std::string text = fmt::format("### {}\n\n{}\n\n", group.name, group.help);
  if (group.options.empty()) return text + "No parameters.\n\n";
  text += "| parameter | value | default | searched | meaning |\n|---|---|---|---|---|\n";
  for (const OptionInfo& info : group.options) {
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", info.name, cell(allowed(info)),
                        cell(default_cell(info)), cell(search_cell(info)), cell(info.help));
  }
  return text + "\n";
}

std::string tasks_text(const Metric& metric) {
  std::string text;
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    if (!metric.applies_to(task)) continue;
    if (!text.empty()) text += ", ";
    text += name_of(task);
    if (Metric::default_for(task).name() == metric.name()) text += " (default)";
  }
  return text;
}

// How objectives and metrics go together.
constexpr std::string_view kAims = R"(
### Objectives and metrics

Learners minimise what the metric scores, unless an option says otherwise:

| metric | gbt (`objective: auto`) | linear | forests | constant |
|---|---|---|---|---|
| `rmse`, `mse`, `r2` | squared | least squares | means of leaves | mean |
| `mae` | absolute | median regression | medians of leaves | median |
| `pinball_NN` | quantile, alpha 0.NN | quantile regression | quantiles of leaves | quantile |
| `mape` | absolute, rows weighted by 1 / abs(target) | likewise | likewise | likewise |
| `poisson_deviance` | poisson | Poisson regression | means of leaves | mean |
| `ndcg`, `ndcg_N` | lambdarank | least squares | means of leaves | mean |

A forest predicts the mean of its trees' quantiles, from leaves of at least 2 / min(alpha, 1 -
alpha) rows: near the quantile, but drawn towards the mean.

`metric: auto` follows an `objective` that is fixed for gbt, where alpha is fixed, too: `absolute`
and `huber` give `mae`, `quantile` the `pinball_NN` of its alpha (0.5: `mae`), `poisson` and `tweedie`
give `poisson_deviance`, `lambdarank` gives `ndcg_10`, `squared` and `cross_entropy` give `rmse`. A metric
that scores something else, or a quantile that no metric scores, gets a warning: the best model by the
metric is registered, and it need not be one of that objective. Such an objective, like a metric of
numbers, also makes numeric targets that look like classes, a few whole numbers, a regression.

Rankings (`metric: ndcg_10`) want `data.group`, the query that a row answers, and relevances >= 0 as
targets. Queries stay together in every split, models predict scores, and only their order among the
answers to a query means something; gbt learns from pairs of them, and stops early by the metric.
)";

std::string metrics_text() {
  std::string text = "## Metrics\n\n| metric | better | tasks | meaning |\n|---|---|---|---|\n";
  for (const std::string_view name : metric_names()) {
    const auto metric = Metric::find(name);
    if (!metric) continue;
    text += fmt::format("| `{}` | {} | {} | {} |\n", name, metric->maximise() ? "higher" : "lower",
                        tasks_text(*metric), cell(metric->help()));
  }
  text += kAims;
  return text;
}

constexpr std::string_view kOpening = R"(# Config files

This page is made from the option tables by `assay config schema --markdown`; do not edit it.

A config is a YAML file: `assay config init data.csv --target y` writes a commented one,
`assay config check FILE` checks one, and `assay config schema` prints the JSON Schema that editors
complete and check it with. A smallest one:

```yaml
data:
  train: train.csv
  target: y
```

- Unknown options are errors, named with their line and the nearest option there is. So are
  duplicate keys, anchors, aliases, tags and second documents.
- Paths are relative to the config file.
- Numbers are decimal; `true` and `false` are the only booleans. They and the names of choices,
  metrics and learners are read in any case.
- A duration is a number of seconds, or text like `30s`, `5m`, `1h30m`, `500ms`, `2d`.
- A size is a number of bytes, or text like `4GiB`, `512MB`, `300M`: `kB`, `MB`, ... are powers of
  1000; `KiB`, `MiB`, ... and `k`, `M`, ... are powers of 1024.
- A name has at most 64 letters, digits, `.`, `_` or `-`, and starts with a letter or digit.

)";

constexpr std::string_view kLearnersOpening = R"(## learners

The learners to try, all of them if not given: a list of names, or a map of names to parameters. A
parameter is a value, which fixes it, or the place to search: `{min: 0.01, max: 0.3, log: true}` or
`{choices: [3, 6, 9]}`. With `when: {objective: [quantile]}` beside these it is searched only where
that parameter has one of those values, and has its default elsewhere. Parameters that are not named
are searched as the tables say.

```yaml
learners:
  NAME:
    PARAMETER: 0.05
```

)";

}  // namespace

std::string config_reference(std::span<const OptionGroup> learners) {
  std::string text(kOpening);
  const ExperimentConfig config;
  for_each_section(config,
                   [&](const auto& section) { text += section_table(section.table().group()); });
  text += kLearnersOpening;
  for (const OptionGroup& group : learners) text += learner_text(group);
  return text + metrics_text();
}

}  // namespace assay::automl
