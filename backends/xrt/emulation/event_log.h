// What the device model does, as it does it, for tests that have to know when: which kernels run at
// the same time, or that one is running when the device is killed.
#pragma once

#include <string_view>

namespace assay::backends::xrt::emulation {

// Appends "WHAT NAME" as a line to the file that ASSAY_FPGA_EVENTS names; does nothing without it.
// If there is the file that ASSAY_FPGA_STOP names (an absolute path), the device model removes it
// at the start of a kernel and stops itself (SIGSTOP). Lines of several threads do not mix. "start
// UNIT" comes before a kernel's first instruction and "end UNIT" after its last; "write BYTES" and
// "read BYTES" when the host has copied data.
void log_event(std::string_view what, std::string_view name);

}  // namespace assay::backends::xrt::emulation
