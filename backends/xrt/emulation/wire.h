// The wire format of XRT's software emulation: protocol-buffer messages behind headers of fixed
// size. A reader goes through the fields of one message without copying; a writer appends fields.
// Nothing here trusts its input. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::backends::xrt::emulation {

// What the host asks of the device. Numbers are those of XRT.
enum class Api : uint32_t {
  kClose = 1,
  kLoadBitstream = 3,
  kAllocate = 4,
  kFree = 5,
  kHostToDevice = 6,
  kDeviceToHost = 7,
  kWriteControl = 9,
  kReadControl = 11,
  kSetupInstance = 28,
  kWriteRegister = 51,
  kReadRegister = 52,
  kDriverVersion = 53,  // newer XRT
};

// A call begins with this many bytes: the size of its body, and which call it is.
inline constexpr size_t kCallHeaderBytes = 14;
// A reply begins with the size of its body alone.
inline constexpr size_t kReplyHeaderBytes = 9;
// Bodies are at most this large: XRT sends 8 MiB of data at a time.
inline constexpr uint64_t kMostBodyBytes = uint64_t{64} << 20;

struct CallHeader {
  uint64_t body_bytes = 0;
  uint32_t api = 0;
};
// Nothing if the bytes are no header of a call, or its body would be larger than kMostBodyBytes.
std::optional<CallHeader> read_call_header(std::span<const std::byte, kCallHeaderBytes> bytes);

// The fields of one message in the order in which they come.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> message) : rest_(message) {}
  // Goes to the next field. False at the end, or where the message is damaged.
  bool next();
  // Whether the message was whole up to here.
  bool ok() const { return ok_; }
  uint32_t field() const { return field_; }
  uint64_t number() const { return number_; }  // 0 for a field of bytes
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string text() const;

 private:
  bool read_varint(uint64_t& value);
  bool read_fixed(size_t size);
  bool stop() {
    ok_ = false;
    return false;
  }

  std::span<const std::byte> rest_;
  bool ok_ = true;
  uint32_t field_ = 0;
  uint64_t number_ = 0;
  std::span<const std::byte> bytes_;
};

// The fields that calls to a device use, by number; absent ones are 0 or empty.
struct CallFields {
  static constexpr uint32_t kCount = 16;
  uint64_t numbers[kCount] = {};
  std::span<const std::byte> bytes[kCount];
};
// Nothing if the message is damaged. Of repeated fields the last counts; others are left out.
std::optional<CallFields> read_fields(std::span<const std::byte> message);

class WireWriter {
 public:
  void number(uint32_t field, uint64_t value);
  void bytes(uint32_t field, std::span<const std::byte> value);
  const std::vector<std::byte>& message() const { return message_; }
  // The message behind the header of a reply.
  std::vector<std::byte> reply() const;

 private:
  void varint(uint64_t value);
  std::vector<std::byte> message_;
};

}  // namespace assay::backends::xrt::emulation
