// ap_uint for machines without the vendor's tools: an unsigned number of W bits with the part of
// the vendor's interface that the kernels use, on the include path of the emulation alone. In
// memory it is what a card sees: W / 8 bytes, the lowest first.
//
// A range beyond the number ends the process, named: on a card it would be other wires.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

[[noreturn]] inline void ap_range_fault(int high, int low, int width) {
  std::fprintf(stderr, "ap_uint<%d>: range(%d, %d) is outside of it\n", width, high, low);
  std::fflush(stderr);
  std::abort();
}

template <int W>
class ap_uint;

// Bits [low, high] of a number, at most 64 of them, to read and to set.
template <int W>
class ap_range_ref {
 public:
  ap_range_ref(ap_uint<W>& whole, int high, int low) : whole_(whole), high_(high), low_(low) {}
  ap_range_ref(const ap_range_ref&) = default;
  operator uint64_t() const { return to_uint64(); }
  uint64_t to_uint64() const { return whole_.bits(high_, low_); }
  uint32_t to_uint() const { return static_cast<uint32_t>(to_uint64()); }
  ap_range_ref& operator=(uint64_t value) {
    whole_.set_bits(high_, low_, value);
    return *this;
  }
  ap_range_ref& operator=(const ap_range_ref& other) { return *this = other.to_uint64(); }

 private:
  ap_uint<W>& whole_;
  int high_;
  int low_;
};

template <int W>
class ap_uint {
  static_assert(W % 64 == 0, "the kernels use whole words only");

 public:
  ap_uint() = default;
  ap_uint(uint64_t value) { words_[0] = value; }  // NOLINT: implicit, as the vendor's

  ap_range_ref<W> range(int high, int low) { return ap_range_ref<W>(*this, high, low); }
  ap_range_ref<W> operator()(int high, int low) { return range(high, low); }
  // (The vendor's gives a proxy here too; what it is read as is the same.)
  ap_uint<64> range(int high, int low) const { return ap_uint<64>(bits(high, low)); }
  ap_uint<64> operator()(int high, int low) const { return range(high, low); }

  uint64_t to_uint64() const { return words_[0]; }
  uint32_t to_uint() const { return static_cast<uint32_t>(words_[0]); }

  ap_uint operator|(const ap_uint& other) const {
    ap_uint result;
    for (int i = 0; i < kWords; ++i) result.words_[i] = words_[i] | other.words_[i];
    return result;
  }
  // Shifts by W or more give 0.
  ap_uint operator>>(int shift) const {
    ap_uint result;
    const int whole = shift / 64;
    const int part = shift % 64;
    for (int i = 0; i + whole < kWords; ++i) {
      uint64_t word = words_[i + whole] >> part;
      if (part > 0 && i + whole + 1 < kWords) word |= words_[i + whole + 1] << (64 - part);
      result.words_[i] = word;
    }
    return result;
  }
  ap_uint operator<<(int shift) const {
    ap_uint result;
    const int whole = shift / 64;
    const int part = shift % 64;
    for (int i = kWords - 1; i >= whole; --i) {
      uint64_t word = words_[i - whole] << part;
      if (part > 0 && i - whole > 0) word |= words_[i - whole - 1] >> (64 - part);
      result.words_[i] = word;
    }
    return result;
  }
  bool operator==(const ap_uint& other) const {
    for (int i = 0; i < kWords; ++i) {
      if (words_[i] != other.words_[i]) return false;
    }
    return true;
  }
  bool operator!=(const ap_uint& other) const { return !(*this == other); }

  // What the ranges are made of; not of the vendor's class.
  uint64_t bits(int high, int low) const {
    check(high, low);
    const int word = low / 64;
    const int part = low % 64;
    uint64_t value = words_[word] >> part;
    if (part > 0 && high / 64 != word) value |= words_[word + 1] << (64 - part);
    return value & mask(high - low + 1);
  }
  void set_bits(int high, int low, uint64_t value) {
    check(high, low);
    const uint64_t kept = mask(high - low + 1);
    const int word = low / 64;
    const int part = low % 64;
    value &= kept;
    words_[word] = (words_[word] & ~(kept << part)) | (value << part);
    if (part > 0 && high / 64 != word) {
      words_[word + 1] = (words_[word + 1] & ~(kept >> (64 - part))) | (value >> (64 - part));
    }
  }

 private:
  static constexpr int kWords = W / 64;
  static uint64_t mask(int count) {
    return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  }
  static void check(int high, int low) {
    if (low < 0 || high < low || high >= W || high - low >= 64) ap_range_fault(high, low, W);
  }

  uint64_t words_[kWords] = {};
};

static_assert(sizeof(ap_uint<512>) == 64, "a line of memory");
