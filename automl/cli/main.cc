// assay: the program. Parses the command line, runs one command, maps its Status to an exit code.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "automl/cli/help_format.h"
#include "automl/cli/interrupt.h"
#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/cli/usage_error.h"
#include "backends/devices.h"
#include "kernels/base/standard_files.h"
#include "tracking/full_disk.h"

namespace assay::automl::cli {
namespace {

void put_help_last(CLI::App& command) {
  command.get_help_ptr()->group(kGeneralGroup);
  for (CLI::App* child : command.get_subcommands({})) put_help_last(*child);
}

// Commands of commands take the general options before the second word, too.
void share_general_options(CLI::App& app) {
  for (CLI::App* child : app.get_subcommands({})) {
    if (child->get_subcommands({}).empty()) continue;
    child->fallthrough();
    share_general_options(*child);
  }
}

void add_commands(CLI::App& app, Invocation& invocation) {
  use_help_format(app);
  add_workspace_option(app, invocation);
  app.require_subcommand(1);
  add_run_command(app, invocation);
  add_resume_command(app, invocation);
  add_predict_command(app, invocation);
  add_score_command(app, invocation);
  add_explain_command(app, invocation);
  add_report_command(app, invocation);
  add_runs_command(app, invocation);
  add_experiments_command(app, invocation);
  add_models_command(app, invocation);
  add_workspace_command(app, invocation);
  add_gc_command(app, invocation);
  add_fsck_command(app, invocation);
  add_data_command(app, invocation);
  add_config_command(app, invocation);
  add_devices_command(app, invocation);
  add_version_command(app, invocation);
  add_completion_command(app, invocation);
  add_help_command(app, invocation);
  // Last: commands would inherit it.
  app.footer(
      "Examples:\n"
      "  assay run --data train.csv --target label --time 60s\n"
      "  assay config init train.csv --target label > experiment.yaml\n"
      "  assay run experiment.yaml\n"
      "  assay predict MODEL --data new.csv --out predictions.csv\n"
      "  assay score MODEL --data test.csv\n"
      "  assay explain MODEL --data new.csv\n"
      "`assay help COMMAND` says more of a command.\n"
      "Exit codes: 0 ok, 2 usage or config, 3 data, 4 device, 5 input/output,\n"
      "6 too little time or memory, 70 internal, 130 interrupted.");
  put_help_last(app);
  share_general_options(app);
}

// `assay --device-worker fpga:0`: the process that owns a card, for who wants to start it by hand.
int run_device_worker(const std::string& device) {
  Status status = fail(StatusCode::kInvalidArgument,
                       "--device-worker {}: only cards of kind fpga have a worker", device);
  if (device == "fpga" || device.starts_with("fpga:")) status = backends::become_device_worker();
  print_message(fmt::format("assay: error: {}\n", status.error().message));
  return exit_code_of(status.error().code);
}

int run_action(Invocation& invocation) {
  Status status;
  try {
    status = invocation.action();
  } catch (const std::bad_alloc&) {
    status = fail(StatusCode::kResourceExhausted, "out of memory");
  } catch (const std::exception& e) {
    status = fail(StatusCode::kInternal, "unexpected failure: {}", e.what());
  }
  if (!status) print_error(invocation, status.error());
  if (!status && tracking::is_full_disk(status.error())) {
    print_note(invocation,
               "the disk is full: `assay gc` makes room, more of it after `assay runs delete RUN` "
               "with --keep-deleted 0s; both work on a full disk");
  }
  const Status flushed = flush_output();
  if (status && !flushed) {
    status = flushed;
    print_message(fmt::format("assay: error: {}\n", flushed.error().message));
  }
  return status ? invocation.exit_code : exit_code_of(status.error().code);
}

}  // namespace

namespace {

// CLI11 takes the next argument for the value of `--name=`: the empty one becomes an argument.
std::vector<std::string> with_empty_values(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) arguments.emplace_back(argv[i]);
  const auto rest = std::find(arguments.rbegin(), arguments.rend(), "--");
  std::vector<std::string> last_first(arguments.begin(), rest.base());
  for (auto it = rest.base(); it != arguments.end(); ++it) {
    if (it->size() > 3 && it->starts_with("--") && it->find('=') == it->size() - 1) {
      last_first.emplace_back();
      it->pop_back();
    }
    last_first.push_back(std::move(*it));
  }
  return last_first;
}

}  // namespace

int run_program(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--device-worker")
    return run_device_worker(argv[2]);
  Invocation invocation;
  invocation.argv.assign(argv, argv + argc);
  invocation.started_ns = invocation.clock.now_ns() - process_age_ns();
  invocation.stop = &stop_token();
  invocation.json =
      std::find(invocation.argv.begin(), invocation.argv.end(), "--json") != invocation.argv.end();
  CLI::App app("Assay: AutoML training and experiment tracking", "assay");
  app.set_version_flag("--version", &version_text, "Print the version and exit")
      ->group(kGeneralGroup);
  add_commands(app, invocation);
  try {
    app.parse(with_empty_values(argc, argv));
  } catch (const CLI::CallForHelp&) {
    print_result(app.help());
    return flush_output() ? 0 : 5;
  } catch (const CLI::CallForVersion& version) {
    print_result(std::string(version.what()) + "\n");
    return flush_output() ? 0 : 5;
  } catch (const CLI::ParseError& error) {
    if (argc <= 1) {
      print_result(app.help());
      return flush_output() ? 2 : 5;
    }
    print_error(invocation, usage_error(app, error));
    (void)flush_output();
    return 2;
  }
  if (invocation.json && invocation.csv) {
    invocation.action = [] {
      return fail(StatusCode::kInvalidArgument, "--json and --csv exclude each other");
    };
  }
  install_handlers();
  // A file that grows beyond `ulimit -f` is a write that fails, like any other.
  signal(SIGXFSZ, SIG_IGN);
  return run_action(invocation);
}

}  // namespace assay::automl::cli

int main(int argc, char** argv) {
  assay::open_standard_files();
  // Everything durable is on disk by then: leaving without destructors saves freeing large tables.
  _exit(assay::automl::cli::run_program(argc, argv));
}
