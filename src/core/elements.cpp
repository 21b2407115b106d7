// Binary decisions, one an element: cross-entropy, focal and asymmetric loss of sigmoid logits, their sum and, in the
// same pass, their gradient. They are one family of curves.
//
// Stored floats and halves are computed in float, in ways that keep all digits of what is nearly 0: the probability of
// the label that a confident logit speaks against, and the loss of the other one. Below e^-86 these are 0, and so are
// gradients that float could only say as a denormal number. Sums are in double.
//
// The rules of rows.cpp hold here too.

#include "kernels.h"
#include "storage.h"
#include "vmath.h"

namespace xent {
namespace {

// How (1 - p_label)^γ is found: not at all, as a product (γ of 2; any whole γ up to 7), or as exp(γ log(1 - p_label)).
enum class Power { none, square, whole, any };

template <class Real>
struct Limits;

template <>
struct Limits<float> {
    using Bits = uint32_t;
    static constexpr Bits kSign = Bits{1} << 31;
    static constexpr float kLowest = -86.0f;       // of the exponent of what is not 0
    static constexpr float kSmallest = 0x1p-126f;  // normal number
};

template <>
struct Limits<double> {
    using Bits = uint64_t;
    static constexpr Bits kSign = Bits{1} << 63;
    static constexpr double kLowest = -708.0;
    static constexpr double kSmallest = 0x1p-1022;
};

inline double exp_nonpositive(double x, double, double) { return exp_nonpositive(x); }

inline double log1p_fraction(double x) { return log1p_nonnegative(x); }

inline bool is_whole(double gamma) {
    return gamma >= 0.0 && gamma <= 7.0 && gamma == static_cast<double>(static_cast<int>(gamma));
}

// What is known of one label, in the type that is computed in.
template <class Real>
struct Label {
    Real by_target, constant;           // its coefficient is by_target · (t or 1 - t) + constant
    Real gamma, gamma_low;              // their sum is γ
    typename Limits<Real>::Bits whole;  // γ where it is whole
    Real most;  // |z| beyond which (1 - p)^γ times what it is multiplied with is 0 where it is small

    Label(double factor, double gamma_, double keep, double spread)
        : by_target(static_cast<Real>(factor * keep)),
          constant(static_cast<Real>(factor * spread)),
          gamma(static_cast<Real>(gamma_)),
          gamma_low(static_cast<Real>(gamma_ - static_cast<double>(gamma))),
          whole(is_whole(gamma_) ? static_cast<typename Limits<Real>::Bits>(gamma_) : 0),
          most(static_cast<Real>(-Limits<Real>::kLowest / (1.0 + gamma_))) {}
};

template <class Real>
struct Curves {
    Label<Real> positive, negative;
    Real margin;
    Real scale, scale_low;
    Real upstream, least;  // a slope that is smaller has the gradient 0

    explicit Curves(const ElementsTask& task)
        : positive(task.positive_factor, task.gamma_positive, 1.0 - task.smoothing, 0.5 * task.smoothing),
          negative(task.negative_factor, task.gamma_negative, 1.0 - task.smoothing, 0.5 * task.smoothing),
          margin(static_cast<Real>(task.margin)),
          scale(static_cast<Real>(task.scale)),
          scale_low(static_cast<Real>(task.scale - static_cast<double>(scale))),
          upstream(static_cast<Real>(task.upstream * task.scale)),
          least(Limits<Real>::kSmallest / (upstream < 0 ? -upstream : upstream)) {}
};

// Elements side by side; their number is a multiple of kLanes. A plain block has neither weights nor a scale.
template <class Real>
struct Block {
    const Real* z;
    const Real* target;
    const Real* positive_weight;
    const Real* weight;  // 0 where an element takes no part
    Real* dlogits;
    ptrdiff_t count;
};

// Choices among lanes, said in bits: compilers make branches of `?:`, and of branches that depend on one another copies
// of what follows them.
template <class Real>
using Mask = typename Limits<Real>::Bits;  // all its bits, or none

inline float of_bits(uint32_t bits) { return float_from_bits(bits); }

inline double of_bits(uint64_t bits) { return from_bits(bits); }

template <class Real>
inline Mask<Real> mask(bool condition) {
    return Mask<Real>{0} - static_cast<Mask<Real>>(condition);
}

template <class Real>
inline Real choose(Mask<Real> first, Real x, Real y) {
    return of_bits((first & bits_of(x)) | (~first & bits_of(y)));
}

// x, or 0.
template <class Real>
inline Real only(Mask<Real> kept, Real x) {
    return of_bits(kept & bits_of(x));
}

// x · y, which is 0 where x is, be y infinite or NaN.
template <class Real>
inline Real times(Real x, Real y) {
    return only(mask<Real>(x != 0), x * y);
}

template <class Real>
inline Real whole_power(Real x, Mask<Real> n) {
    // Each square is taken only where it is needed: it may underflow.
    const Real square = choose(mask<Real>((n & 6) != 0), x, Real{1});
    const Real two = square * square;
    const Real of_two = choose(mask<Real>((n & 2) != 0), two, Real{1});
    const Real of_four = choose(mask<Real>((n & 4) != 0), two, Real{1});
    return choose(mask<Real>((n & 1) != 0), x, Real{1}) * of_two * (of_four * of_four);
}

// (1 - p)^γ of the label that the logit speaks for: p_other^γ, with log p_other = -(size + low + log_sum).
template <class Real>
inline Real small_power(Real gamma, Real gamma_low, Real size, Real low, Real log_sum) {
    // Neither product nor sum may round: the exponent is as large as the relative error is.
    const Real product = gamma * size, term = gamma * log_sum, exponent = product + term;
    const Real lost = mul_add(gamma, size, -product) + mul_add(gamma, low, gamma_low * size);
    const Real lowest = Limits<Real>::kLowest * gamma / (gamma + 1);
    const Real power = exp_nonpositive(-exponent, -(lost + ((product - exponent) + term)), lowest);
    return choose(mask<Real>(gamma == 0), Real{1}, power);
}

// A scaled logit: its sign, its size, and what rounding lost of the size.
template <class Real>
struct Logit {
    Mask<Real> sign;
    Real size, low;
};

template <bool kPlain, class Real>
inline Logit<Real> logit_of(const Curves<Real>& with, Real z) {
    const Real scaled = kPlain ? z : with.scale * z;
    const Mask<Real> sign = bits_of(scaled) & Limits<Real>::kSign;
    const Real lost = kPlain ? Real{0} : mul_add(with.scale, z, -scaled) + with.scale_low * z;
    return {sign, of_bits(bits_of(scaled) ^ sign), kPlain ? Real{0} : of_bits(bits_of(lost) ^ sign)};
}

template <class Real, Power kPower, bool kMargin, bool kPlain, bool kGradient>
[[gnu::noinline]] double evaluate(const Curves<Real>& curves, const Block<Real>& block) {
    const Curves<Real> with = curves;
    const Label<Real>&positive = with.positive, &negative = with.negative;
    const Real* __restrict z = block.z;
    const Real* __restrict target = block.target;
    const Real* __restrict positive_weight = block.positive_weight;
    const Real* __restrict weights = block.weight;
    Real* __restrict dlogits = block.dlogits;
    const ptrdiff_t count = block.count & -kLanes;
    double sum = 0.0;
    // The exponentials come first: all that is done to an element takes longer than a processor looks ahead, and its two
    // halves together a third less.
    alignas(64) Real exponentials[kElements];
#pragma omp simd
    for (ptrdiff_t k = 0; k < count; ++k) {
        const Logit<Real> logit = logit_of<kPlain>(with, z[k]);
        exponentials[k] = exp_nonpositive(-logit.size, -logit.low, Limits<Real>::kLowest);
    }
#pragma omp simd reduction(+ : sum)
    for (ptrdiff_t k = 0; k < count; ++k) {
        const Real t = target[k];
        Real one = mul_add(t, positive.by_target, positive.constant);
        const Real zero = mul_add(Real{1} - t, negative.by_target, negative.constant);
        if (!kPlain) one *= positive_weight[k];

        const Logit<Real> logit = logit_of<kPlain>(with, z[k]);
        const Real size = logit.size;
        const Mask<Real> below = mask<Real>(logit.sign != 0);
        const Real u = exponentials[k], log_sum = log1p_fraction(u);
        const Real large = Real{1} / (Real{1} + u), small = u * large;

        // The logit speaks for one of the labels, whose loss is log_sum; that of the other one is other_nll.
        const Real other_nll = size + log_sum;
        Real value, slope;
        if (!kMargin) {
            const Real likely = choose(below, zero, one), other = choose(below, one, zero);
            Real against;
            if (kPower == Power::none) {
                value = mul_add(likely + other, log_sum, times(other, size));
                against = other * large - likely * small;
            } else {
                const Real gamma = kPower == Power::square ? Real{2} : choose(below, negative.gamma, positive.gamma);
                const Real other_gamma =
                    kPower == Power::square ? Real{2} : choose(below, positive.gamma, negative.gamma);
                Real power, other_power;
                if (kPower == Power::any) {
                    const Real gamma_low = choose(below, negative.gamma_low, positive.gamma_low);
                    power = small_power(gamma, gamma_low, size, logit.low, log_sum);
                    other_power = exp_nonpositive(-other_gamma * log_sum, Real{0}, Limits<Real>::kLowest);
                } else {
                    const Real most =
                        kPower == Power::square ? positive.most : choose(below, negative.most, positive.most);
                    const Real base = only(mask<Real>(!(size > most)), small);
                    const Mask<Real> whole = (below & negative.whole) | (~below & positive.whole);
                    const Mask<Real> other_whole = (below & positive.whole) | (~below & negative.whole);
                    power = kPower == Power::square ? base * base : whole_power(base, whole);
                    other_power = kPower == Power::square ? large * large : whole_power(large, other_whole);
                }
                value = mul_add(likely, power * log_sum, times(other, other_power * other_nll));
                const Real by_likely = power * mul_add(gamma * large, log_sum, small);
                const Real by_other = other_power * mul_add(other_gamma, times(small, other_nll), large);
                against = other * by_other - likely * by_likely;
            }
            slope = of_bits(bits_of(against) ^ logit.sign);
        } else {
            const Real p = choose(below, small, large), q = choose(below, large, small);
            Real power;
            if (kPower == Power::any) {
                const Real exponent = positive.gamma * choose(below, log_sum, other_nll);
                power = choose(mask<Real>(positive.gamma == 0), Real{1}, exp_nonpositive(-exponent, Real{0}, Real{0}));
            } else {
                power = whole_power(only(below | mask<Real>(!(size > positive.most)), q), positive.whole);
            }
            const Real nll = choose(below, other_nll, log_sum);
            const Real of_one = times(one, power * nll);
            const Real by_one = power * mul_add(positive.gamma, times(p, nll), q);

            // The negative label: r^γ · -log(1 - r) with r = max(p - margin, 0).
            const Real beyond = p - with.margin;
            const Mask<Real> inside = mask<Real>(!(beyond <= 0));  // so is NaN, which stays NaN
            const Real r = choose(inside, beyond, Real{0.5}), rest = choose(inside, q + with.margin, Real{0.5});
            const Real by_rest = Real{1} / rest, shifted = log1p_nonnegative(r * by_rest);
            Real shifted_power;
            if (kPower == Power::any) {
                const Real log_r = only(inside, -nll - log1p_nonnegative(with.margin / r));
                const Real found = exp_nonpositive(negative.gamma * log_r, Real{0}, Real{0});
                shifted_power = choose(mask<Real>(negative.gamma == 0), Real{1}, found);
            } else {
                shifted_power = whole_power(r, negative.whole);
            }
            const Real by_zero = large * small * shifted_power * (negative.gamma * shifted / r + by_rest);
            value = of_one + only(inside, zero * (shifted_power * shifted));
            slope = only(inside, zero * by_zero) - one * by_one;
        }

        // Where neither label has a part, the logit may be NaN.
        const Mask<Real> asked = mask<Real>(one != 0) | mask<Real>(zero != 0);
        value = only(asked, value);
        slope = only(asked, slope);
        if (!kPlain) {
            value = times(weights[k], value);
            slope = times(weights[k], slope);
        }
        sum += static_cast<double>(value);
        if (kGradient) {
            const Real steepness = of_bits(bits_of(slope) & ~Limits<Real>::kSign);
            dlogits[k] = only(mask<Real>(!(steepness < with.least)), with.upstream * slope);
        }
    }
    return sum;
}

template <class Real, Power kPower, bool kMargin>
double evaluate(const Curves<Real>& curves, const Block<Real>& block, bool is_plain) {
    // Doubles are never plain, which would be compiled for little.
    constexpr bool kPlain = sizeof(Real) == sizeof(float);
    if (kPlain && is_plain)
        return block.dlogits ? evaluate<Real, kPower, kMargin, kPlain, true>(curves, block)
                             : evaluate<Real, kPower, kMargin, kPlain, false>(curves, block);
    return block.dlogits ? evaluate<Real, kPower, kMargin, false, true>(curves, block)
                         : evaluate<Real, kPower, kMargin, false, false>(curves, block);
}

inline Power power_of(const ElementsTask& task) {
    if (!is_whole(task.gamma_positive) || !is_whole(task.gamma_negative)) return Power::any;
    if (task.margin > 0.0) return Power::whole;
    if (task.gamma_positive == 0.0 && task.gamma_negative == 0.0) return Power::none;
    return task.gamma_positive == 2.0 && task.gamma_negative == 2.0 ? Power::square : Power::whole;
}

double evaluate_block(const ElementsTask& task, const Curves<float>& curves, const Block<float>& block, bool is_plain) {
    if (task.margin > 0.0) return evaluate<float, Power::whole, true>(curves, block, is_plain);
    switch (power_of(task)) {
        case Power::none:
            return evaluate<float, Power::none, false>(curves, block, is_plain);
        case Power::square:
            return evaluate<float, Power::square, false>(curves, block, is_plain);
        case Power::whole:
            return evaluate<float, Power::whole, false>(curves, block, is_plain);
        case Power::any:
            break;
    }
    return evaluate<float, Power::any, false>(curves, block, is_plain);
}

double evaluate_block(const ElementsTask& task, const Curves<double>& curves, const Block<double>& block, bool) {
    if (task.margin > 0.0) return evaluate<double, Power::any, true>(curves, block, false);
    switch (power_of(task)) {
        case Power::none:
            return evaluate<double, Power::none, false>(curves, block, false);
        case Power::square:
        case Power::whole:
            return evaluate<double, Power::whole, false>(curves, block, false);
        case Power::any:
            break;
    }
    return evaluate<double, Power::any, false>(curves, block, false);
}

// Return where `count` numbers from `start` on are, as Real and padded with zeros up to whole vectors.
template <class Real, class T>
const Real* padded(const T* from, ptrdiff_t start, ptrdiff_t count, Real* scratch) {
    from += start;
#pragma omp simd
    for (ptrdiff_t k = 0; k < count; ++k) scratch[k] = static_cast<Real>(widen(from[k]));
    for (ptrdiff_t k = count; k < round_up(count); ++k) scratch[k] = 0;
    return scratch;
}

template <class Real>
const Real* padded(const Real* from, ptrdiff_t start, ptrdiff_t count, Real* scratch) {
    return count % kLanes == 0 ? from + start : padded<Real, Real>(from, start, count, scratch);
}

// Return where a block's gradient is best written: where it belongs, or at hand if it has to be narrowed or cut.
template <class Real, class T>
Real* place(T*, ptrdiff_t, Real* scratch) {
    return scratch;
}

template <class Real>
Real* place(Real* to, ptrdiff_t count, Real* scratch) {
    return count % kLanes == 0 ? to : scratch;
}

// What the elements of a block are multiplied with: row by row, as far as its rows reach into the block.
template <class Real>
void fill_weights(const ElementsTask& task, ptrdiff_t start, ptrdiff_t count, Real* positive_weight, Real* weight) {
    ptrdiff_t row = start / task.n_labels, label = start % task.n_labels;
    for (ptrdiff_t k = 0; k < count; ++row, label = 0) {
        const ptrdiff_t labels_left = task.n_labels - label, left = count - k;
        const ptrdiff_t n = labels_left < left ? labels_left : left;
        const double of_row = task.row_weight ? task.row_weight[row] : 1.0;
        for (ptrdiff_t i = 0; i < n; ++i) {
            positive_weight[k + i] = static_cast<Real>(task.positive_weight ? task.positive_weight[label + i] : 1.0);
            weight[k + i] = static_cast<Real>((task.weight ? task.weight[label + i] : 1.0) * of_row);
        }
        k += n;
    }
    for (ptrdiff_t k = 0; task.live && k < count; ++k) weight[k] = task.live[start + k] ? weight[k] : Real{0};
    for (ptrdiff_t k = count; k < round_up(count); ++k) positive_weight[k] = weight[k] = 0;
}

template <class Real>
void in_blocks(const ElementsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    alignas(64) Real z[kElements], target[kElements], positive_weight[kElements], weight[kElements], dlogits[kElements];
    const Curves<Real> curves(task);
    const bool is_plain = sizeof(Real) == sizeof(float) && task.scale == 1.0 && !task.live && !task.positive_weight &&
                          !task.weight && !task.row_weight;
    for (ptrdiff_t i = begin; i < end; ++i) {
        const ptrdiff_t start = i * kElements, left = task.count - start, count = left < kElements ? left : kElements;
        const bool is_whole = count % kLanes == 0;
        Block<Real> block{nullptr, nullptr, positive_weight, weight, nullptr, round_up(count)};
        with_type(task.dtype, [&](auto type) {
            block.z = padded(static_cast<const decltype(type)*>(task.logits), start, count, z);
        });
        if (task.target_is_byte)
            block.target = padded(static_cast<const uint8_t*>(task.target), start, count, target);
        else
            with_type(task.target_dtype, [&](auto type) {
                block.target = padded(static_cast<const decltype(type)*>(task.target), start, count, target);
            });
        if (!is_plain || !is_whole) fill_weights(task, start, count, positive_weight, weight);
        if (task.dlogits)
            with_type(task.dtype, [&](auto type) {
                block.dlogits = place(static_cast<decltype(type)*>(task.dlogits) + start, count, dlogits);
            });
        task.sums[i] = evaluate_block(task, curves, block, is_plain && is_whole);
        if (block.dlogits == dlogits)
            with_type(task.dtype, [&](auto type) {
                auto* out = static_cast<decltype(type)*>(task.dlogits) + start;
#pragma omp simd
                for (ptrdiff_t k = 0; k < count; ++k) narrow(dlogits[k], out[k]);
            });
    }
}

// What float has too few digits for: a power of a shifted probability that is not whole; and without fused products,
// which tell what a product loses, every other power and every scale.
inline bool fits_float(const ElementsTask& task) {
    if (task.dtype == DType::float64 || (task.target_dtype == DType::float64 && !task.target_is_byte)) return false;
    if (power_of(task) == Power::any && (task.margin > 0.0 || !kFusesProducts)) return false;
    return task.scale == 1.0 || kFusesProducts;
}

}  // namespace

namespace XENT_LEVEL {

void elements(const ElementsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    return fits_float(task) ? in_blocks<float>(task, begin, end) : in_blocks<double>(task, begin, end);
}

}  // namespace XENT_LEVEL
}  // namespace xent
