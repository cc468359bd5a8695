// assay: the program. Parses the command line, runs one command, maps its Status to an exit code.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

StopToken& stop_token() {
  static StopToken token;
  return token;
}

// The first signal asks to stop, the second one leaves at once (the store is made for it).
extern "C" void on_interrupt(int) {
  if (stop_token().requested()) {
    constexpr std::string_view kLeft = "\nassay: left at once; what was recorded so far is kept\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kLeft.data(), kLeft.size());
    _exit(130);
  }
  stop_token().request();
}

void install_handlers() {
  stop_token();
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A terminal that closes stops a run like Ctrl-C, unless nohup took care of that.
  struct sigaction hangup {};
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
    sigaction(SIGHUP, &action, nullptr);
  }
}

// libgomp reads its wait policy when it is loaded, before main: waiting threads must sleep, not
// spin, so the program starts itself once more with the policy set. It costs a millisecond.
void restart_with_passive_waiting(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  std::array<char, 4096> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0 || setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
  execv(path.data(), argv);
}

// CLI11 lists every option of the parser that failed; people want the reason and the way to help.
Error usage_error(const CLI::App& app, const CLI::ParseError& error, const Invocation& invocation) {
  std::string message = error.what();
  const bool unknown_command = invocation.argv.size() > 1 &&
                               invocation.argv[1].rfind('-', 0) != 0 &&
                               app.get_subcommands().empty();
  if (unknown_command) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    message = fmt::format("unknown command '{}'{}", invocation.argv[1],
                          name_hint(invocation.argv[1], std::span<const std::string>(names)));
  }
  std::string path = "assay";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  return {StatusCode::kInvalidArgument, fmt::format("{}; see {} --help", message, path)};
}

void add_commands(CLI::App& app, Invocation& invocation) {
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  assay run --data train.csv --target label --time 60s\n"
      "  assay config init train.csv --target label > experiment.yaml\n"
      "  assay run experiment.yaml\n"
      "  assay predict MODEL --data new.csv --out predictions.csv\n"
      "  assay score MODEL --data test.csv\n"
      "Exit codes: 0 ok, 2 usage or config, 3 data, 4 device, 5 input/output, 6 budget too small\n"
      "for a model, 70 internal, 130 interrupted.");
  add_run_command(app, invocation);
  add_predict_command(app, invocation);
  add_score_command(app, invocation);
  add_runs_command(app, invocation);
  add_experiments_command(app, invocation);
  add_models_command(app, invocation);
  add_workspace_command(app, invocation);
  add_gc_command(app, invocation);
  add_data_command(app, invocation);
  add_config_command(app, invocation);
  add_devices_command(app, invocation);
  add_version_command(app, invocation);
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
  const Status flushed = flush_output();
  if (status && !flushed) {
    status = flushed;
    print_message(fmt::format("assay: error: {}\n", flushed.error().message));
  }
  return status ? invocation.exit_code : exit_code_of(status.error().code);
}

}  // namespace

int run_program(int argc, char** argv) {
  restart_with_passive_waiting(argv);
  Invocation invocation;
  invocation.argv.assign(argv, argv + argc);
  invocation.started_ns = invocation.clock.now_ns() - process_age_ns();
  invocation.stop = &stop_token();
  invocation.json =
      std::find(invocation.argv.begin(), invocation.argv.end(), "--json") != invocation.argv.end();
  CLI::App app("Assay: AutoML training and experiment tracking", "assay");
  app.set_version_flag("--version", &version_text, "Print the version and exit");
  add_commands(app, invocation);
  try {
    app.parse(argc, argv);
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
    print_error(invocation, usage_error(app, error, invocation));
    (void)flush_output();
    return 2;
  }
  install_handlers();
  return run_action(invocation);
}

}  // namespace assay::automl::cli

int main(int argc, char** argv) {
  // Everything durable is on disk by now: leaving without destructors saves freeing large tables.
  _exit(assay::automl::cli::run_program(argc, argv));
}
