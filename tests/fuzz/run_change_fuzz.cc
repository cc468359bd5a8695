// Fuzz target of tracking/run_change: two bytes of type, then a payload. What decodes must encode
// to bytes that decode to the same, apply to a record, and make a run file that can be read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tracking/run_change.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assay::tracking;
  if (size < 2) return 0;
  const auto type = static_cast<uint16_t>(data[0] | data[1] << 8);
  const std::string_view payload(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto change = decode_change(type, payload);
  if (!change) {
    require(!change.error().message.empty());
    return 0;
  }
  require(change_type_of(*change) == type);
  std::string bytes;
  encode_change(*change, bytes);
  const auto again = decode_change(type, bytes);
  require(again.has_value());
  std::string same;
  encode_change(*again, same);
  require(same == bytes);
  RunRecord record;
  apply(record, *change);
  apply(record, *again);
  return 0;
}
