// Checks the files of the model registry one by one, as they are copied. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::tracking {

class Workspace;

// Checks a file's text by where it is below the workspace: the records of changes, and of versions
// that were not given up. Everything else passes. Fails: data, naming the file.
Status check_registry_file(const Workspace& workspace, const std::string& place,
                           std::string_view text);

}  // namespace assay::tracking
