#include "backends/xrt/worker_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace assay::backends::xrt {
namespace {

constexpr std::string_view kEventsVariable = "ASSAY_FPGA_EVENTS";

std::string with_names(std::string value, const std::string& folder) {
  const auto put = [&value](std::string_view mark, const std::string& text) {
    const size_t at = value.find(mark);
    if (at != std::string::npos) value.replace(at, mark.size(), text);
  };
  put("{run}", folder);
  put("{name}", folder.substr(folder.rfind('/') + 1));
  return value;
}

std::string absolute_path(std::string_view path) {
  std::error_code failed;
  const std::filesystem::path full = std::filesystem::absolute(path, failed);
  return failed ? std::string(path) : full.string();
}

}  // namespace

const std::vector<std::string>& emulation_variables() {
  static const std::vector<std::string> names = {"XCL_EMULATION_MODE", "EMCONFIG_PATH",
                                                 "SDACCEL_EM_RUN_DIR"};
  return names;
}

std::vector<std::string> worker_environment(const std::vector<std::string>& own,
                                            const EnvironmentRules& rules,
                                            const std::string& run_folder) {
  std::vector<std::string> all;
  for (const std::string& entry : own) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    const bool replaced = std::any_of(rules.set.begin(), rules.set.end(),
                                      [name](const auto& item) { return item.first == name; });
    const bool removed =
        std::find(rules.unset.begin(), rules.unset.end(), name) != rules.unset.end();
    if (replaced || removed) continue;
    const std::string_view value =
        std::string_view(entry).substr(std::min(entry.size(), name.size() + 1));
    if (name == kEventsVariable && !value.empty()) {
      all.push_back(fmt::format("{}={}", name, absolute_path(value)));
    } else {
      all.push_back(entry);
    }
  }
  for (const auto& [name, value] : rules.set) {
    all.push_back(name + "=" + with_names(value, run_folder));
  }
  return all;
}

}  // namespace assay::backends::xrt
