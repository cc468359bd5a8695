// The last words of the device model: the host cannot be told through XRT why a device died, so the
// reason is left in the file that ASSAY_FPGA_NOTE names, for whoever started it all.
#pragma once

#include <string_view>

namespace assay::backends::xrt::emulation {

// Writes the note in place of an earlier one. Without ASSAY_FPGA_NOTE it goes to stderr.
void leave_note(std::string_view text);
// Leaves the note and ends the process.
[[noreturn]] void end_with_note(std::string_view text);
// From now on, faults of kernels end the process with a note of what they hit.
void note_faults();

}  // namespace assay::backends::xrt::emulation
