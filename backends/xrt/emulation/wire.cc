#include "backends/xrt/emulation/wire.h"

#include <cstring>

namespace assay::backends::xrt::emulation {
namespace {

// The low three bits of a field's key: how its value is written.
enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr std::byte kSizeKey{0x09};  // field 1, fixed64
constexpr std::byte kApiKey{0x15};   // field 2, fixed32

uint64_t little_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= uint64_t{std::to_integer<uint8_t>(bytes[i])} << (8 * i);
  }
  return value;
}

}  // namespace

std::optional<CallHeader> read_call_header(std::span<const std::byte, kCallHeaderBytes> bytes) {
  if (bytes[0] != kSizeKey || bytes[9] != kApiKey) return std::nullopt;
  CallHeader header;
  header.body_bytes = little_endian(bytes.subspan(1, 8));
  header.api = static_cast<uint32_t>(little_endian(bytes.subspan(10, 4)));
  if (header.body_bytes > kMostBodyBytes) return std::nullopt;
  return header;
}

bool WireReader::read_varint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return false;
    const auto byte = std::to_integer<uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

bool WireReader::read_fixed(size_t size) {
  if (rest_.size() < size) return stop();
  number_ = little_endian(rest_.first(size));
  rest_ = rest_.subspan(size);
  return true;
}

bool WireReader::next() {
  number_ = 0;
  bytes_ = {};
  if (!ok_ || rest_.empty()) return false;
  uint64_t key = 0;
  if (!read_varint(key) || key >> 3 == 0 || key >> 3 > UINT32_MAX) return stop();
  field_ = static_cast<uint32_t>(key >> 3);
  switch (key & 7) {
    case kVarint:
      return read_varint(number_) || stop();
    case kFixed64:
      return read_fixed(8);
    case kFixed32:
      return read_fixed(4);
    case kBytes: {
      uint64_t size = 0;
      if (!read_varint(size) || size > rest_.size()) return stop();
      bytes_ = rest_.first(size);
      rest_ = rest_.subspan(size);
      return true;
    }
    default:
      return stop();
  }
}

std::string WireReader::text() const {
  return std::string(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
}

std::optional<CallFields> read_fields(std::span<const std::byte> message) {
  CallFields fields;
  WireReader reader(message);
  while (reader.next()) {
    if (reader.field() >= CallFields::kCount) continue;
    fields.numbers[reader.field()] = reader.number();
    fields.bytes[reader.field()] = reader.bytes();
  }
  if (!reader.ok()) return std::nullopt;
  return fields;
}

void WireWriter::varint(uint64_t value) {
  while (value >= 0x80) {
    message_.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  message_.push_back(static_cast<std::byte>(value));
}

void WireWriter::number(uint32_t field, uint64_t value) {
  varint(uint64_t{field} << 3 | kVarint);
  varint(value);
}

void WireWriter::bytes(uint32_t field, std::span<const std::byte> value) {
  varint(uint64_t{field} << 3 | kBytes);
  varint(value.size());
  message_.insert(message_.end(), value.begin(), value.end());
}

std::vector<std::byte> WireWriter::reply() const {
  std::vector<std::byte> whole(kReplyHeaderBytes + message_.size());
  whole[0] = kSizeKey;
  const uint64_t size = message_.size();
  for (size_t i = 0; i < 8; ++i) whole[1 + i] = static_cast<std::byte>(size >> (8 * i));
  if (size > 0) std::memcpy(whole.data() + kReplyHeaderBytes, message_.data(), size);
  return whole;
}

}  // namespace assay::backends::xrt::emulation
