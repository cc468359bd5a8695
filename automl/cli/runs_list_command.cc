// assay runs list | search
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "automl/cli/help_format.h"
#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/cli/run_tables.h"
#include "kernels/base/names.h"
#include "kernels/base/plurals.h"
#include "tracking/catalog.h"
#include "tracking/environment.h"
#include "tracking/run_query.h"

namespace assay::automl::cli {
namespace {

struct ListOptions {
  std::string experiment;
  std::string status;
  std::string kind;
  std::string parent;
  std::string query;
  std::string columns;
  int64_t limit = 50;
  int64_t offset = 0;
  bool limit_given = false;
  bool offset_given = false;
  bool all = false;
  bool ascii = false;
};

void add_condition(tracking::RunQuery& query, const char* attribute, std::string_view text) {
  query.nodes.push_back({tracking::QueryOp::kEqual,
                         {},
                         {{tracking::RunField{tracking::FieldGroup::kRun, attribute}, {}},
                          {std::nullopt, tracking::Value(lower_case(text))}}});
}

// What the flags of `list` ask for.
Result<tracking::RunQuery> query_of(tracking::Workspace& workspace, const ListOptions& options) {
  tracking::RunQuery query;
  if (!options.experiment.empty()) add_condition(query, "experiment", options.experiment);
  if (!options.kind.empty()) add_condition(query, "kind", options.kind);
  if (!options.status.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const auto status, tracking::parse_run_status(options.status));
    add_condition(query, "status", name_of(status));
  }
  if (!options.parent.empty()) {
    ASSAY_ASSIGN_OR_RETURN(auto parent, tracking::find_run(workspace, options.parent));
    add_condition(query, "parent", parent.run_id);
  }
  // A sweep's trials would hide all else: they come only where something asks for them.
  if (!options.all && options.kind.empty() && options.parent.empty() && options.status.empty()) {
    query.nodes.push_back({tracking::QueryOp::kIsNull,
                           {},
                           {{tracking::RunField{tracking::FieldGroup::kRun, "parent"}, {}}}});
  }
  if (query.nodes.empty()) return query;
  tracking::QueryNode all{tracking::QueryOp::kAnd, {}, {}};
  for (size_t i = 0; i < query.nodes.size(); ++i) all.children.push_back(static_cast<int>(i));
  query.root = static_cast<int>(query.nodes.size());
  query.nodes.push_back(std::move(all));
  return query;
}

// That no run has the experiment at all, and which is meant.
Status check_experiment(tracking::Catalog& catalog, const std::string& name) {
  ASSAY_ASSIGN_OR_RETURN(const tracking::RunPage all, catalog.search({}));
  std::vector<std::string> names;
  for (const tracking::RunRow& row : all.rows) {
    if (lower_case(row.info.experiment) == lower_case(name)) return {};
    if (std::find(names.begin(), names.end(), row.info.experiment) == names.end()) {
      names.push_back(row.info.experiment);
    }
  }
  return fail(StatusCode::kNotFound, "no experiment '{}'{}", shortened(name),
              name_hint(name, std::span<const std::string>(names)));
}

// Fields that --columns and the query name, each once; those that every table has are left out.
std::vector<tracking::RunField> shown_fields(std::vector<tracking::RunField> asked,
                                             const tracking::RunQuery& query) {
  constexpr std::string_view kAlways[] = {"run_id",   "kind",     "name",  "experiment",
                                          "status",   "metric",   "score", "start_time",
                                          "duration", "end_time", "parent"};
  for (const tracking::RunField& field : tracking::query_fields(query)) {
    const bool attribute = field.group == tracking::FieldGroup::kRun;
    if (attribute &&
        std::find(std::begin(kAlways), std::end(kAlways), field.key) != std::end(kAlways)) {
      continue;
    }
    asked.push_back(field);
  }
  std::vector<tracking::RunField> fields;
  for (tracking::RunField& field : asked) {
    if (std::find(fields.begin(), fields.end(), field) == fields.end()) {
      fields.push_back(std::move(field));
    }
  }
  return fields;
}

// Why a page is empty.
std::string nothing_text(const tracking::RunPage& page, const tracking::RunQuery& query,
                         const std::string& workspace) {
  if (page.total == 0) return fmt::format("no runs are recorded in {}", workspace);
  if (page.matched == 0) return fmt::format("no runs in {} fit", workspace);
  return fmt::format("{} {}, none beyond offset {}", counted(page.matched, "run"),
                     page.matched == 1 ? "fits" : "fit", query.offset);
}

void print_page(Invocation& invocation, const ListOptions& options, const tracking::RunQuery& query,
                const tracking::RunPage& page, std::span<const tracking::RunField> shown,
                const std::string& workspace) {
  print_problems(invocation, tracking::problems_of(page.damaged, page.unreadable));
  for (const std::string& note : page.notes) print_note(invocation, "note: " + note);
  if (invocation.json) {
    print_result(run_rows_json(page.rows, shown));
  } else if (invocation.csv) {
    print_result(run_rows_csv(page.rows, shown));
  } else if (page.rows.empty()) {
    print_note(invocation, nothing_text(page, query, workspace));
  } else {
    print_result(run_table(page.rows, shown, {terminal_width(), options.ascii || ascii_only()}));
  }
  const int64_t end = query.offset + static_cast<int64_t>(page.rows.size());
  if (!page.rows.empty() && end < page.matched) {
    print_note(invocation, fmt::format("runs {} to {} of {}; --offset {} for the next",
                                       query.offset + 1, end, page.matched, end));
  }
}

Status list_command(Invocation& invocation, const ListOptions& options, bool search) {
  tracking::RunQuery query;
  std::vector<tracking::RunField> asked;
  if (search) {
    ASSAY_ASSIGN_OR_RETURN(query,
                           tracking::parse_run_query(options.query, tracking::wall_time_ns()));
  }
  if (!options.columns.empty()) {
    auto fields = tracking::parse_run_fields(options.columns);
    if (!fields) return fail_with(std::move(fields.error()), "--columns");
    asked = std::move(*fields);
  }
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  if (!search) {
    ASSAY_ASSIGN_OR_RETURN(query, query_of(*workspace, options));
  }
  // Of two limits the smaller; --offset goes on where the query's own page ended.
  const bool narrows = !query.limit || (options.limit_given && options.limit < *query.limit);
  if (narrows && options.limit > 0) query.limit = options.limit;
  if (query.offset == 0 || options.offset_given) query.offset = options.offset;
  const std::vector<tracking::RunField> shown =
      shown_fields(std::move(asked), search ? query : tracking::RunQuery());
  tracking::Catalog catalog(*workspace);
  ASSAY_ASSIGN_OR_RETURN(const tracking::RunPage page, catalog.search(query, shown));
  if (!search && page.matched == 0 && !options.experiment.empty()) {
    ASSAY_RETURN_IF_ERROR(check_experiment(catalog, options.experiment));
  }
  print_page(invocation, options, query, page, shown, workspace->path());
  return {};
}

void add_table_flags(CLI::App& command, Invocation& invocation, ListOptions& options) {
  command.add_option("--columns", options.columns,
                     "More columns: fields with commas between them, for example "
                     "params.lr,max(metrics.auc)");
  command.add_option("--limit", options.limit, "At most so many; 0 for all")
      ->each([&options](const std::string&) { options.limit_given = true; })
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  command.add_option("--offset", options.offset, "Leave so many out first")
      ->each([&options](const std::string&) { options.offset_given = true; })
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  add_csv_option(command, invocation);
  command.add_flag("--ascii", options.ascii, "Curves without Unicode characters");
}

void add_list(CLI::App& runs, Invocation& invocation) {
  CLI::App* command = runs.add_subcommand("list", "List sweeps and other runs, newest first");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<ListOptions>();
  command->add_option("--experiment", options->experiment, "Only runs of this experiment");
  command->add_option("--status", options->status,
                      "Only runs with this status: running, completed, failed, cancelled, "
                      "interrupted, pruned");
  constexpr std::array<std::string_view, 5> kKinds = {"sweep", "trial", "job", "pipeline", "step"};
  add_choice(*command, "--kind", options->kind, kKinds, "Only runs of this kind");
  command->add_option("--parent", options->parent, "Only the trials of this sweep");
  command->add_flag("--all", options->all,
                    "The runs below others, such as trials, too (also with --kind, --status or "
                    "--parent)");
  add_table_flags(*command, invocation, *options);
  command->footer(
      "Examples:\n"
      "  assay runs list --limit 5\n"
      "  assay runs list --parent 01JD");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] {
      return list_command(invocation, *options, false);
    };
  });
}

void add_search(CLI::App& runs, Invocation& invocation) {
  CLI::App* command = runs.add_subcommand("search", "Find runs by a query");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<ListOptions>();
  command->add_option("query", options->query, "What to find, as below")->required();
  add_table_flags(*command, invocation, *options);
  std::vector<std::string_view> names;
  for (const auto& attribute : tracking::run_attributes()) names.push_back(attribute.name);
  const std::string attributes = fmt::format("count(...); {}", fmt::join(names, ", "));
  command->footer(fmt::format(
      "Query:  [CONDITION] [order by FIELD [asc|desc], ...] [limit N] [offset N]\n"
      "  fields      params.KEY, tags.KEY, metrics.KEY (its last value), min(metrics.KEY), "
      "max(...),\n"
      "              {}\n"
      "  conditions  = != < <= > >=, in (...), between A and B, like 'a%', ilike, is null,\n"
      "              is not null; and, or, not, parentheses\n"
      "  values      12, 0.5, 'text', true, '2024-01-31', '2h' (ago), 90s; keys with blanks: \"a "
      "b\"\n"
      "  missing values make a comparison unknown, as in SQL\n"
      "Examples:\n"
      "  assay runs search \"metrics.roc_auc > 0.9 and tags.learner = 'gbdt'\"\n"
      "  assay runs search \"kind = 'trial' and start_time > '2h' order by score desc limit 10\"",
      fmt::join(wrapped_lines(attributes, 80), "\n              ")));
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return list_command(invocation, *options, true); };
  });
}

}  // namespace

void add_runs_list(CLI::App& runs, Invocation& invocation) {
  add_list(runs, invocation);
  add_search(runs, invocation);
}

}  // namespace assay::automl::cli
