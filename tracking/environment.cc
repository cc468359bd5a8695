#include "tracking/environment.h"

#include <pwd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "kernels/base/executor.h"
#include "tracking/git_internal.h"
#include "tracking/hdf5_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr const char* kUnknown = "unknown";

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(": ");
    const bool model = line.rfind("model name", 0) == 0 || line.rfind("Processor", 0) == 0;
    if (model && colon != std::string::npos) return clean_utf8(line.substr(colon + 2));
  }
  return kUnknown;
}

// PRETTY_NAME of /etc/os-release.
std::string os_name() {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  std::ifstream file("/etc/os-release");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(kKey, 0) != 0) continue;
    std::string name = line.substr(kKey.size());
    if (name.size() >= 2 && name.front() == '"') name = name.substr(1, name.size() - 2);
    return clean_utf8(name);
  }
  return kUnknown;
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

// Arguments as a shell would take them.
std::string quoted(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    const bool plain = !argument.empty() &&
                       argument.find_first_of(" \t\n'\"\\$`&|;<>()*?[]#~!{}") == std::string::npos;
    if (!line.empty()) line += ' ';
    if (plain) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  std::string argument;
  while (std::getline(file, argument, '\0')) arguments.push_back(argument);
  return arguments;
}

}  // namespace

std::map<std::string, Value> collect_environment(const EnvironmentRequest& request) {
  std::map<std::string, Value> values;
  utsname system{};
  const bool named = ::uname(&system) == 0;
  std::error_code error;
  const auto folder = std::filesystem::current_path(error);
  const auto& arguments = request.command_line.empty() ? own_arguments() : request.command_line;
  values["assay_version"] = assay_version();
  values["build_type"] = ASSAY_BUILD_TYPE;
  values["compiler"] = compiler();
  values["hdf5_version"] = hdf5_version();
  values["libgit2_version"] = git_version();
  values["os"] = os_name();
  values["host"] = named ? clean_utf8(system.nodename) : kUnknown;
  values["kernel"] = named ? fmt::format("{} {}", system.sysname, system.release) : kUnknown;
  values["architecture"] = named ? system.machine : kUnknown;
  values["cpu_model"] = cpu_model();
  values["cpu_count"] = int64_t{::sysconf(_SC_NPROCESSORS_ONLN)};
  values["usable_cpu_count"] = usable_cpu_count();
  values["usable_memory_bytes"] = usable_memory_bytes();
  values["command_line"] = quoted(arguments);
  values["working_folder_name"] = error ? kUnknown : clean_utf8(folder.filename().string());
  values["start_time"] = iso_time(wall_time_ns());
  values["user"] = user_name();
  values["pid"] = int64_t{::getpid()};
  // A seed may use all 64 bits; text keeps them readable.
  if (request.seed) values["seed"] = fmt::format("{}", *request.seed);
  if (request.threads) values["threads"] = *request.threads;
  return values;
}

std::string user_name() {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? clean_utf8(entry.pw_name) : fmt::format("uid:{}", ::geteuid());
}

int64_t wall_time_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string iso_time(int64_t wall_ns) {
  const time_t seconds = wall_ns / 1'000'000'000;
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string assay_version() { return ASSAY_VERSION; }

}  // namespace assay::tracking
