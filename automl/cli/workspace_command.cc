// assay workspace create | list | info
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"
#include "tracking/model_registry.h"
#include "tracking/run_query.h"
#include "tracking/workspace.h"

namespace assay::automl::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Status create_command(const Invocation& invocation, const std::string& folder,
                      const std::string& name) {
  const bool existed = tracking::Workspace::open(folder).has_value();
  ASSAY_ASSIGN_OR_RETURN(auto workspace,
                         tracking::Workspace::create(
                             folder, name.empty() ? tracking::workspace_name_for(folder) : name));
  if (existed && !name.empty() && workspace->display_name() != name) {
    return fail(StatusCode::kAlreadyExists, "'{}' is a workspace already, named '{}'",
                workspace->path(), workspace->display_name());
  }
  if (invocation.json) {
    print_result(json_line(Json{{"path", workspace->path()},
                                {"name", workspace->display_name()},
                                {"uuid", workspace->uuid()},
                                {"created", !existed}}));
  } else {
    print_note(invocation,
               fmt::format("{} workspace {} ({})", existed ? "there is already a" : "created",
                           workspace->path(), workspace->display_name()));
  }
  return {};
}

struct Known {
  std::shared_ptr<tracking::Workspace> workspace;
  std::string origin;  // --workspace, ASSAY_WORKSPACE, or the folder that it was found in
};

// What a command started here could use, in the order in which it looks.
std::vector<Known> known_workspaces(const Invocation& invocation) {
  std::vector<Known> known;
  const auto add = [&](const std::string& path, const std::string& origin) {
    auto opened = tracking::Workspace::open(path);
    if (!opened) {
      // Commands would fail there rather than go on looking.
      if (opened.error().code != StatusCode::kNotFound) {
        print_message("damaged: " + printable_lines(opened.error().message) + "\n");
      }
      return;
    }
    for (const Known& other : known) {
      if (other.workspace->path() == (*opened)->path()) return;
    }
    known.push_back({std::move(*opened), origin});
  };
  if (!invocation.workspace.empty()) add(invocation.workspace, "--workspace");
  const char* value = std::getenv("ASSAY_WORKSPACE");
  if (value != nullptr && *value != '\0') add(value, "ASSAY_WORKSPACE");
  std::error_code error;
  for (fs::path folder = fs::current_path(error); !error; folder = folder.parent_path()) {
    add((folder / ".assay").string(), folder.string());
    if (folder == folder.parent_path()) break;
  }
  return known;
}

Status list_command(const Invocation& invocation) {
  const std::vector<Known> known = known_workspaces(invocation);
  if (invocation.json) {
    Json array = Json::array();
    for (size_t i = 0; i < known.size(); ++i) {
      array.push_back(Json{{"path", known[i].workspace->path()},
                           {"name", known[i].workspace->display_name()},
                           {"uuid", known[i].workspace->uuid()},
                           {"found_by", known[i].origin},
                           {"used", i == 0}});
    }
    print_result(json_line(array));
    return {};
  }
  if (known.empty() && !invocation.csv) {
    print_note(invocation, "no workspace here or above (assay workspace create makes one)");
    return {};
  }
  TextTable table;
  for (const char* title : {invocation.csv ? "used" : "", "name", "path", "found by"}) {
    table.add_column(title);
  }
  for (size_t i = 0; i < known.size(); ++i) {
    table.add_row({i == 0 ? "*" : "", known[i].workspace->display_name(),
                   known[i].workspace->path(), known[i].origin});
  }
  print_table(invocation, table);
  if (!invocation.csv) print_result("\n* is what commands use here\n");
  return {};
}

struct Usage {
  int64_t files = 0;
  int64_t bytes = 0;
};

// All files of a folder of the workspace; 0 if it is not there.
Usage usage_of(const std::string& folder) {
  Usage usage;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    if (!it->is_regular_file(gone)) continue;
    const auto size = it->file_size(gone);
    if (gone) continue;
    ++usage.files;
    usage.bytes += static_cast<int64_t>(size);
  }
  return usage;
}

int64_t live_writers(tracking::Workspace& workspace) {
  const auto ids = workspace.files().list(workspace.path() + "/writers");
  int64_t count = 0;
  if (!ids) return count;
  for (const std::string& id : *ids) {
    const auto live = tracking::writer_liveness(workspace.files(), workspace.path(), id);
    if (live != tracking::Liveness::kDead) ++count;
  }
  return count;
}

Status info_command(Invocation& invocation) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto runs, tracking::list_runs(*workspace));
  tracking::ReadProblems problems = tracking::problems_of(runs.damaged, runs.unreadable);
  ASSAY_ASSIGN_OR_RETURN(const auto models,
                         tracking::ModelRegistry(workspace).list_models(&problems));
  std::vector<std::string> damaged = problems.damaged;
  damaged.insert(damaged.end(), problems.unreadable.begin(), problems.unreadable.end());
  std::map<std::string, int64_t> kinds;
  for (const auto& run : runs.runs) ++kinds[run.kind];
  const Usage run_files = usage_of(workspace->path() + "/runs");
  const Usage blobs = usage_of(workspace->path() + "/blobs");
  const Usage all = usage_of(workspace->path());
  const int64_t writers = live_writers(*workspace);
  print_problems(invocation, problems);
  if (invocation.json) {
    Json object{{"path", workspace->path()}, {"name", workspace->display_name()},
                {"uuid", workspace->uuid()}, {"format", tracking::kWorkspaceFormat},
                {"runs", runs.runs.size()},  {"runs_by_kind", Json::object()},
                {"models", models.size()},   {"damaged", damaged},
                {"blobs", blobs.files},      {"run_bytes", run_files.bytes},
                {"blob_bytes", blobs.bytes}, {"bytes", all.bytes},
                {"live_writers", writers}};
    for (const auto& [kind, count] : kinds) object["runs_by_kind"][kind] = count;
    print_result(json_line(object));
    return {};
  }
  std::string by_kind;
  for (const auto& [kind, count] : kinds) {
    by_kind += fmt::format("{}{} {}", by_kind.empty() ? " (" : ", ", count, kind);
  }
  if (!by_kind.empty()) by_kind += ")";
  const auto size = [](int64_t bytes) { return size_text(static_cast<double>(bytes)); };
  print_result(
      fmt::format("workspace {}\n  path     {}\n  uuid     {}\n  runs     {}{}, {}\n  models   {}\n"
                  "  blobs    {}, {}\n  size     {}\n  writers  {} at work now\n",
                  workspace->display_name(), workspace->path(), workspace->uuid(), runs.runs.size(),
                  by_kind, size(run_files.bytes), models.size(), blobs.files, size(blobs.bytes),
                  size(all.bytes), writers));
  return {};
}

}  // namespace

void add_workspace_command(CLI::App& app, Invocation& invocation) {
  CLI::App* workspace =
      app.add_subcommand("workspace", "Make, check, copy, move and export workspaces");
  workspace->require_subcommand(1);

  CLI::App* create =
      workspace->add_subcommand("create", "Make a workspace in a folder that is missing or empty");
  add_output_options(*create, invocation);
  auto folder = std::make_shared<std::string>(".assay");
  auto name = std::make_shared<std::string>();
  create
      ->add_option("folder", *folder,
                   "The folder; commands below its parent find one that is "
                   "named .assay by themselves")
      ->capture_default_str();
  create->add_option("--name,-n", *name, "What it is called (else after the folder)");
  create->footer("Example:\n  assay workspace create --name credit");
  create->callback([&invocation, folder, name] {
    invocation.action = [&invocation, folder, name] {
      return create_command(invocation, *folder, *name);
    };
  });

  CLI::App* list = workspace->add_subcommand(
      "list", "The workspaces that commands started here find, the one they use first");
  add_workspace_option(*list, invocation);
  add_csv_option(*list, invocation);
  list->footer("Example:\n  assay workspace list");
  list->callback(
      [&invocation] { invocation.action = [&invocation] { return list_command(invocation); }; });

  CLI::App* info = workspace->add_subcommand("info", "What is in the workspace, and its size");
  add_workspace_option(*info, invocation);
  info->footer("Example:\n  assay workspace info");
  info->callback(
      [&invocation] { invocation.action = [&invocation] { return info_command(invocation); }; });
  add_workspace_files(*workspace, invocation);
}

}  // namespace assay::automl::cli
