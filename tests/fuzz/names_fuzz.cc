// Fuzz target of kernels/base/names: the first line is the mistyped word, the others are the
// candidates. What must hold for any bytes is checked; a violation aborts.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/names.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> lines;
  while (true) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  const std::string_view word = lines[0];
  const auto candidates = std::span<const std::string_view>(lines).subspan(1);

  const std::string_view nearest = assay::nearest_name(word, candidates);
  bool offered = nearest.empty();
  for (const std::string_view candidate : candidates) offered = offered || candidate == nearest;
  require(offered);
  const std::string hint = assay::name_hint(word, candidates);
  require(nearest.empty() || hint.find(nearest) != std::string::npos);

  for (const std::string_view line : lines) {
    const bool good = assay::check_name("name", line).has_value();
    require(!good || (!line.empty() && line.size() <= 64));
    require(good == assay::check_name("name", assay::lower_case(line)).has_value());
  }
  return 0;
}
