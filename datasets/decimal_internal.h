// The short way for the decimals that tables are full of. A mantissa below 2^53 and a power of ten
// up to 10^22 are both exact doubles, so one division rounds correctly (Clinger, "How to read
// floating point numbers accurately", PLDI 1990). Everything else goes to std::from_chars.
#pragma once

#include <cstdint>
#include <cstring>

namespace assay::datasets {

inline constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// Reads -digits[.digits] at `at` and returns where it ends, or null if the short way does not
// apply. The text must end in a byte that is no digit, sign or point.
inline const char* scan_decimal(const char* at, double& value) {
  const bool negative = *at == '-';
  at += negative;
  uint64_t mantissa = 0;
  const char* const start = at;
  while (is_digit(*at)) mantissa = mantissa * 10 + static_cast<uint64_t>(*at++ - '0');
  int64_t digits = at - start;
  int64_t decimals = 0;
  if (*at == '.') {
    const char* const point = at++;
    while (is_digit(*at)) mantissa = mantissa * 10 + static_cast<uint64_t>(*at++ - '0');
    decimals = at - point - 1;
    digits += decimals;
  }
  // 19 digits cannot have overflowed 64 bits.
  if (digits == 0 || digits > 19 || mantissa > (uint64_t{1} << 53)) return nullptr;
  double x = static_cast<double>(mantissa);
  if (decimals > 0) x /= kPowersOfTen[decimals];
  value = negative ? -x : x;
  return at;
}

}  // namespace assay::datasets
