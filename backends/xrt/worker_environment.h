// The environment that a device worker is started with: this process's, but for what its card must
// have otherwise. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace assay::backends::xrt {

struct EnvironmentRules {
  // What is set. {run} in a value is the worker's run folder, {name} that folder's name in /tmp.
  std::vector<std::pair<std::string, std::string>> set;
  // What is taken out.
  std::vector<std::string> unset;
};

// "NAME=value" entries. Paths that name files of the user's are of this process's working folder,
// and the worker has another: those of ASSAY_FPGA_EVENTS are made absolute.
std::vector<std::string> worker_environment(const std::vector<std::string>& own,
                                            const EnvironmentRules& rules,
                                            const std::string& run_folder);

// The variables that make XRT open an emulation in place of a card.
const std::vector<std::string>& emulation_variables();

}  // namespace assay::backends::xrt
