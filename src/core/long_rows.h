// Rows whose classes lie side by side, one at a time. Part of rows.cpp, whose rules hold here too.

#pragma once

#include "row_block.h"

namespace xent {
namespace {

constexpr ptrdiff_t kPart = 1024;        // of a row: how many classes are summed in float, or kept in the first cache
constexpr ptrdiff_t kWide = 4 * kLanes;  // several vectors side by side, since each waits for its last result

constexpr ptrdiff_t kAhead = 1 << 18;  // bytes of a row of which the second cache can hold several

struct Top {
    double value;     // the largest, NaN left out
    ptrdiff_t index;  // where it first stands
};

// Where, in steps of kStep from `start`, the first number equal to `value` is near; or how far those steps go.
template <ptrdiff_t kStep, class X, class Real>
ptrdiff_t first_with(const X* x, ptrdiff_t start, ptrdiff_t end, Real value) {
    for (; start + kStep <= end; start += kStep) {
        int32_t any = 0;
#pragma omp simd reduction(| : any)
        for (ptrdiff_t i = 0; i < kStep; ++i) any |= widen(x[start + i]) == value;
        if (any) break;
    }
    return start;
}

template <class X>
[[gnu::noinline]] Top find_top(const X* x, ptrdiff_t count) {
    using Real = RealOf<X>;
    alignas(64) Real lanes[kWide];
    Real top = static_cast<Real>(-kInf);
    ptrdiff_t top_part = 0;
    for (ptrdiff_t start = 0; start < count; start += kPart) {
        const ptrdiff_t end = smaller(start + kPart, count);
        for (ptrdiff_t i = 0; i < kWide; ++i) lanes[i] = static_cast<Real>(-kInf);
        ptrdiff_t k = start;
        for (; k + kWide <= end; k += kWide)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kWide; ++i) lanes[i] = larger<Real>(widen(x[k + i]), lanes[i]);
        for (; k + kLanes <= end; k += kLanes)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) lanes[i] = larger<Real>(widen(x[k + i]), lanes[i]);
        for (ptrdiff_t i = 0; k + i < end; ++i) lanes[i] = larger<Real>(widen(x[k + i]), lanes[i]);
        for (ptrdiff_t width = kWide / 2; width >= kLanes; width /= 2)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) {
                lanes[i] = larger(lanes[i], lanes[i + width]);
                if (width > kLanes) lanes[i + kLanes] = larger(lanes[i + kLanes], lanes[i + kLanes + width]);
            }
        for (ptrdiff_t i = 1; i < kLanes; ++i) lanes[0] = larger(lanes[i], lanes[0]);
        if (lanes[0] > top) {
            top = lanes[0];
            top_part = start;
        }
    }
    const ptrdiff_t end = smaller(top_part + kPart, count);
    ptrdiff_t index = first_with<kWide>(x, top_part, end, top);
    index = first_with<kLanes>(x, index, end, top);
    while (index < end && widen(x[index]) != top) ++index;
    return {static_cast<double>(top), index < end ? index : 0};
}

// Fill e, up to a whole vector, with kUnit · exp(scale · (x_k - top)), and return their sum without the one at
// `without`, in units of kUnit: what is beside the largest may be too small to be seen beside it.
// Meanwhile the memory has nothing to do: it is sent for what lies `ahead` bytes, the row after this.
template <bool kPlain, class X, class Real>
[[gnu::noinline]] double exponentiate_as(const X* x, ptrdiff_t count, const typename RelativeExp<Real>::Row& row_,
                                         ptrdiff_t without, ptrdiff_t ahead, Real* __restrict e) {
    using Exp = RelativeExp<Real>;
    const typename Exp::Row row = row_;
    double total = 0.0;
    for (ptrdiff_t start = 0; start < count; start += kPart) {
        const ptrdiff_t end = smaller(start + kPart, count);
        alignas(64) Real sums[kWide];
        for (ptrdiff_t i = 0; i < kWide; ++i) sums[i] = Real{0};
        ptrdiff_t k = start;
        for (; k + kWide <= end; k += kWide) {
            const char* next = reinterpret_cast<const char*>(x + k) + ahead;
            for (ptrdiff_t byte = 0; byte < kWide * static_cast<ptrdiff_t>(sizeof(X)); byte += 64)
                __builtin_prefetch(next + byte, 0, 2);
            const Real left_out = without - k >= 0 && without - k < kWide ? sums[without - k] : Real{0};
#pragma omp simd
            for (ptrdiff_t i = 0; i < kWide; ++i) {
                const Real power = Exp::template at<kPlain>(row, widen(x[k + i]));
                e[k + i] = power;
                sums[i] += power;
            }
            if (without - k >= 0 && without - k < kWide) sums[without - k] = left_out;
        }
        for (; k < end; k += kLanes) {
            X last[kLanes];
            const X* from = x + k;
            if (k + kLanes > end) {
                for (ptrdiff_t i = 0; i < kLanes; ++i) narrow(static_cast<Real>(-kInf), last[i]);
                for (ptrdiff_t i = 0; k + i < end; ++i) last[i] = x[k + i];
                from = last;
            }
            const Real left_out = without - k >= 0 && without - k < kLanes ? sums[without - k] : Real{0};
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) {
                const Real power = Exp::template at<kPlain>(row, widen(from[i]));
                e[k + i] = power;
                sums[i] += power;
            }
            if (without - k >= 0 && without - k < kLanes) sums[without - k] = left_out;
        }
        alignas(64) double lanes[kLanes];
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i)
            lanes[i] = (static_cast<double>(sums[i]) + static_cast<double>(sums[i + 2 * kLanes])) +
                       (static_cast<double>(sums[i + kLanes]) + static_cast<double>(sums[i + 3 * kLanes]));
        total += fold_sum(lanes);
    }
    return total / Exp::kUnit;
}

template <class X, class Real>
double exponentiate(const X* x, ptrdiff_t count, const typename RelativeExp<Real>::Row& row, Real* e,
                    ptrdiff_t without = -1, ptrdiff_t ahead = 0) {
    return row.is_plain() ? exponentiate_as<true>(x, count, row, without, ahead, e)
                          : exponentiate_as<false>(x, count, row, without, ahead, e);
}

// Σ coef_k (x_k - top), where 0 · (-inf) is 0.
template <class X, class C>
[[gnu::noinline]] double dot(const X* x, const C* coef, ptrdiff_t count, double top) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (ptrdiff_t k = 0; k < count; ++k) {
        const double c = static_cast<double>(widen(coef[k]));
        const double product = c * (static_cast<double>(widen(x[k])) - top);
        sum += c == 0.0 ? 0.0 : product;
    }
    return sum;
}

template <class X>
[[gnu::noinline]] double sum_relative(const X* x, ptrdiff_t count, double top) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (ptrdiff_t k = 0; k < count; ++k) sum += static_cast<double>(widen(x[k])) - top;
    return sum;
}

// Σ e_k (x_k - top), where 0 · (-inf) is 0.
template <class X, class Real>
[[gnu::noinline]] double weighed_sum(const X* x, const Real* e, ptrdiff_t count, double top) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (ptrdiff_t k = 0; k < count; ++k) {
        const double weight = static_cast<double>(e[k]);
        const double product = weight * (static_cast<double>(widen(x[k])) - top);
        sum += weight == 0.0 ? 0.0 : product;
    }
    return sum / RelativeExp<Real>::kUnit;
}

template <class X>
bool holds_nan(const X* x, ptrdiff_t count) {
    bool any = false;
    for (ptrdiff_t k = 0; k < count; ++k) any |= widen(x[k]) != widen(x[k]);
    return any;
}

// out = factor · e / kUnit + term. The unit is taken out first: a small factor would take float to its denormals.
template <class Real, class T>
[[gnu::noinline]] void write_affine(const Real* e, ptrdiff_t count, double factor_, double term_, T* out) {
    const Real factor = static_cast<Real>(factor_), term = static_cast<Real>(term_);
    constexpr Real kDown = static_cast<Real>(1.0 / RelativeExp<Real>::kUnit);
#pragma omp simd
    for (ptrdiff_t k = 0; k < count; ++k) narrow_number(mul_add(factor, kDown * e[k], term), out[k]);
}

// values += factor · coef.
template <class C, class Real>
[[gnu::noinline]] void add_multiple(double factor_, const C* coef, ptrdiff_t count, Real* values) {
    const Real factor = static_cast<Real>(factor_);
#pragma omp simd
    for (ptrdiff_t k = 0; k < count; ++k) values[k] = mul_add(factor, static_cast<Real>(widen(coef[k])), values[k]);
}

// Copy numbers that lie `stride` bytes apart.
template <class Real>
[[gnu::noinline]] void gather(DType dtype, const char* from, ptrdiff_t stride, ptrdiff_t count, Real* out) {
    with_type(dtype, [&](auto type) {
        using T = decltype(type);
        if (stride == static_cast<ptrdiff_t>(sizeof(T))) {
            const T* x = reinterpret_cast<const T*>(from);
#pragma omp simd
            for (ptrdiff_t k = 0; k < count; ++k) out[k] = static_cast<Real>(widen(x[k]));
        } else {
            for (ptrdiff_t k = 0; k < count; ++k)
                out[k] = static_cast<Real>(widen(*reinterpret_cast<const T*>(from + k * stride)));
        }
    });
}

template <class Real>
[[gnu::noinline]] void scatter(const Real* values, ptrdiff_t count, DType dtype, char* to, ptrdiff_t stride) {
    with_type(dtype, [&](auto type) {
        using T = decltype(type);
        if (stride == static_cast<ptrdiff_t>(sizeof(T))) {
            T* out = reinterpret_cast<T*>(to);
#pragma omp simd
            for (ptrdiff_t k = 0; k < count; ++k) narrow(values[k], out[k]);
        } else {
            for (ptrdiff_t k = 0; k < count; ++k) narrow(values[k], *reinterpret_cast<T*>(to + k * stride));
        }
    });
}

void clear_row(const MutableView& out, ptrdiff_t i) {
    char* to = row_of(out, i);
    const ptrdiff_t size = element_size(out.dtype);
    if (out.class_stride == size) {
        __builtin_memset(to, 0, static_cast<size_t>(out.n_classes * size));
    } else {
        for (ptrdiff_t k = 0; k < out.n_classes; ++k)
            __builtin_memset(to + k * out.class_stride, 0, static_cast<size_t>(size));
    }
}

// One row whose logits x lie side by side, as they are stored or copied out as Real; z' = scale · x. `e` has room for
// the row, `part` for kPart numbers.
template <class X>
struct LongRow {
    using Real = RealOf<X>;
    using Exp = RelativeExp<Real>;

    const RowsTask& task;
    const X* x;
    double scale;
    Real* e;
    Real* part;

    ptrdiff_t i;  // which row it is
    Plan plan;
    double top = 0.0, inverse = 0.0, others = 0.0;  // inverse: 1 / Σ exp(z' - max); others: 1 - p of the label
    typename Exp::Row exp = {};

    double from_top(ptrdiff_t k) const { return scale * (static_cast<double>(widen(x[k])) - top); }

    void find_statistics(Block& block, ptrdiff_t j) {
        const ptrdiff_t n = task.logits.n_classes;
        const Top found = find_top(x, n);
        top = found.value;
        exp = Exp::prepare(scale, top);
        const ptrdiff_t bytes = n * static_cast<ptrdiff_t>(sizeof(X)), ahead = bytes < kAhead ? bytes : 0;
        const double sum = exponentiate(x, n, exp, e, found.index, ahead);
        const double rest = block.rest[j] = top - top == 0.0 ? sum : kNaN;
        const bool known = rest == rest;
        inverse = 1.0 / (1.0 + rest);
        block.max[j] = known || !holds_nan(x, n) ? scale * top : kNaN;
        if (plan.label >= 0) {
            const double relative = from_top(plan.label);
            const double at_label = static_cast<double>(e[plan.label]) / Exp::kUnit;
            others = (plan.label == found.index ? rest : 1.0 + (rest - at_label)) * inverse;
            block.target_logit[j] = known ? relative : kNaN;
        }
        if (task.target.probs.data) {
            const double sum = scale * dot_probs();
            block.target_logit[j] = known ? sum : kNaN;
            if (task.target_mass) block.target_mass[j] = mass_of_probs();
        }
        if (task.class_coef.data && known)
            block.mean_logit[j] = scale * (task.class_coef.step != 0    ? dot(x, task.class_coef.data, n, top)
                                           : task.class_coef[0] == 0.0 ? 0.0
                                                                       : task.class_coef[0] * sum_relative(x, n, top));
        if (task.class_coef.data && !known) block.mean_logit[j] = kNaN;
        if (task.expected_logit) block.expected_logit[j] = scale * inverse * weighed_sum(x, e, n, top);
        block.predicted[j] = known ? found.index : -1;
    }

    double dot_probs() const {
        const ptrdiff_t n = task.logits.n_classes;
        const View& probs = task.target.probs;
        const char* row = row_of(probs, i);
        double sum = 0.0;
        with_type(probs.dtype, [&](auto type) {
            using Q = decltype(type);
            if (probs.class_stride == static_cast<ptrdiff_t>(sizeof(Q))) {
                sum = dot(x, reinterpret_cast<const Q*>(row), n, top);
                return;
            }
            for (ptrdiff_t k = 0; k < n; ++k) {
                const double q = widen(*reinterpret_cast<const Q*>(row + k * probs.class_stride));
                if (q != 0.0) sum += q * (static_cast<double>(widen(x[k])) - top);
            }
        });
        return sum;
    }

    double mass_of_probs() const {
        const View& probs = task.target.probs;
        const char* row = row_of(probs, i);
        double sum = 0.0;
        with_type(probs.dtype, [&](auto type) {
            using Q = decltype(type);
            if (probs.class_stride == static_cast<ptrdiff_t>(sizeof(Q))) {
                sum = sum_relative(reinterpret_cast<const Q*>(row), task.logits.n_classes, 0.0);
                return;
            }
            for (ptrdiff_t k = 0; k < task.logits.n_classes; ++k)
                sum += static_cast<double>(widen(*reinterpret_cast<const Q*>(row + k * probs.class_stride)));
        });
        return sum;
    }

    void use_known() {
        const double log_sum = task.known_log_sum[i];
        top = task.known_max[i] / scale;
        exp = Exp::prepare(scale, top);
        inverse = exp_nonpositive(-log_sum);
        if (plan.label < 0) return;
        // Not scale · (x - top): of a rounded maximum the division does not give the top back.
        const double relative = scale * static_cast<double>(widen(x[plan.label])) - task.known_max[i];
        others = -expm1_nonpositive(relative - log_sum);
    }

    void write_gradient() {
        const ptrdiff_t n = task.logits.n_classes;
        const double chain = task.scale;
        const double factor = chain * plan.by_softmax * inverse;
        const bool constant = task.class_coef.step == 0;
        const double term = constant ? chain * plan.by_class * task.class_coef[0] : 0.0;
        // p - 1 as minus the other probabilities, which are there still where p rounds to 1.
        const double at_label = chain * ((plan.by_softmax + plan.by_target) - plan.by_softmax * others) + term;
        const MutableView& out = task.dlogits;
        const View& probs = task.target.probs;
        const bool beside = out.class_stride == element_size(out.dtype);
        const bool direct = beside && task.softcap == 0.0 && !probs.data && constant && inverse == inverse;
        char* to = row_of(out, i);
        for (ptrdiff_t start = 0; start < n; start += kPart) {
            const ptrdiff_t count = smaller(kPart, n - start);
            if (task.known_log_sum) exponentiate(x + start, count, exp, e + start);
            const bool here = plan.label >= start && plan.label < start + count;
            if (direct) {
                with_type(out.dtype, [&](auto type) {
                    auto* values = reinterpret_cast<decltype(type)*>(to) + start;
                    write_affine(e + start, count, factor, term, values);
                    if (here) narrow(at_label, values[plan.label - start]);
                });
                continue;
            }
            write_affine(e + start, count, factor, term, part);
            if (here) narrow(at_label, part[plan.label - start]);
            if (!constant && plan.by_class != 0.0)
                add_multiple(chain * plan.by_class, task.class_coef.data + start, count, part);
            if (probs.data && plan.by_target != 0.0) {
                Real q[kPart];
                gather(probs.dtype, row_of(probs, i) + start * probs.class_stride, probs.class_stride, count, q);
                add_multiple(chain * plan.by_target, q, count, part);
            }
            if (task.softcap > 0.0) {
                double raw[kPart];
                const View& logits = task.logits;
                gather(logits.dtype, row_of(logits, i) + start * logits.class_stride, logits.class_stride, count, raw);
                const double softcap = task.softcap;
#pragma omp simd
                for (ptrdiff_t k = 0; k < count; ++k) part[k] *= static_cast<Real>(capped_slope(raw[k], softcap));
            }
            scatter(part, count, out.dtype, to + start * out.class_stride, out.class_stride);
        }
    }
};

template <class X>
void long_row(const RowsTask& task, const X* x, double scale, double* e, double* part, Block& block, ptrdiff_t j) {
    using Real = RealOf<X>;
    LongRow<X> row{task,         x, scale, reinterpret_cast<Real*>(e), reinterpret_cast<Real*>(part), block.begin + j,
                   block.plan(j)};
    if (task.known_log_sum)
        row.use_known();
    else
        row.find_statistics(block, j);
    if (task.dlogits.data && row.plan.live()) row.write_gradient();
}

void long_rows(const RowsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const View& logits = task.logits;
    const ptrdiff_t n = logits.n_classes;
    const bool statistics = wants_statistics(task), transformed = is_transformed(task);
    const Buffer<double> e(n), part(kPart), copy(n);
    Block block;
    for (ptrdiff_t start = begin; start < end; start += kBlock) {
        block.open(task, start, smaller(kBlock, end - start));
        for (ptrdiff_t j = 0; j < block.count; ++j) {
            const bool live = block.plan(j).live();
            if (!live && task.dlogits.data) clear_row(task.dlogits, start + j);
            if (!live && !statistics) continue;
            const char* row = row_of(logits, start + j);
            if (!transformed) {
                with_type(logits.dtype, [&](auto type) {
                    const auto* x = reinterpret_cast<const decltype(type)*>(row);
                    long_row(task, x, task.scale, e.get(), part.get(), block, j);
                });
                continue;
            }
            double* z = copy.get();
            gather(logits.dtype, row, logits.class_stride, n, z);
            cap(task, n, z);
            if (task.offset)
#pragma omp simd
                for (ptrdiff_t k = 0; k < n; ++k) z[k] = task.scale * z[k] + task.offset[k];
            long_row<double>(task, z, task.offset ? 1.0 : task.scale, e.get(), part.get(), block, j);
        }
        block.close(task);
    }
}

}  // namespace
}  // namespace xent
