// Where this process's program is: what belongs to it is looked for from there.
#pragma once

#include <string>

namespace assay {

// The program's file, by /proc; empty if that cannot be told.
std::string program_path();
// The folder that it lies in, likewise.
std::string program_folder();

}  // namespace assay
