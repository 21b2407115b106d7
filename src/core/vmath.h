// Elementary functions that a compiler can vectorise: straight-line, no branches, no tables, no calls.
//
// Everything here has internal linkage and is compiled once per instruction-set level (see kernels.h).

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

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
constexpr bool kFusesProducts = true;
#else
constexpr bool kFusesProducts = false;
#endif

inline float mul_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

inline uint64_t bits_of(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline uint32_t bits_of(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline float float_from_bits(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

inline double from_bits(uint64_t bits) {
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

constexpr double kLn2High = 0x1.62e42fefa3800p-1;  // its last 11 bits are 0: an exponent times it is exact
constexpr double kLn2Low = 0x1.ef35793c76730p-45;

// x = n ln 2 + r with |r| <= ln 2 / 2, and e^r - 1 = r + r² q(r) with q of degree 9 (Chebyshev, relative error 2^-55.8).
struct ExpParts {
    uint64_t n;    // in its low bits
    double above;  // e^r - 1

    explicit ExpParts(double x) {
        constexpr double kLog2e = 0x1.71547652b82fep+0;
        constexpr double kShift = 0x1.8p52;  // adding it rounds to an integer, left in the low bits
        const double shifted = mul_add(x, kLog2e, kShift);
        const double whole = shifted - kShift;
        const double r = mul_add(whole, -kLn2Low, mul_add(whole, -kLn2High, x));

        const double r2 = r * r;
        const double r4 = r2 * r2;
        const double q01 = mul_add(r, 0x1.5555555555556p-3, 0x1.0000000000001p-1);
        const double q23 = mul_add(r, 0x1.11111111109b3p-7, 0x1.5555555553d63p-5);
        const double q45 = mul_add(r, 0x1.a01a01a7c41d5p-13, 0x1.6c16c1788bd90p-10);
        const double q67 = mul_add(r, 0x1.71de0dae63bb3p-19, 0x1.a019b90d2ae7ap-16);
        const double q89 = mul_add(r, 0x1.af38a9b0ec855p-26, 0x1.289185613a3d6p-22);
        const double q47 = mul_add(r2, q67, q45);
        const double q = mul_add(r4, mul_add(r4, q89, q47), mul_add(r2, q23, q01));
        n = bits_of(shifted);
        above = mul_add(r2, q, r);
    }
};

// e^x for x <= 0, within 1.1 ulp down to the smallest denormal; exactly 1 at 0 and 0 at -inf; NaN stays NaN.
inline double exp_nonpositive(double x) {
    constexpr double kZero = -745.2;  // below it the result is 0
    const bool zero = x < kZero;      // not so for NaN
    const ExpParts parts(zero ? kZero : x);

    // n goes down to -1075: scale by 2^(n + 128), which is normal, and let a last product round to a denormal. That
    // product is with 0 where the result is 0, since processors take a hundred cycles to underflow.
    const double power = from_bits((parts.n + (1023 + 128)) << 52);
    return (1.0 + parts.above) * power * (zero ? 0.0 : 0x1p-128);
}

// e^x - 1 for x <= 0, within 2 ulp; -1 at -inf; NaN stays NaN. The 1 is taken along last.
inline double expm1_nonpositive(double x) {
    constexpr double kMinusOne = -40.0;  // below it the result is -1
    const bool rounds = x < kMinusOne;
    const ExpParts parts(rounds ? kMinusOne : x);
    const double power = from_bits((parts.n + 1023) << 52);
    return rounds ? -1.0 : mul_add(power, parts.above, power - 1.0);
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

// ---- exponentials relative to a row's largest logit -----------------------------------------------------------------

// exp(scale · (z - top)) times kUnit for z <= top, exactly kUnit at the top, 0 below what a float can say, NaN for NaN.
// What depends on the row alone is found once, by `prepare`; the rest is done for each of its logits, by `at`.
template <class Real>
struct RelativeExp;

template <>
struct RelativeExp<double> {
    static constexpr double kUnit = 1.0;

    struct Row {
        double scale, top;
        bool is_plain() const { return true; }
    };

    // The same of sixteen rows, turned so that a vector holds one number of all of them.
    struct Lanes {
        double scale;
        bool plain;
        alignas(64) double top[16];

        void prepare(double scale_, const double* tops) {
            scale = scale_;
            plain = true;
            for (int i = 0; i < 16; ++i) top[i] = scale * tops[i];
        }
        template <bool kPlain>
        double at(int i, double z) const {
            return exp_nonpositive(scale * z - top[i]);
        }
    };

    static Row prepare(double scale, double top) { return {scale, scale * top}; }

    template <bool kPlain>
    static double at(const Row& row, double z) {
        return exp_nonpositive(row.scale * z - row.top);
    }
};

// In float the difference z - top would round: 1e-6 of a probability of e^-18. So it is not taken: with
//   z = n ln 2 + r  and  top = m ln 2 + offset   (n, m whole numbers, found by the same operations),
//   exp(z - top) = 2^(n - m) exp(r - offset),    |r - offset| <= ln 2,
// only numbers below 1 are rounded. The exponential is 1 + r + r² q(r) with q of degree 5 (relative error 2^-26).
// The factor kUnit keeps what is stored out of the denormal numbers, which are slow and short of digits.
// Rows with another scale, or so large that n ln 2 would lose digits, are not plain: there z - top, which is exact for
// every z that counts if top is large, is taken first, and what rounding loses of a product is added again.
template <>
struct RelativeExp<float> {
    static constexpr double kUnit = 0x1p64;

    struct Row {
        float scale, scale_low, shift, offset, lowest;
        uint32_t exponent;
        bool plain;
        bool is_plain() const { return plain; }
    };

    struct Lanes {
        float scale, scale_low;
        bool plain;
        alignas(64) float shift[16];
        alignas(64) float offset[16];
        alignas(64) float lowest[16];
        alignas(64) uint32_t exponent[16];

        void prepare(double scale_, const double* tops) {
            int not_plain = 0;
#pragma omp simd reduction(+ : not_plain)
            for (int i = 0; i < 16; ++i) not_plain += is_plain(scale_, static_cast<float>(tops[i])) ? 0 : 1;
            plain = not_plain == 0;
#pragma omp simd
            for (int i = 0; i < 16; ++i) {
                // Rows that are not alike take the longer way together: it gives a plain row what its own way gives.
                const Row row = RelativeExp::prepare(scale_, tops[i], is_plain(scale_, static_cast<float>(tops[i])));
                shift[i] = row.shift;
                offset[i] = row.offset;
                lowest[i] = row.lowest;
                exponent[i] = row.exponent;
            }
            scale = static_cast<float>(scale_);
            scale_low = static_cast<float>(scale_ - static_cast<double>(scale));
        }

        template <bool kPlain>
        float at(int i, float z) const {
            return power<kPlain>(z, scale, scale_low, shift[i], offset[i], lowest[i], exponent[i]);
        }
    };

    static constexpr float kLog2e = 0x1.715476p+0f;
    static constexpr float kShift = 0x1.8p23f;  // adding it rounds to an integer, left in the low bits
    static constexpr float kHigh = 0x1.62p-1f;  // of ln 2: few enough bits for its product with an integer to be exact
    static constexpr float kLow = 0x1.c85fep-10f;

    static bool is_plain(double scale, float highest) {
        return (scale == 1.0) & (highest < 256.0f) & (highest > -256.0f);
    }

    static Row prepare(double scale, double top) {
        return prepare(scale, top, is_plain(scale, static_cast<float>(top)));
    }

    static Row prepare(double scale, double top, bool plain) {
        Row row;
        const float highest = static_cast<float>(top);
        row.plain = plain;
        row.scale = static_cast<float>(scale);
        row.scale_low = static_cast<float>(scale - static_cast<double>(row.scale));
        row.shift = plain ? 0.0f : highest;
        const float remaining = plain ? highest : highest - highest;  // NaN where the top is not finite
        const float shifted = mul_add(remaining, kLog2e, kShift);
        const float m = shifted - kShift;
        row.offset = mul_add(m, -kLow, mul_add(m, -kHigh, remaining));
        row.exponent = 127u + 64u - bits_of(shifted);
        row.lowest = remaining - 104.0f;
        return row;
    }

    template <bool kPlain>
    static float at(const Row& row, float z) {
        return power<kPlain>(z, row.scale, row.scale_low, row.shift, row.offset, row.lowest, row.exponent);
    }

    template <bool kPlain>
    static float power(float z, float scale, float scale_low, float shift, float offset, float lowest,
                       uint32_t exponent) {
        float scaled = z, lost = 0.0f;
        if (!kPlain) {
            const float relative = z - shift, subtracted = z - relative;
            const float rounded = (z - (relative + subtracted)) + (subtracted - shift);
            scaled = scale * relative;
            lost = mul_add(scale_low, relative, mul_add(scale, relative, -scaled)) + scale * rounded;
        }
        const float shifted = mul_add(scaled, kLog2e, kShift);
        const float n = shifted - kShift;
        float r = mul_add(n, -kLow, mul_add(n, -kHigh, scaled)) - offset;
        if (!kPlain) r += lost;

        const float two = float_from_bits((bits_of(shifted) + exponent) << 23);
        return scaled < lowest ? 0.0f : near_zero(r) * two;
    }

    // e^r for |r| <= ln 2.
    static float near_zero(float r) {
        const float r2 = r * r;
        const float q01 = mul_add(r, 0x1.55550ep-3f, 0x1.00000cp-1f);
        const float q23 = mul_add(r, 0x1.11284ep-7f, 0x1.554a04p-5f);
        const float q45 = mul_add(r, 0x1.9b48f4p-13f, 0x1.71bd88p-10f);
        const float q = mul_add(r2, mul_add(r2, q45, q23), q01);
        return 1.0f + mul_add(r2, q, r);
    }
};

// ---- in float -------------------------------------------------------------------------------------------------------

// e^(x + low) for x <= 0, where |low| is what rounding lost of x: within 1.5 ulp; 0 where x < lowest, which must not be
// below -87, so that nothing is a denormal number; NaN stays NaN. Done as in RelativeExp<float>.
inline float exp_nonpositive(float x, float low, float lowest) {
    using Exp = RelativeExp<float>;
    const float shifted = mul_add(x, Exp::kLog2e, Exp::kShift);
    const float n = shifted - Exp::kShift;
    const float r = mul_add(n, -Exp::kLow, mul_add(n, -Exp::kHigh, x)) + low;
    const float power = float_from_bits((bits_of(shifted) + 127u) << 23);
    // Said in bits: of `?:` compilers make two ways, and copies of what follows.
    const uint32_t kept = 0u - static_cast<uint32_t>(!(x < lowest));
    return float_from_bits(kept & bits_of(Exp::near_zero(r) * power));
}

// log(1 + x) for 0 <= x <= 1, within 1.5 ulp, as x (1 - x r(x)) with r of degree 8 (relative error 2^-27.5).
inline float log1p_fraction(float x) {
    const float x2 = x * x;
    const float x4 = x2 * x2;
    const float r01 = mul_add(x, -0x1.554dd0p-2f, 0x1.ffffd2p-2f);
    const float r23 = mul_add(x, -0x1.934b54p-3f, 0x1.ff23e6p-3f);
    const float r45 = mul_add(x, -0x1.b4ae20p-4f, 0x1.3a4360p-3f);
    const float r67 = mul_add(x, -0x1.491890p-6f, 0x1.d6b0f4p-5f);
    const float r47 = mul_add(x2, r67, r45);
    const float r = mul_add(x4, mul_add(x4, 0x1.af4bdep-9f, r47), mul_add(x2, r23, r01));
    return x * mul_add(x, -r, 1.0f);
}

// log(1 + x) for 0 <= x < 2^24, within 2 ulp; NaN stays NaN. 1 + x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2),
// and log(1 + f) = f (1 - f r(f)) with r of degree 8 (relative error 2^-27.8).
inline float log1p_nonnegative(float x) {
    constexpr uint32_t kSqrtHalf = 0x3f3504f3;
    const uint32_t exponent = (bits_of(1.0f + x) - kSqrtHalf) >> 23;
    const float k = float_from_bits(exponent | bits_of(0x1p23f)) - 0x1p23f;
    const float part = float_from_bits((127u - exponent) << 23);  // 2^-k
    const float f = part * x + (part - 1.0f);                     // only this sum is rounded

    const float f2 = f * f;
    const float f4 = f2 * f2;
    const float r01 = mul_add(f, -0x1.555550p-2f, 0x1.fffff8p-2f);
    const float r23 = mul_add(f, -0x1.99a41cp-3f, 0x1.000438p-2f);
    const float r45 = mul_add(f, -0x1.226c84p-3f, 0x1.5423e8p-3f);
    const float r67 = mul_add(f, -0x1.087506p-3f, 0x1.0f520ap-3f);
    const float r47 = mul_add(f2, r67, r45);
    const float r = mul_add(f4, mul_add(f4, 0x1.381392p-4f, r47), mul_add(f2, r23, r01));
    const float log = f * mul_add(f, -r, 1.0f);
    return mul_add(k, RelativeExp<float>::kHigh, mul_add(k, RelativeExp<float>::kLow, log));
}

}  // namespace
}  // namespace xent
