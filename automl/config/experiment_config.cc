#include "automl/config/experiment_config.h"

#include <fmt/ranges.h>

#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "automl/metrics/metric.h"
#include "datasets/column_types.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

constexpr double kDefaultSeconds = 60;

std::vector<std::string_view> with_auto(std::span<const std::string_view> names) {
  std::vector<std::string_view> choices = {"auto"};
  choices.insert(choices.end(), names.begin(), names.end());
  return choices;
}

std::vector<std::string_view> metric_names_and_aliases() {
  const auto choices = metric_choices();
  return {choices.begin(), choices.end()};
}

// Collects mistakes, one a line.
class Mistakes {
 public:
  void add(std::string text) { lines_.push_back(std::move(text)); }
  Status status() const {
    if (lines_.empty()) return {};
    return fail(StatusCode::kConfig, "{}", fmt::join(lines_, "\n"));
  }

 private:
  std::vector<std::string> lines_;
};

// A column has one role.
void check_roles(const DataOptions& data, Mistakes& mistakes) {
  std::map<std::string_view, std::string_view> roles;
  const auto claim = [&](std::string_view role, std::string_view column) {
    if (column.empty()) return;
    const auto [place, added] = roles.emplace(column, role);
    if (!added) {
      mistakes.add(fmt::format("data.{}: column '{}' is already data.{}", role, shortened(column),
                               place->second));
    }
  };
  claim("target", data.target);
  claim("weight", data.weight);
  claim("group", data.group);
  claim("time_column", data.time_column);
  for (const std::string& column : data.drop) claim("drop", column);
  if (!data.group.empty() && !data.time_column.empty()) {
    mistakes.add("data.time_column: cannot be given together with data.group");
  }
}

}  // namespace

TextList default_missing_tokens() {
  const auto tokens = datasets::MissingTokens::defaults();
  return {tokens.begin(), tokens.end()};
}

const OptionTable<RunOptions>& RunOptions::table() {
  using T = RunOptions;
  static const OptionTable<T> table(
      "", "Options at the top level of the file.",
      {{.name = "experiment",
        .member = &T::experiment,
        .format = OptionFormat::kName,
        .help = "The experiment that the runs are filed under; empty: the data file's name."},
       {.name = "class_weight",
        .member = &T::class_weight,
        .choices = {"none", "balanced"},
        .format = OptionFormat::kWeights,
        .help = "balanced: every class weighs the same in training, however rare it is. Or the "
                "weight of each row by its label, {good: 1, bad: 5} (--class-weight good=1,bad=5); "
                "labels that are not named have 1."},
       {.name = "seed",
        .member = &T::seed,
        .range = {.low = 0, .high = 0x1p63},
        .help = "Seed of everything random. The same seed and number of trials, without a time "
                "limit, give the same models."},
       {.name = "device",
        .member = &T::device,
        .format = OptionFormat::kNames,
        .required = true,
        .help = "Where trials run: auto, cpu, cuda, cuda:0, fpga:0, ... (see assay devices), or "
                "several of them, cpu,cuda:0, whose slots run side by side."},
       {.name = "threads",
        .member = &T::threads,
        .range = {.low = 0, .high = 4096},
        .help = "Threads for all trials together; 0: all CPUs that the process may use."},
       {.name = "slots",
        .member = &T::slots,
        .range = {.low = 0, .high = 1024},
        .help = "Trials that run side by side; 0: chosen from threads and rows."},
       {.name = "keep_predictions",
        .member = &T::keep_predictions,
        .help =
            "Keep the out-of-fold predictions of every trial, not only of ensemble members, and "
            "the out-of-bag ones of forests with out_of_bag."},
       {.name = "checkpoint",
        .member = &T::checkpoint,
        .range = {.low = 0},
        .format = OptionFormat::kDuration,
        .help = "How often a trial that is being trained is saved, so that assay resume goes on "
                "from there after a kill or a loss of power; 0: never, such a trial begins anew. "
                "The files are removed at the end."},
       {.name = "scripts",
        .member = &T::scripts,
        .format = OptionFormat::kPath,
        .help =
            "Folder of scripts that is kept with the run (assay runs checkout), at most 2,000 "
            "files and 300 MB; empty: none. What git ignores is left out, or, if the folder has "
            "a .amlignore, what that says."},
       {.name = "fpga_xclbin",
        .member = &T::fpga_xclbin,
        .format = OptionFormat::kPath,
        .help = "The xclbin that FPGA cards are used with; empty: the one that the environment's "
                "ASSAY_FPGA_XCLBIN names. The emulated card has its own."}});
  return table;
}

const OptionTable<DataOptions>& DataOptions::table() {
  using T = DataOptions;
  static const OptionTable<T> table(
      "data", "The table to learn from, and what its columns mean.",
      {{.name = "train",
        .member = &T::train,
        .format = OptionFormat::kPath,
        .required = true,
        .help = "CSV file (.csv, .tsv, .gz), relative to the config file."},
       {.name = "target", .member = &T::target, .required = true, .help = "The column to predict."},
       {.name = "task",
        .member = &T::task,
        .choices = with_auto(task_names()),
        .help = "auto: strings and booleans classify, real numbers regress, integers classify if "
                "they have at most 10 distinct values and data.metric is none of numbers."},
       {.name = "metric",
        .member = &T::metric,
        .choices = metric_names_and_aliases(),
        .help =
            "What the search improves, and learners with it (see Objectives and metrics). auto: "
            "roc_auc for two classes, log_loss for more, for numbers rmse or what a fixed "
            "objective asks for. With folds, metrics that rank rows (roc_auc, average_precision, "
            "ndcg) are the mean over the folds. For accuracy, balanced_accuracy and f1 of two "
            "classes the model gets "
            "a threshold that is chosen out of fold."},
       {.name = "drop", .member = &T::drop, .help = "Columns to leave out, such as row ids."},
       {.name = "weight", .member = &T::weight, .help = "Column of row weights, not a feature."},
       {.name = "group",
        .member = &T::group,
        .help =
            "Column whose equal values never stand on both sides of a split; not a feature. For "
            "rankings (metric ndcg) it names the query that a row answers."},
       {.name = "time_column",
        .member = &T::time_column,
        .help = "Column that orders the rows in time; validation is then on later rows."},
       {.name = "positive_class",
        .member = &T::positive_class,
        .help = "Of two classes, the one that probabilities and metrics are about; empty: the "
                "second in order."},
       {.name = "delimiter",
        .member = &T::delimiter,
        .choices = {"auto", "comma", "semicolon", "tab", "pipe"},
        .help = "What separates the fields of the CSV file."},
       {.name = "header",
        .member = &T::header,
        .choices = {"auto", "true", "false"},
        .help = "Whether the first line holds the column names."},
       {.name = "monotone",
        .member = &T::monotone,
        .choices = {"increasing", "decreasing"},
        .help = "Numeric columns with which predictions may only rise or only fall, all others "
                "being equal. Learners that cannot promise it are left out."},
       {.name = "interactions",
        .member = &T::interactions,
        .help = "The group of each column, COLUMN: GROUP, such as {width: size, height: size, "
                "price: money}: only columns of one group may act together in a tree; those not "
                "named are one more group. Learners that cannot promise it are left out."},
       {.name = "missing_tokens",
        .member = &T::missing_tokens,
        .help = "Fields that mean a missing value, besides the empty one."},
       {.name = "column_types",
        .member = &T::column_types,
        .choices = {"numeric", "categorical", "boolean", "datetime", "text"},
        .help = "Types of columns by name, where the inferred ones are wrong. Without one a column "
                "of numbers stays numeric although a few of its cells are none (0.1 % of them, or "
                "up to 5 that are at most 1 %): they count as missing, and the run says so. With "
                "one they are errors."}});
  return table;
}

const OptionTable<FeatureOptions>& FeatureOptions::table() {
  using T = FeatureOptions;
  static const OptionTable<T> table(
      "features", "What becomes of the columns; it is kept in the model.",
      {{.name = "calendar",
        .member = &T::calendar,
        .help = "Moments also give year, month, day, weekday, hour, minute and day of the year, "
                "where they vary; for linear models on a circle too, where they come again."},
       {.name = "text",
        .member = &T::text,
        .help = "Free text gives topics (singular vectors of weighted words) and counts. "
                "Identifiers, whose words no other row has, are left out, as all text is with "
                "false."},
       {.name = "text_words",
        .member = &T::text_words,
        .range = {.low = 1, .high = 3},
        .help = "Longest run of words that counts as a term."},
       {.name = "text_characters",
        .member = &T::text_characters,
        .choices = {"auto", "true", "false"},
        .help = "Whether runs of 3 and 4 characters within words are terms too. auto: where texts "
                "have at most 64 bytes on average."},
       {.name = "text_topics",
        .member = &T::text_topics,
        .range = {.low = 0, .high = 256},
        .help = "Most topics of a text column; fewer if memory is short."},
       {.name = "level_counts",
        .member = &T::level_counts,
        .choices = {"auto", "true", "false"},
        .help = "Whether categories also give the number of training rows of their level. auto: "
                "those of more than 253 levels, the rare ones of which trees cannot tell apart, "
                "unless data.time_column is given: rows would know of later ones."},
       {.name = "level_targets",
        .member = &T::level_targets,
        .choices = {"auto", "true", "false"},
        .help =
            "Whether trees also see the mean target of the training rows of a level, which "
            "every fold makes of its own rows. auto: of categories of more than 253 levels, and "
            "of the days of moments where days come again, unless data.time_column is given. "
            "true: of categories of more than 10 levels, too. A row of a later day knows "
            "nothing of its day: give data.time_column where such rows are to be predicted."},
       {.name = "pairs",
        .member = &T::pairs,
        .choices = {"auto", "true", "false"},
        .help =
            "Whether differences, sums, products and ratios of two numbers are features, too: the "
            "few that boosted trees use most, on a sample of the rows. auto: if trees predict rows "
            "better with them that had no part in the choice. true: in any case. The time column "
            "and columns of data.monotone and data.interactions are left out."},
       {.name = "crosses",
        .member = &T::crosses,
        .choices = {"auto", "true", "false"},
        .help = "Likewise pairs of categories as one category."},
       {.name = "group_statistics",
        .member = &T::group_statistics,
        .choices = {"auto", "true", "false"},
        .help = "Likewise the mean and the spread of a number in the training rows of a category's "
                "level, and the number's distance from that mean; levels of fewer than 10 rows "
                "have none. auto makes none if data.time_column is given: rows would know of "
                "later ones."},
       {.name = "drop_duplicates",
        .member = &T::drop_duplicates,
        .help = "Leave out columns that tell the rows apart as an earlier one does."},
       {.name = "drop_row_numbers",
        .member = &T::drop_row_numbers,
        .help =
            "Leave out columns that are named like ids (id, index, customer_id, ...) and number "
            "the rows, or have another whole number in each of 100 rows and more. "
            "data.column_types: numeric keeps one."}});
  return table;
}

const OptionTable<BudgetOptions>& BudgetOptions::table() {
  using T = BudgetOptions;
  static const OptionTable<T> table(
      "budget", "When to stop. Without time and trials: 60 s.",
      {{.name = "time",
        .member = &T::time,
        .range = {.low = 0},
        .format = OptionFormat::kDuration,
        .help = "Time from start to exit, loading and saving included; 0: no limit."},
       {.name = "trials",
        .member = &T::trials,
        .range = {.low = 0, .high = 1e9},
        .help = "Number of trials; 0: no limit. Without a time the result is reproducible."},
       {.name = "memory",
        .member = &T::memory,
        .range = {.low = 0},
        .format = OptionFormat::kBytes,
        .help = "Memory to keep within; 0: 80 % of what the process may use. Settings that would "
                "need more are made smaller or left out, and the run says which."},
       {.name = "patience",
        .member = &T::patience,
        .range = {.low = 0, .high = 1e9},
        .help = "End before the time is up when so many trials in a row have not bettered the best "
                "one; 0: never. Small tables come to that, where a second sees hundreds of trials. "
                "Not looked at if trials is given. The run says so, and --json has ended_by."}});
  return table;
}

std::optional<double> BudgetOptions::time_limit() const {
  if (time > 0) return time;
  if (trials > 0) return std::nullopt;
  return kDefaultSeconds;
}

const OptionTable<ValidationOptions>& ValidationOptions::table() {
  using T = ValidationOptions;
  static const OptionTable<T> table(
      "validation", "How settings are compared on rows they were not trained on.",
      {{.name = "method",
        .member = &T::method,
        .choices = {"auto", "holdout", "kfold", "group", "time"},
        .help = "auto: time with data.time_column, group with data.group, else kfold or, for many "
                "rows, holdout."},
       {.name = "folds",
        .member = &T::folds,
        .range = {.low = 2, .high = 100},
        .help = "Number of folds of kfold, group and time."},
       {.name = "holdout_fraction",
        .member = &T::holdout_fraction,
        .range = {.low = 0, .high = 0.9, .low_open = true},
        .help = "Share of the rows that holdout keeps for validation."},
       {.name = "stratify",
        .member = &T::stratify,
        .help = "Keep the shares of the classes equal in all folds."},
       {.name = "refit",
        .member = &T::refit,
        .help =
            "Train what is registered anew on all rows, those of most weight first: once in the "
            "place of a holdout's model, up to three times, by other seeds, in that of the folds' "
            "models. Where early stopping chose the rounds or epochs, they grow with the rows. Up "
            "to a third of the time is kept for it, and models that there is no time for stay as "
            "they are. Not with model.init. Scores are those of models that had not seen the "
            "rows."},
       {.name = "repeats",
        .member = &T::repeats,
        .range = {.low = 0, .high = 20},
        .help =
            "Partitions into folds: a setting that is among the best one in search.eta when its "
            "folds are done, or the best of its learner, is fitted on the folds of the others, "
            "too. Its score is then the mean over the partitions, and the ensemble is chosen on "
            "the means of its predictions. 1: folds are made once, as they always are for a "
            "holdout and in time. 0: auto, which is 1."}});
  return table;
}

const OptionTable<SearchOptions>& SearchOptions::table() {
  using T = SearchOptions;
  static const OptionTable<T> table(
      "search", "How settings are proposed.",
      {{.name = "strategy",
        .member = &T::strategy,
        .choices = {"auto", "random", "sobol", "tpe", "gp", "cmaes", "cfo"},
        .help = "How the settings after the defaults of each learner are found. random: draws. "
                "sobol: points that cover the space evenly. tpe: where good settings are denser "
                "than others (tree-structured Parzen estimator). gp: the greatest expected "
                "improvement by a Gaussian process; for trials that take a second and more. cmaes: "
                "covariance matrix adaptation. cfo: local search from the defaults, cheap settings "
                "first (FLOW2). auto: random where the budget is good for few trials a learner, gp "
                "where they are slow, else tpe."},
       {.name = "halving",
        .member = &T::halving,
        .help = "Successive halving: give up settings that are behind after a part of the work."},
       {.name = "fidelity",
        .member = &T::fidelity,
        .choices = {"auto", "rounds", "rows", "both"},
        .help = "What a part of the work is with a holdout. rounds: the first rounds, trees or "
                "epochs of a fit. rows: a fit on a share of the training rows, 1 / eta^2 and then "
                "1 / eta of them (at least 200), before the fit on all; with a time limit where "
                "that is predicted to take 3 to 30 % of the time left (defaults: up to 10 %). "
                "both: rows, then rounds. auto: rounds. With folds it is the first folds."},
       {.name = "eta",
        .member = &T::eta,
        .range = {.low = 2, .high = 16},
        .help = "One in eta settings goes on to the next step of halving, with eta times the "
                "work."},
       {.name = "brackets",
        .member = &T::brackets,
        .range = {.low = 1, .high = 3},
        .help = "With 2 or 3 halving is Hyperband: a part of the settings goes on past the first "
                "step, or past all steps, whatever its loss there."},
       {.name = "fold_test",
        .member = &T::fold_test,
        .range = {.low = 0, .high = 0.5},
        .help = "Give a setting up between folds when Wilcoxon's test says, with this chance of an "
                "error, that they are worse than those of its learner's best one, say 0.1; 0: "
                "never. Needs 4 folds or more to say so."},
       {.name = "earlier_runs",
        .member = &T::earlier_runs,
        .choices = {"auto", "true", "false"},
        .help = "Try the settings that did best in earlier runs on the same table, target and "
                "metric in this workspace right after the defaults. auto: with a time limit; "
                "without one a run depends on its seed alone."},
       {.name = "portfolio",
        .member = &T::portfolio,
        .help =
            "Then try the few settings that come with the program, found to do well together on "
            "other tables: those that lie in the space that is searched and, with a time limit, "
            "as many as half of what the defaults leave of it is good for."}});
  return table;
}

const OptionTable<EnsembleOptions>& EnsembleOptions::table() {
  using T = EnsembleOptions;
  static const OptionTable<T> table(
      "ensemble",
      "The weighted average of models that is registered. Its score is measured with weights that "
      "were chosen on other rows.",
      {{.name = "enabled",
        .member = &T::enabled,
        .help =
            "Average several models; false: the single best one, whose score is likewise that of "
            "a choice on other rows."},
       {.name = "max_models",
        .member = &T::max_models,
        .range = {.low = 1, .high = 1000},
        .help = "Best models that the ensemble is chosen from."},
       {.name = "iterations",
        .member = &T::iterations,
        .range = {.low = 1, .high = 10000},
        .help = "Steps of greedy selection; each adds one model, perhaps again."},
       {.name = "share_of_gain",
        .member = &T::share_of_gain,
        .range = {.low = 0, .high = 1},
        .help =
            "Of what all steps gain over the best model alone: the first steps that have such a "
            "share of it are kept. 1: all that gain anything. The last steps add members, and so "
            "time to each prediction, for little."},
       {.name = "stacking",
        .member = &T::stacking,
        .choices = {"auto", "true", "false"},
        .help =
            "Put a second level in the place of the average: weighted log-odds of the members, or "
            "a weighted sum of their values and a constant. auto: only where, fitted on each half "
            "of the validation rows, it is better on the other by more than twice the standard "
            "error of that. true: where it is better at all."},
       {.name = "calibration",
        .member = &T::calibration,
        .choices = {"auto", "true", "false", "temperature", "sigmoid", "isotonic"},
        .help =
            "Whether class probabilities are calibrated, of a single model, too: made sharper or "
            "flatter (temperature), and shifted by class (sigmoid: Platt scaling), or by a curve "
            "(isotonic), the one with the least log loss, where that lowers the log loss of each "
            "half of the validation rows when it is chosen on the other. auto: if the metric is "
            "log_loss. true: for any, but by no curve for metrics that rank rows."}});
  return table;
}

const OptionTable<ConstraintOptions>& ConstraintOptions::table() {
  using T = ConstraintOptions;
  static const OptionTable<T> table(
      "constraints",
      "What the registered model must keep to. Trials that do not are left out, of the ensemble "
      "too; "
      "if not even the constant baseline does, the run ends with an error. See data.monotone, too.",
      {{.name = "max_latency",
        .member = &T::max_latency,
        .range = {.low = 0},
        .help = "Most microseconds of a prediction for one row; 0: any. Measured with rows of the "
                "table, each encoded and predicted by itself on one thread of the CPU: the "
                "median of up to 15, after a first one that does not count. Needs a time limit: "
                "measured times are not reproducible. A holdout gives faster models than folds, "
                "whose mean is predicted. What trials break tells how large a learner's models may "
                "be, and the settings that follow keep to that, but for parameters that are fixed; "
                "those that cannot are not tried."},
       {.name = "max_model_size",
        .member = &T::max_model_size,
        .range = {.low = 0},
        .format = OptionFormat::kBytes,
        .help = "Most bytes of the model's file; 0: any. Settings keep to it likewise."},
       {.name = "interpretable",
        .member = &T::interpretable,
        .help = "Only models that a person can read: linear ones, and sums of trees of one split "
                "(gbt with max_leaves 2), in which each feature has a curve of its own. The best "
                "one is registered alone; with folds it is the mean of its folds' models. assay "
                "explain shows what each feature adds."}});
  return table;
}

const OptionTable<ModelOptions>& ModelOptions::table() {
  using T = ModelOptions;
  static const OptionTable<T> table(
      "model", "The model that is registered.",
      {{.name = "name",
        .member = &T::name,
        .format = OptionFormat::kName,
        .help = "Name in the model registry; empty: that of the experiment."},
       {.name = "init",
        .member = &T::init,
        .help = "A registered model of one gbt trial (NAME, NAME:VERSION or NAME@ALIAS) to go on "
                "from: its features are taken over, and each fold adds its rounds to those of the "
                "same fold of the model. The run must be as the one that made the model: table, "
                "columns, constraints, seed, validation and metric, with "
                "validation.refit: false. Other learners are left out."}});
  return table;
}

Status check_config(const ExperimentConfig& config) {
  Mistakes mistakes;
  const DataOptions& data = config.data;
  for_each_section(config, [&](const auto& section) {
    const auto& table = section.table();
    for (size_t i = 0; i < table.options().size(); ++i) {
      const OptionInfo& info = table.options()[i];
      const OptionValue value = table.at(section, i);
      const auto* text = std::get_if<std::string>(&value);
      if (info.required && text != nullptr && text->empty()) {
        const std::string_view group = table.group().name;
        mistakes.add(
            fmt::format("{}{}{}: must be given", group, group.empty() ? "" : ".", info.name));
      }
    }
  });
  check_roles(data, mistakes);
  if (config.validation.repeats > 1 && !config.model.init.empty()) {
    mistakes.add(
        fmt::format("validation.repeats={}: model.init is gone on with on one partition (must be "
                    "0 or 1)",
                    config.validation.repeats));
  }
  if (config.validation.method == "group" && data.group.empty()) {
    mistakes.add("validation.method: group wants data.group");
  }
  if (config.validation.method == "time" && data.time_column.empty()) {
    mistakes.add("validation.method: time wants data.time_column");
  }
  const ConstraintOptions& constraints = config.constraints;
  if (constraints.max_latency > 0 && !config.budget.time_limit()) {
    mistakes.add(
        "constraints.max_latency: needs budget.time: with budget.trials alone a run depends on its "
        "seed, and a measured time does not");
  }
  if (constraints.interpretable && !config.model.init.empty()) {
    mistakes.add("constraints.interpretable: cannot be given together with model.init");
  }
  if (data.metric != "auto" && data.task != "auto") {
    const auto task = parse_task(data.task);
    const auto metric = task ? Metric::find(data.metric, *task)
                             : Result<Metric>(tl::unexpected<Error>(task.error()));
    if (!metric) mistakes.add("data.metric: " + metric.error().message);
    if (metric && metric->wants_queries() && config.data.group.empty()) {
      mistakes.add(
          fmt::format("data.metric: {} wants data.group, the column of the queries whose "
                      "answers are ranked",
                      metric->name()));
    }
  }
  if (data.task == "regression" && config.run.class_weight != "none") {
    mistakes.add(
        fmt::format("class_weight: {} needs a classification task", config.run.class_weight));
  }
  return mistakes.status();
}

}  // namespace assay::automl
