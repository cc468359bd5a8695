#include "automl/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "automl/cli/interrupt.h"
#include "automl/cli/json_text.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {
bool output_failed = false;
bool output_interrupted = false;  // the first failure was a signal that came while nobody read

void note_failure() {
  if (!std::exchange(output_failed, true)) {
    output_interrupted = errno == EINTR && stop_token().requested();
  }
}

// Of the environment; empty if it is not set.
std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}
}  // namespace

void print_result(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_failure();
}

void print_message(std::string_view text) {
  // In a file that takes both, what was printed first comes first.
  if (std::fflush(stdout) != 0) note_failure();
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

void print_note(const Invocation& invocation, std::string_view text) {
  if (!invocation.quiet) print_message(printable_lines(text) + "\n");
}

void print_damage(Invocation& invocation, std::span<const std::string> damaged) {
  for (const std::string& message : damaged)
    print_message("damaged: " + printable_lines(message) + "\n");
  if (!damaged.empty()) invocation.exit_code = exit_code_of(StatusCode::kData);
}

void print_unreadable(Invocation& invocation, std::span<const std::string> unreadable) {
  for (const std::string& message : unreadable)
    print_message("unreadable: " + printable_lines(message) + "\n");
  if (!unreadable.empty()) invocation.exit_code = exit_code_of(StatusCode::kIo);
}

void print_problems(Invocation& invocation, const tracking::ReadProblems& problems) {
  print_damage(invocation, problems.damaged);
  print_unreadable(invocation, problems.unreadable);
}

void print_error(const Invocation& invocation, const Error& error) {
  if (invocation.json) {
    const nlohmann::json object = {
        {"error", {{"code", std::string(name_of(error.code))}, {"message", error.message}}}};
    print_result(json_line(object));
  }
  print_message("assay: error: " + printable_lines(error.message) + "\n");
}

Status flush_output() {
  if (std::fflush(stdout) != 0) note_failure();
  if (output_interrupted) {
    return fail(StatusCode::kCancelled, "interrupted while standard output was not read");
  }
  if (output_failed) return fail(StatusCode::kIo, "cannot write to standard output");
  return {};
}

void print_table(const Invocation& invocation, const TextTable& table) {
  print_result(invocation.csv ? table.csv() : table.render(terminal_width()));
}

std::string size_cell(const Invocation& invocation, int64_t bytes) {
  return invocation.csv ? std::to_string(bytes) : size_text(static_cast<double>(bytes));
}

std::string score_cell(const Invocation& invocation, double score) {
  return invocation.csv ? fmt::format("{}", score) : score_text(score);
}

int terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

bool ascii_only() {
  if (isatty(STDOUT_FILENO) == 0) return false;
  if (variable("TERM") == "dumb") return true;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = lower_case(variable(name));
    if (locale.empty()) continue;  // the next one counts
    return locale.find("utf-8") == std::string::npos && locale.find("utf8") == std::string::npos;
  }
  return false;
}

bool redraws_lines() {
  const std::string_view terminal = variable("TERM");
  return isatty(STDERR_FILENO) != 0 && !terminal.empty() && terminal != "dumb";
}

int exit_code_of(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kConfig:
    case StatusCode::kNotFound:
    case StatusCode::kAlreadyExists:
      return 2;
    case StatusCode::kData:
      return 3;
    case StatusCode::kDevice:
      return 4;
    case StatusCode::kIo:
      return 5;
    case StatusCode::kBudgetTooSmall:
    case StatusCode::kResourceExhausted:
      return 6;
    case StatusCode::kCancelled:
      return 130;
    case StatusCode::kInternal:
      return 70;
  }
  return 70;
}

}  // namespace assay::automl::cli
