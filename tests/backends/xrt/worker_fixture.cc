#include "tests/backends/xrt/worker_fixture.h"

#include <fstream>
#include <sstream>

namespace assay::backends::xrt {

std::vector<pid_t> processes_of_session(pid_t session) {
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
    pid_t own_session = 0;
    fields >> state >> parent >> group >> own_session;
    if (own_session == session && state != "Z") found.push_back(std::stoi(text));
  }
  return found;
}

std::string role_of(pid_t process, pid_t session) {
  if (process == session) return "guard";
  std::ifstream file("/proc/" + std::to_string(process) + "/comm");
  std::string name;
  std::getline(file, name);
  return name.starts_with("genericpcie") ? "model" : "worker";
}

}  // namespace assay::backends::xrt
