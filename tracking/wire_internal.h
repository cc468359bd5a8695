// Little-endian bytes of the journal: appending values to a buffer, and reading them back without
// trusting a single length. A reader that met something wrong gives zeros from then on and says so.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace assay::tracking {

static_assert(std::endian::native == std::endian::little, "the journal is little-endian");

class WireWriter {
 public:
  explicit WireWriter(std::string& to) : to_(to) {}

  template <class T>
  requires(std::is_arithmetic_v<T>) void number(T value) {
    to_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void flag(bool value) { number(static_cast<uint8_t>(value ? 1 : 0)); }
  void count(size_t value) { number(static_cast<uint32_t>(value)); }
  // At most 4 GiB; callers check.
  void text(std::string_view value) {
    count(value.size());
    to_.append(value);
  }
  template <class T>
  void array(const std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    number(static_cast<uint64_t>(values.size()));
    if (!values.empty()) {
      to_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    }
  }

 private:
  std::string& to_;
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : left_(bytes) {}

  // False once anything was missing or out of its range.
  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }
  size_t left() const { return left_.size(); }
  void refuse() {
    ok_ = false;
    left_ = {};
  }

  template <class T>
  requires(std::is_arithmetic_v<T>) T number() {
    T value{};
    const std::string_view bytes = take(sizeof value);
    if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  bool flag() {
    const auto value = number<uint8_t>();
    if (value > 1) refuse();
    return value == 1;
  }
  // How many elements follow, each of at least `least_bytes`: never more than what is left.
  size_t count(size_t least_bytes) {
    const size_t value = number<uint32_t>();
    if (value > left_.size() / least_bytes) refuse();
    return ok_ ? value : 0;
  }
  std::string text() {
    const size_t size = count(1);
    return std::string(take(size));
  }
  template <class T>
  std::vector<T> array() {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto size = number<uint64_t>();
    if (size > left_.size() / sizeof(T)) refuse();
    std::vector<T> values(ok_ ? size : 0);
    const std::string_view bytes = take(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

 private:
  std::string_view take(size_t size) {
    if (size > left_.size()) {
      refuse();
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }

  std::string_view left_;
  bool ok_ = true;
};

}  // namespace assay::tracking
