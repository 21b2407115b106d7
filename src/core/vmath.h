// Elementary functions that a compiler can vectorise: straight-line, no branches, no tables, no calls.
//
// Everything here has internal linkage and is compiled once per instruction-set level (see rows.h).

#pragma once

#include <cstdint>
#include <cstring>

namespace xent {
namespace {

// a * b + c, fused where the level has the instruction. Contraction is off everywhere else (-ffp-contract=off), so
// that an expression such as `scale * x - max` is exactly 0 at the maximum.
inline double mul_add(double a, double b, double c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

inline uint64_t bits_of(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline double from_bits(uint64_t bits) {
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

constexpr double kLn2High = 0x1.62e42fefa3800p-1;  // its last 11 bits are 0: an exponent times it is exact
constexpr double kLn2Low = 0x1.ef35793c76730p-45;

// e^x for x <= 0, within 1.1 ulp down to the smallest denormal; exactly 1 at 0 and 0 at -inf; NaN stays NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, and e^r = 1 + r + r² q(r) with q of degree 9 (Chebyshev, relative error 2^-55.8).
inline double exp_nonpositive(double x) {
    constexpr double kLog2e = 0x1.71547652b82fep+0;
    constexpr double kShift = 0x1.8p52;  // adding it rounds to an integer, left in the low bits
    constexpr double kZero = -745.2;  // below it the result is 0

    const bool zero = x < kZero;  // not so for NaN
    x = zero ? kZero : x;
    const double shifted = mul_add(x, kLog2e, kShift);
    const double n = shifted - kShift;
    const double r = mul_add(n, -kLn2Low, mul_add(n, -kLn2High, x));

    const double r2 = r * r;
    const double r4 = r2 * r2;
    const double q01 = mul_add(r, 0x1.5555555555556p-3, 0x1.0000000000001p-1);
    const double q23 = mul_add(r, 0x1.11111111109b3p-7, 0x1.5555555553d63p-5);
    const double q45 = mul_add(r, 0x1.a01a01a7c41d5p-13, 0x1.6c16c1788bd90p-10);
    const double q67 = mul_add(r, 0x1.71de0dae63bb3p-19, 0x1.a019b90d2ae7ap-16);
    const double q89 = mul_add(r, 0x1.af38a9b0ec855p-26, 0x1.289185613a3d6p-22);
    const double q47 = mul_add(r2, q67, q45);
    const double q = mul_add(r4, mul_add(r4, q89, q47), mul_add(r2, q23, q01));
    const double e = 1.0 + mul_add(r2, q, r);

    // n goes down to -1075: scale by 2^(n + 128), which is normal, and let a last product round to a denormal. That
    // product is with 0 where the result is 0, since processors take a hundred cycles to underflow.
    const double power = from_bits((bits_of(shifted) + (1023 + 128)) << 52);
    return e * power * (zero ? 0.0 : 0x1p-128);
}

// log(1 + x) for 0 <= x < 2^52, within 1 ulp; NaN stays NaN.
//
// 1 + x, rounded to u, is 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); what rounding lost is added as lost / u.
// log(1 + f) = 2 atanh(s) with s = f / (2 + f), its series beyond 2s being s³ p(s²) with p of degree 6 (relative error
// 2^-57.5), and is written as f - (f²/2 - s (f²/2 + s² p(s²))) because f is exact.
inline double log1p_nonnegative(double x) {
    constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;

    const double u = 1.0 + x;
    const double lost = x < 1.0 ? x - (u - 1.0) : 1.0 - (u - x);
    const uint64_t exponent = (bits_of(u) - kSqrtHalf) >> 52;
    const double k = from_bits(exponent | bits_of(0x1p52)) - 0x1p52;
    const double f = from_bits(bits_of(u) - (exponent << 52)) - 1.0;

    const double s = f / (2.0 + f);
    const double s2 = s * s;
    const double s4 = s2 * s2;
    const double p01 = mul_add(s2, 0x1.9999999995273p-2, 0x1.5555555555558p-1);
    const double p23 = mul_add(s2, 0x1.c71c62d5e53e0p-3, 0x1.2492492dfd86cp-2);
    const double p45 = mul_add(s2, 0x1.39fdcceb4bb45p-3, 0x1.7462b91b8df65p-3);
    const double p = mul_add(s4, mul_add(s4, mul_add(s4, 0x1.2b5f68a50d903p-3, p45), p23), p01);
    const double half_square = 0.5 * f * f;
    const double low = mul_add(s, mul_add(s2, p, half_square), mul_add(k, kLn2Low, lost / u));
    return mul_add(k, kLn2High, f - (half_square - low));
}

}  // namespace
}  // namespace xent
