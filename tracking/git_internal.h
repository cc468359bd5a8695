// The version of the git library; its other uses are in git_state.cc.
#pragma once

#include <string>

namespace assay::tracking {

std::string git_version();

}  // namespace assay::tracking
