// Calls of XRT's software emulation as bytes: a header, then a message. Reading must stay within
// the bytes, and every field of bytes must lie within the message.
#include <cstdio>
#include <cstdlib>

#include "backends/xrt/emulation/wire.h"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "xrt_wire: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace emulation = assay::backends::xrt::emulation;
  const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
  std::span<const std::byte> message = input;
  if (size >= emulation::kCallHeaderBytes) {
    const auto header = emulation::read_call_header(input.first<emulation::kCallHeaderBytes>());
    if (header) {
      require(header->body_bytes <= emulation::kMostBodyBytes, "a body beyond the limit");
      message = input.subspan(emulation::kCallHeaderBytes);
    }
  }
  emulation::WireReader reader(message);
  size_t fields = 0;
  emulation::WireWriter writer;
  while (reader.next()) {
    ++fields;
    const auto bytes = reader.bytes();
    require(bytes.empty() || (bytes.data() >= message.data() &&
                              bytes.data() + bytes.size() <= message.data() + message.size()),
            "bytes outside the message");
    writer.number(reader.field(), reader.number());
    writer.bytes(reader.field(), bytes);
  }
  require(fields <= size, "more fields than bytes");
  require(emulation::read_fields(message).has_value() == reader.ok(), "two answers to one message");
  // What is written can be read.
  emulation::WireReader again(writer.message());
  while (again.next()) --fields, require(again.next(), "half a field");
  require(again.ok() && fields == 0, "what was written cannot be read");
  return 0;
}
