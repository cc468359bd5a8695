#include "automl/report/sparkline.h"

#include <array>

namespace assay::automl {
namespace {

constexpr std::array<std::string_view, 8> kBlocks = {"\xE2\x96\x81", "\xE2\x96\x82", "\xE2\x96\x83",
                                                     "\xE2\x96\x84", "\xE2\x96\x85", "\xE2\x96\x86",
                                                     "\xE2\x96\x87", "\xE2\x96\x88"};
constexpr std::string_view kAscii = "_.-~=+*#";

}  // namespace

std::string sparkline(std::string_view trend, bool ascii) {
  std::string line;
  for (const char digit : trend) {
    if (digit < '0' || digit > '7') {
      line += ' ';
    } else if (ascii) {
      line += kAscii[static_cast<size_t>(digit - '0')];
    } else {
      line += kBlocks[static_cast<size_t>(digit - '0')];
    }
  }
  return line;
}

}  // namespace assay::automl
