#include "backends/xrt/emulation/fault_note.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "backends/xrt/emulation/compute_unit.h"

namespace assay::backends::xrt::emulation {
namespace {

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

const char* what_happened(int signal) {
  switch (signal) {
    case SIGSEGV:
    case SIGBUS:
      return "touched memory out of its reach";
    case SIGFPE:
      return "divided by zero";
    case SIGILL:
      return "ran an illegal instruction";
    default:
      return "was aborted";
  }
}

// The process ends here anyway: that formatting may allocate does no more harm.
void on_fault(int number, siginfo_t* info, void*) {
  const ComputeUnit* unit = ComputeUnit::running_here();
  std::string place;
  if (unit != nullptr && (number == SIGSEGV || number == SIGBUS)) {
    place = unit->memory().describe(info->si_addr);
    if (place.empty()) place = fmt::format("no buffer, at {}", info->si_addr);
    place = " (" + place + ")";
  }
  end_with_note(fmt::format("{} {}{}", unit == nullptr ? "the device model" : unit->name(),
                            what_happened(number), place));
}

}  // namespace

void leave_note(std::string_view text) {
  const char* path = std::getenv("ASSAY_FPGA_NOTE");
  const int file = path == nullptr
                       ? -1
                       : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  const std::string line = std::string(text) + "\n";
  write_all(file < 0 ? STDERR_FILENO : file, line);
  if (file >= 0) close(file);
}

void end_with_note(std::string_view text) {
  leave_note(text);
  _exit(1);
}

void note_faults() {
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO | SA_RESETHAND;
  action.sa_sigaction = on_fault;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    sigaction(number, &action, nullptr);
  }
}

}  // namespace assay::backends::xrt::emulation
