#include "tests/backends/xrt/worker_fixture.h"

#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace assay::backends::xrt {

EventFile::EventFile() {
  std::string path = (std::filesystem::temp_directory_path() / "assay_events_XXXXXX").string();
  const int file = mkstemp(path.data());
  if (file < 0) std::abort();
  close(file);
  path_ = path;
}

EventFile::~EventFile() { std::filesystem::remove(path_); }

std::vector<std::string> EventFile::lines() const {
  std::vector<std::string> lines;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    if (!file.eof()) lines.push_back(line);  // whole ones
  }
  return lines;
}

bool EventFile::wait_for(const std::string& line, int count) const {
  constexpr int kMostTries = 60'000;
  for (int tries = 0; tries < kMostTries; ++tries) {
    const std::vector<std::string> found = lines();
    if (std::count(found.begin(), found.end(), line) >= count) return true;
    poll(nullptr, 0, 5);
  }
  return false;
}

namespace {

// Numbers of the processes that have not ended and for which chosen(parent, session) holds.
template <class Chosen>
std::vector<pid_t> processes_where(Chosen&& chosen) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    const size_t after_name = text.rfind(')');
    if (after_name == std::string::npos) continue;
    std::istringstream fields(text.substr(after_name + 1));
    std::string state;
    pid_t parent = 0;
    pid_t group = 0;
    pid_t session = 0;
    fields >> state >> parent >> group >> session;
    if (chosen(parent, session) && state != "Z") found.push_back(std::stoi(text));
  }
  return found;
}

}  // namespace

std::vector<pid_t> processes_of_session(pid_t session) {
  return processes_where([session](pid_t, pid_t own) { return own == session; });
}

std::vector<pid_t> children_of(pid_t process) {
  return processes_where([process](pid_t parent, pid_t) { return parent == process; });
}

std::string role_of(pid_t process, pid_t session) {
  if (process == session) return "guard";
  std::ifstream file("/proc/" + std::to_string(process) + "/comm");
  std::string name;
  std::getline(file, name);
  return name.starts_with("genericpcie") ? "model" : "worker";
}

}  // namespace assay::backends::xrt
