// exact_math.h on Highway vectors: the same operations in the same order, so the same bits in every
// lane and on every target. Included once for each target (no include guard in the usual sense).
#include <hwy/highway.h>

#if defined(ASSAY_EXACT_MATH_SIMD_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_EXACT_MATH_SIMD_H_
#undef ASSAY_EXACT_MATH_SIMD_H_
#else
#define ASSAY_EXACT_MATH_SIMD_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F64 = hn::ScalableTag<double>;
using U64 = hn::RebindToUnsigned<F64>;
using I64 = hn::RebindToSigned<F64>;
using VecF64 = hn::Vec<F64>;

// p * x + c, as two operations.
HWY_INLINE VecF64 step(VecF64 p, VecF64 x, double c) {
  return hn::Add(hn::Mul(p, x), hn::Set(F64(), c));
}

// a if a > b, else b: as `if (a > b) b = a`, also for NaN.
HWY_INLINE VecF64 greater_of(VecF64 a, VecF64 b) { return hn::IfThenElse(hn::Gt(a, b), a, b); }

HWY_INLINE VecF64 exact_exp(VecF64 x) {
  const F64 d;
  const U64 du;
  const auto shift = hn::Set(d, 6755399441055744.0);
  const auto top = hn::Set(d, 709.0);
  const auto clamped = hn::IfThenElse(hn::Gt(x, top), top, x);
  const auto shifted = hn::Add(hn::Mul(clamped, hn::Set(d, 1.4426950408889634074)), shift);
  const auto k = hn::Sub(shifted, shift);
  const auto high = hn::Sub(clamped, hn::Mul(k, hn::Set(d, 6.93147180369123816490e-01)));
  const auto r = hn::Sub(high, hn::Mul(k, hn::Set(d, 1.90821492927058770002e-10)));
  auto p = hn::Set(d, 1.0 / 6227020800.0);
  p = step(p, r, 1.0 / 479001600.0);
  p = step(p, r, 1.0 / 39916800.0);
  p = step(p, r, 1.0 / 3628800.0);
  p = step(p, r, 1.0 / 362880.0);
  p = step(p, r, 1.0 / 40320.0);
  p = step(p, r, 1.0 / 5040.0);
  p = step(p, r, 1.0 / 720.0);
  p = step(p, r, 1.0 / 120.0);
  p = step(p, r, 1.0 / 24.0);
  p = step(p, r, 1.0 / 6.0);
  p = step(p, r, 0.5);
  p = step(p, r, 1.0);
  p = step(p, r, 1.0);
  // The low bits of `shifted` are k; what is above falls off.
  const auto exponent = hn::Add(hn::BitCast(du, shifted), hn::Set(du, 1023));
  const auto scaled = hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<52>(exponent)));
  return hn::IfThenElseZero(hn::Ge(x, hn::Set(d, -708.0)), scaled);
}

HWY_INLINE VecF64 exact_log(VecF64 x) {
  const F64 d;
  const U64 du;
  const I64 di;
  const auto one = hn::Set(d, 1.0);
  const auto bits = hn::BitCast(du, x);
  const auto offset = hn::Sub(bits, hn::Set(du, 0x3fe6a09e667f3bcdULL));
  const auto exponent = hn::ShiftRight<52>(hn::BitCast(di, offset));
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<52>(hn::BitCast(du, exponent))));
  // A small integer to double: put into the low bits of 1.5 * 2^52.
  const auto shift = hn::Set(d, 6755399441055744.0);
  const auto k = hn::Sub(hn::BitCast(d, hn::Add(exponent, hn::BitCast(di, shift))), shift);
  const auto f = hn::Div(hn::Sub(m, one), hn::Add(m, one));
  const auto s = hn::Mul(f, f);
  auto p = hn::Set(d, 1.0 / 21.0);
  p = step(p, s, 1.0 / 19.0);
  p = step(p, s, 1.0 / 17.0);
  p = step(p, s, 1.0 / 15.0);
  p = step(p, s, 1.0 / 13.0);
  p = step(p, s, 1.0 / 11.0);
  p = step(p, s, 1.0 / 9.0);
  p = step(p, s, 1.0 / 7.0);
  p = step(p, s, 1.0 / 5.0);
  p = step(p, s, 1.0 / 3.0);
  const auto two = hn::Set(d, 2.0);
  const auto tail = hn::Mul(f, hn::Mul(p, s));
  const auto low = hn::Add(hn::Mul(two, tail), hn::Mul(k, hn::Set(d, 1.90821492927058770002e-10)));
  return hn::Add(hn::Mul(k, hn::Set(d, 6.93147180369123816490e-01)), hn::Add(hn::Mul(two, f), low));
}

HWY_INLINE VecF64 exact_sigmoid(VecF64 x) {
  const auto one = hn::Set(F64(), 1.0);
  return hn::Div(one, hn::Add(one, exact_exp(hn::Neg(x))));
}

}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#endif
