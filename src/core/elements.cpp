// Binary decisions, one an element: cross-entropy, focal and asymmetric loss of sigmoid logits, their sum or their
// gradient. They are one family of curves; everything is computed in double.
//
// The rules of rows.cpp hold here too.

#include "kernels.h"
#include "storage.h"
#include "vmath.h"

namespace xent {
namespace {

// Of one element with logit z: nll of either label, and the probabilities p = σ(z) and q = 1 - p, with all their
// digits.
struct Decision {
    double nll_positive, nll_negative, p, q;
};

inline Decision decide(double z) {
    const double size = z < 0.0 ? -z : z;
    const double u = exp_nonpositive(-size), log_sum = log1p_nonnegative(u);
    const double large = 1.0 / (1.0 + u), small = u * large;
    const bool positive = z > 0.0;
    return {positive ? log_sum : log_sum + size, positive ? log_sum + size : log_sum, positive ? large : small,
            positive ? small : large};
}

inline double finite(double nll) { return nll > 800.0 ? 800.0 : nll; }  // p is 0 there: 0 · 800, not 0 · inf

// A loss f(nll) and its derivative by z, both per unit of the label's coefficient.
struct Curve {
    double value, slope;
};

enum class Kind { cross_entropy, squares, powers, margin };

// The positive label: q^γ nll, where q^γ = exp(-γ nll_negative).
template <Kind kKind>
inline Curve positive_curve(const Decision& at, double gamma) {
    if (kKind == Kind::cross_entropy) return {at.nll_positive, -at.q};
    const double power = kKind == Kind::squares ? at.q * at.q : exp_nonpositive(-gamma * at.nll_negative);
    const double factor = gamma == 0.0 ? 1.0 : power;
    return {factor * at.nll_positive, -factor * (at.q + gamma * at.p * finite(at.nll_positive))};
}

// The negative label: r^γ · -log(1 - r) with r = max(p - margin, 0).
template <Kind kKind>
inline Curve negative_curve(const Decision& at, double gamma, double margin) {
    if (kKind == Kind::cross_entropy) return {at.nll_negative, at.p};
    if (kKind == Kind::margin) {
        const bool inside = !(at.p <= margin);  // so is NaN, which stays NaN
        const double r = inside ? at.p - margin : 0.5, rest = inside ? at.q + margin : 0.5;
        const double shifted = log1p_nonnegative(r / rest);
        const double log_r = -at.nll_positive - log1p_nonnegative(margin / r);
        const double power = gamma == 0.0 ? 1.0 : exp_nonpositive(gamma * (inside ? log_r : 0.0));
        const double slope = at.p * at.q * power * (gamma * shifted / r + 1.0 / rest);
        return {inside ? power * shifted : 0.0, inside ? slope : 0.0};
    }
    const double power = kKind == Kind::squares ? at.p * at.p : exp_nonpositive(-gamma * at.nll_positive);
    const double factor = gamma == 0.0 ? 1.0 : power;
    return {factor * at.nll_negative, factor * (at.p + gamma * at.q * finite(at.nll_negative))};
}

// What the elements of one part are made of, and what becomes of them.
struct Part {
    double* z;  // becomes the gradient, or else the value
    const double* target;
    const double* positive_weight;
    const double* weight;
    const double* live;  // 1 where an element takes part, else 0
    ptrdiff_t count;
};

template <Kind kKind, bool kGradient>
[[gnu::noinline]] void evaluate(const ElementsTask& task, const Part& part) {
    const double keep = 1.0 - task.smoothing, spread = 0.5 * task.smoothing;
    const double positive_factor = task.positive_factor, negative_factor = task.negative_factor;
    const double gamma_positive = task.gamma_positive, gamma_negative = task.gamma_negative, margin = task.margin;
    const double scale = task.scale, upstream = task.upstream * task.scale;
    double* __restrict z = part.z;
    const double* __restrict target = part.target;
    const double* __restrict positive_weight = part.positive_weight;
    const double* __restrict weights = part.weight;
    const double* __restrict live = part.live;
    const ptrdiff_t count = part.count;
#pragma omp simd
    for (ptrdiff_t k = 0; k < count; ++k) {
        const double t = keep * target[k] + spread;
        const double one = positive_factor * positive_weight[k] * t;
        const double zero = negative_factor * (keep * (1.0 - target[k]) + spread);
        const double weight = live[k] == 0.0 ? 0.0 : weights[k];
        const Decision at = decide(scale * z[k]);
        const Curve positive = positive_curve<kKind>(at, gamma_positive);
        const Curve negative = negative_curve<kKind>(at, gamma_negative, margin);
        // What has no coefficient is left out: it may be infinite.
        if (kGradient) {
            const double slope =
                (one == 0.0 ? 0.0 : one * positive.slope) + (zero == 0.0 ? 0.0 : zero * negative.slope);
            z[k] = weight == 0.0 ? 0.0 : upstream * (weight * slope);
        } else {
            const double value =
                (one == 0.0 ? 0.0 : one * positive.value) + (zero == 0.0 ? 0.0 : zero * negative.value);
            z[k] = weight == 0.0 ? 0.0 : weight * value;
        }
    }
}

template <bool kGradient>
void choose(const ElementsTask& task, const Part& part) {
    if (task.margin > 0.0) return evaluate<Kind::margin, kGradient>(task, part);
    if (task.gamma_positive == 0.0 && task.gamma_negative == 0.0)
        return evaluate<Kind::cross_entropy, kGradient>(task, part);
    if (task.gamma_positive == 2.0 && task.gamma_negative == 2.0) return evaluate<Kind::squares, kGradient>(task, part);
    evaluate<Kind::powers, kGradient>(task, part);
}

template <class Real>
void read(DType dtype, const void* from, ptrdiff_t start, ptrdiff_t count, Real* out) {
    with_type(dtype, [&](auto type) {
        const auto* x = static_cast<const decltype(type)*>(from) + start;
#pragma omp simd
        for (ptrdiff_t k = 0; k < count; ++k) out[k] = static_cast<Real>(widen(x[k]));
    });
}

void write(const double* values, DType dtype, void* to, ptrdiff_t start, ptrdiff_t count) {
    with_type(dtype, [&](auto type) {
        auto* out = static_cast<decltype(type)*>(to) + start;
#pragma omp simd
        for (ptrdiff_t k = 0; k < count; ++k) narrow(values[k], out[k]);
    });
}

}  // namespace

namespace XENT_LEVEL {

void elements(const ElementsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t size = task.part_rows * task.n_labels;
    double* memory = static_cast<double*>(__builtin_malloc(static_cast<size_t>(5 * size) * sizeof(double)));
    double *z = memory, *target = z + size, *weight = target + size, *positive_weight = weight + size,
           *live = positive_weight + size;
    for (ptrdiff_t k = 0; k < size; ++k) {
        positive_weight[k] = task.positive_weight ? task.positive_weight[k % task.n_labels] : 1.0;
        live[k] = 1.0;
    }
    for (ptrdiff_t i = begin; i < end; ++i) {
        const ptrdiff_t first_row = i * task.part_rows, rows_left = task.n_rows - first_row;
        const ptrdiff_t n_rows = rows_left < task.part_rows ? rows_left : task.part_rows;
        const ptrdiff_t start = first_row * task.n_labels, count = n_rows * task.n_labels;
        read(task.dtype, task.logits, start, count, z);
        if (task.target_is_byte) {
            const uint8_t* t = static_cast<const uint8_t*>(task.target) + start;
            for (ptrdiff_t k = 0; k < count; ++k) target[k] = t[k];
        } else {
            read(task.target_dtype, task.target, start, count, target);
        }
        if (i == begin || task.row_weight)
            for (ptrdiff_t row = 0, k = 0; row < n_rows; ++row)
                for (ptrdiff_t label = 0; label < task.n_labels; ++label, ++k)
                    weight[k] = (task.weight ? task.weight[label] : 1.0) *
                                (task.row_weight ? task.row_weight[first_row + row] : 1.0);
        if (task.live) {
            const uint8_t* take_part = task.live + start;
            for (ptrdiff_t k = 0; k < count; ++k) live[k] = take_part[k] ? 1.0 : 0.0;
            for (ptrdiff_t k = 0; k < count; ++k) target[k] = take_part[k] ? target[k] : 0.0;
        }
        const Part part{z, target, positive_weight, weight, live, count};
        if (task.dlogits) {
            choose<true>(task, part);
            write(z, task.dtype, task.dlogits, start, count);
            continue;
        }
        choose<false>(task, part);
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t k = 0; k < count; ++k) sum += z[k];
        task.sums[i] = sum;
    }
    __builtin_free(memory);
}

}  // namespace XENT_LEVEL
}  // namespace xent
