// Rows whose classes lie side by side, one at a time. Part of rows.cpp, whose rules hold here too.

#pragma once

#include "row_block.h"

namespace xent {
namespace {

constexpr ptrdiff_t kPart = 1024;        // of a row: how many classes are summed in float, or kept in the first cache
constexpr ptrdiff_t kWide = 4 * kLanes;  // several vectors side by side, since each waits for its last result

constexpr ptrdiff_t kAhead = 1 << 18;     // bytes of rows of which the second cache can hold several
constexpr ptrdiff_t kTogether = 1 << 15;  // bytes of exponentials of rows that are settled together

// Return the largest, NaN left out; x has at least kLanes numbers.
template <class X>
[[gnu::noinline]] double find_top(const X* x, ptrdiff_t count) {
    using Real = RealOf<X>;
    alignas(64) Real lanes[kWide];
    for (ptrdiff_t i = 0; i < kWide; ++i) lanes[i] = static_cast<Real>(-kInf);
    ptrdiff_t k = 0;
    for (; k + kWide <= count; k += kWide)
#pragma omp simd
        for (ptrdiff_t i = 0; i < kWide; ++i) lanes[i] = larger<Real>(widen(x[k + i]), lanes[i]);
    for (; k < count; k += kLanes) {
        const X* last = x + smaller(k, count - kLanes);  // some numbers twice
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) lanes[i] = larger<Real>(widen(last[i]), lanes[i]);
    }
#pragma omp simd
    for (ptrdiff_t i = 0; i < 2 * kLanes; ++i) lanes[i] = larger(lanes[i], lanes[i + 2 * kLanes]);
#pragma omp simd
    for (ptrdiff_t i = 0; i < kLanes; ++i) lanes[i] = larger(lanes[i], lanes[i + kLanes]);
#pragma omp simd
    for (ptrdiff_t i = 0; i < 8; ++i) lanes[i] = larger(lanes[i], lanes[i + 8]);
#pragma omp simd
    for (ptrdiff_t i = 0; i < 4; ++i) lanes[i] = larger(lanes[i], lanes[i + 4]);
    const Real a = larger(lanes[0], lanes[1]), b = larger(lanes[2], lanes[3]);
    return static_cast<double>(larger(a, b));
}

template <class Real>
double fold_wide(const Real* sums) {
    alignas(64) double lanes[kLanes];
#pragma omp simd
    for (ptrdiff_t i = 0; i < kLanes; ++i)
        lanes[i] = (static_cast<double>(sums[i]) + static_cast<double>(sums[i + 2 * kLanes])) +
                   (static_cast<double>(sums[i + kLanes]) + static_cast<double>(sums[i + 3 * kLanes]));
    return fold_sum(lanes);
}

template <class X>
ptrdiff_t index_of(const X* x, ptrdiff_t count, double top) {
    ptrdiff_t k = 0;
    while (k < count && static_cast<double>(widen(x[k])) != top) ++k;
    return k;
}

// Fill e with kUnit · exp(scale · (x_k - top)), and return their sum without the largest, once, in units of kUnit: what
// is beside it may be too small to be seen beside it. The kLanes numbers that end with the last are there to be read.
// Meanwhile the memory has nothing to do: it is sent for what lies `ahead` bytes, the next block's rows.
template <bool kPlain, class X, class Real>
[[gnu::noinline]] double exponentiate_as(const X* x, ptrdiff_t count, const typename RelativeExp<Real>::Row& row_,
                                         double top_, ptrdiff_t ahead, Real* __restrict e) {
    using Exp = RelativeExp<Real>;
    const typename Exp::Row row = row_;
    const Real top = static_cast<Real>(top_);
    double total = 0.0;
    alignas(64) int32_t ties[kWide];
    for (ptrdiff_t i = 0; i < kWide; ++i) ties[i] = 0;
    for (ptrdiff_t start = 0; start < count; start += kPart) {
        const ptrdiff_t end = smaller(start + kPart, count);
        alignas(64) Real sums[kWide];
        for (ptrdiff_t i = 0; i < kWide; ++i) sums[i] = Real{0};
        ptrdiff_t k = start;
        for (; k + kWide <= end; k += kWide) {
            const char* next = reinterpret_cast<const char*>(x + k) + ahead;
            for (ptrdiff_t byte = 0; byte < kWide * static_cast<ptrdiff_t>(sizeof(X)); byte += 64)
                __builtin_prefetch(next + byte, 0, 2);
#pragma omp simd
            for (ptrdiff_t i = 0; i < kWide; ++i) {
                const Real value = widen(x[k + i]);
                const Real power = Exp::template at<kPlain>(row, value);
                e[k + i] = power;
                sums[i] += value == top ? Real{0} : power;
                ties[i] += value == top ? 1 : 0;
            }
        }
        for (; k < end; k += kLanes) {
            const ptrdiff_t from = smaller(k, end - kLanes);  // some numbers twice, but not in the sum
            const int32_t again = static_cast<int32_t>(k - from);
#pragma omp simd
            for (int32_t i = 0; i < kLanes; ++i) {
                const Real value = widen(x[from + i]);
                const Real power = Exp::template at<kPlain>(row, value);
                e[from + i] = power;
                sums[i] += (value == top) | (i < again) ? Real{0} : power;
                ties[i] += (value == top) & (i >= again) ? 1 : 0;
            }
        }
        total += fold_wide(sums);
    }
    int32_t others = -1;
#pragma omp simd reduction(+ : others)
    for (ptrdiff_t i = 0; i < kWide; ++i) others += ties[i];
    return total / Exp::kUnit + static_cast<double>(others);
}

template <class X, class Real>
double exponentiate(const X* x, ptrdiff_t count, const typename RelativeExp<Real>::Row& row, Real* e, double top,
                    ptrdiff_t ahead = 0) {
    return row.is_plain() ? exponentiate_as<true>(x, count, row, top, ahead, e)
                          : exponentiate_as<false>(x, count, row, top, ahead, e);
}

struct Dot {
    double product = 0.0;  // Σ coef_k (x_k - top), where 0 · (-inf) is 0
    double mass = 0.0;     // Σ coef_k
    bool any = false;      // whether any coefficient is not 0; found where their sum is 0
};

template <class Real, class X, class CoefAt>
[[gnu::noinline]] Dot dot_as(const X* x, const CoefAt coef_at, ptrdiff_t count, double top_) {
    const Real top = static_cast<Real>(top_);
    Dot found;
    for (ptrdiff_t start = 0; start < count; start += kPart) {
        const ptrdiff_t end = smaller(start + kPart, count);
        alignas(64) Real products[kWide], masses[kWide];
        for (ptrdiff_t i = 0; i < kWide; ++i) products[i] = masses[i] = Real{0};
        ptrdiff_t k = start;
        for (; k + kWide <= end; k += kWide)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kWide; ++i) {
                const Real c = static_cast<Real>(coef_at(k + i));
                const Real product = c * (static_cast<Real>(widen(x[k + i])) - top);
                products[i] += c == Real{0} ? Real{0} : product;
                masses[i] += c;
            }
        for (; k < end; k += kLanes) {
            const ptrdiff_t from = smaller(k, end - kLanes);
            const int32_t again = static_cast<int32_t>(k - from);
#pragma omp simd
            for (int32_t i = 0; i < kLanes; ++i) {
                const Real c = i < again ? Real{0} : static_cast<Real>(coef_at(from + i));
                const Real product = c * (static_cast<Real>(widen(x[from + i])) - top);
                products[i] += c == Real{0} ? Real{0} : product;
                masses[i] += c;
            }
        }
        found.product += fold_wide(products);
        found.mass += fold_wide(masses);
    }
    found.any = found.mass != 0.0;
    for (ptrdiff_t k = 0; !found.any && k < count; ++k) found.any = coef_at(k) != 0;
    return found;
}

// `coef_at` gives the coefficient of class k; there are at least kLanes classes.
template <class X, class CoefAt>
Dot dot(const X* x, const CoefAt& coef_at, ptrdiff_t count, double top) {
    const Dot found = dot_as<RealOf<X>>(x, coef_at, count, top);
    // A float may have overflowed.
    return found.product - found.product == 0.0 ? found : dot_as<double>(x, coef_at, count, top);
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

// factor · e_k / kUnit + term. The unit is taken out first: a small factor would take float to its denormals.
// Of floats it travels in registers, as three captured numbers would not: read from the stack, they would wait there for
// all that was streamed before.
template <class Real>
struct Affine {
    const Real* e;
    Real factor, term;

    Real operator()(ptrdiff_t k) const {
        constexpr Real kDown = static_cast<Real>(1.0 / RelativeExp<Real>::kUnit);
        return mul_add(factor, kDown * e[k], term);
    }
};

// The same and a multiple of the target's probabilities.
template <class Real, class Q>
struct AffineWithProbs {
    Affine<Real> affine;
    const Q* q;
    Real by_target;

    Real operator()(ptrdiff_t k) const { return mul_add(by_target, static_cast<Real>(widen(q[k])), affine(k)); }
};

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
        const auto value_at = [values](ptrdiff_t k) { return values[k]; };
        if (stride == static_cast<ptrdiff_t>(sizeof(T)))
            return write_values<true>(count, value_at, reinterpret_cast<T*>(to));
        for (ptrdiff_t k = 0; k < count; ++k) narrow(values[k], *reinterpret_cast<T*>(to + k * stride));
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
    Block& block;
    ptrdiff_t j;  // which row of the block it is
    const X* x;
    double scale;
    Real* e;
    Real* part;
    const Real* class_coef;  // null where all are alike
    bool streams;

    void find_largest() const {
        block.top[j] = find_top(x, task.logits.n_classes);
        const ptrdiff_t bytes = task.logits.n_classes * static_cast<ptrdiff_t>(sizeof(X));
        if (!is_alike(task.target.probs) || bytes > kAhead) return;
        const char* q = row_of(task.target.probs, block.begin + j);  // it is read when the exponentials are there
        for (ptrdiff_t byte = 0; byte < bytes; byte += kLine) __builtin_prefetch(q + byte, 0, 2);
    }

    // `ahead` is how many bytes further the memory is sent for what comes next.
    void find_statistics(ptrdiff_t ahead) const {
        const ptrdiff_t n = task.logits.n_classes;
        const double top = block.top[j];
        const double sum = exponentiate(x, n, Exp::prepare(scale, top), e, top, ahead);
        const double rest = block.rest[j] = top - top == 0.0 ? sum : kNaN;
        const bool known = rest == rest;
        block.max[j] = known || !holds_nan(x, n) ? scale * top : kNaN;
        const int64_t label = block.label[j];
        if (label >= 0) {
            block.target_logit[j] = known ? scale * (static_cast<double>(widen(x[label])) - top) : kNaN;
            block.at_label[j] = static_cast<double>(e[label]) / Exp::kUnit;
        }
        if (task.target.probs.data) {
            const Dot found = dot_probs(top);
            block.target_logit[j] = known ? scale * found.product : kNaN;
            block.target_mass[j] = found.mass;
            if (task.coef_mass.data && found.mass == 0.0 && !found.any) block.drop_target(j);
        }
        if (label < 0 && !task.target.probs.data) block.target_logit[j] = 0.0;
        if (task.class_coef.data && known) block.mean_logit[j] = scale * dot_class_coef(top);
        if (task.class_coef.data && !known) block.mean_logit[j] = kNaN;
        if (task.expected_logit) block.expected_logit[j] = scale / (1.0 + rest) * weighed_sum(x, e, n, top);
        if (task.predicted) block.predicted[j] = known ? index_of(x, n, top) : -1;
    }

    double dot_class_coef(double top) const {
        const ptrdiff_t n = task.logits.n_classes;
        if (task.class_coef.step != 0) {
            const Real* coef = class_coef;
            return dot(x, [coef](ptrdiff_t k) { return coef[k]; }, n, top).product;
        }
        const double coef = task.class_coef[0];
        return coef == 0.0 ? 0.0 : coef * dot(x, [](ptrdiff_t) { return Real{1}; }, n, top).product;
    }

    Dot dot_probs(double top) const {
        const ptrdiff_t n = task.logits.n_classes;
        const View& probs = task.target.probs;
        const char* row = row_of(probs, block.begin + j);
        Dot found;
        with_type(probs.dtype, [&](auto type) {
            using Q = decltype(type);
            const ptrdiff_t stride = probs.class_stride;
            if (stride == static_cast<ptrdiff_t>(sizeof(Q))) {
                const Q* q = reinterpret_cast<const Q*>(row);
                found = dot(x, [q](ptrdiff_t k) { return static_cast<Real>(widen(q[k])); }, n, top);
            } else {
                found = dot(
                    x,
                    [row, stride](ptrdiff_t k) {
                        return static_cast<Real>(widen(*reinterpret_cast<const Q*>(row + k * stride)));
                    },
                    n, top);
            }
        });
        return found;
    }

    void use_known() const {
        const double max = task.known_max[block.begin + j];
        const int64_t label = block.label[j];
        block.top[j] = max / scale;
        block.max[j] = max;
        // Not scale · (x - top): of a rounded maximum the division does not give the top back.
        block.target_logit[j] = label >= 0 ? scale * static_cast<double>(widen(x[label])) - max : 0.0;
    }

    void write_gradient() const {
        const ptrdiff_t n = task.logits.n_classes;
        const bool constant = task.class_coef.step == 0;
        const double factor = block.factor[j], by_class = block.of_class[j], by_target = block.of_target[j];
        const double term = constant && task.class_coef.data ? by_class * task.class_coef[0] : 0.0;
        const MutableView& out = task.dlogits;
        const View& probs = task.target.probs;
        const int64_t label = block.label[j];
        const bool whole = constant && task.softcap == 0.0 && !probs.data && factor == factor;
        char* to = row_of(out, block.begin + j);
        const typename Exp::Row exp = Exp::prepare(scale, block.top[j]);
        for (ptrdiff_t start = 0; start < n; start += kPart) {
            const ptrdiff_t count = smaller(kPart, n - start);
            if (task.known_log_sum) exponentiate(x + start, count, exp, e + start, block.top[j]);
            const Affine<Real> affine{e + start, static_cast<Real>(factor), static_cast<Real>(term)};
            if (whole) {
                put<false>(count, affine, label - start, block.of_label[j] + term, to + start * out.class_stride);
                continue;
            }
            if (by_target != 0.0 && task.softcap == 0.0 && constant && is_alike(probs)) {
                const X* q = reinterpret_cast<const X*>(row_of(probs, block.begin + j)) + start;
                const AffineWithProbs<Real, X> with_probs{affine, q, static_cast<Real>(by_target)};
                put<true>(count, with_probs, -1, 0.0, to + start * out.class_stride);
                continue;
            }
            write_values<true>(count, affine, part);
            if (label >= start && label < start + count)
                part[label - start] = static_cast<Real>(block.of_label[j] + term);
            if (!constant && by_class != 0.0) add_multiple(by_class, class_coef + start, count, part);
            if (probs.data && by_target != 0.0) add_probs(start, count, by_target);
            if (task.softcap > 0.0) {
                double raw[kPart];
                const View& logits = task.logits;
                gather(logits.dtype, row_of(logits, block.begin + j) + start * logits.class_stride, logits.class_stride,
                       count, raw);
                const double softcap = task.softcap;
#pragma omp simd
                for (ptrdiff_t k = 0; k < count; ++k) part[k] *= static_cast<Real>(capped_slope(raw[k], softcap));
            }
            const Real* values = part;
            put<true>(count, [values](ptrdiff_t k) { return values[k]; }, -1, 0.0, to + start * out.class_stride);
        }
    }

    // Whether numbers are stored as the logits are, side by side.
    template <class Byte>
    static bool is_alike(const ViewOf<Byte>& view) {
        return view.data && view.dtype == dtype_of(X{}) && view.class_stride == static_cast<ptrdiff_t>(sizeof(X));
    }

    void add_probs(ptrdiff_t start, ptrdiff_t count, double by_target) const {
        const View& probs = task.target.probs;
        const char* row = row_of(probs, block.begin + j) + start * probs.class_stride;
        if (probs.class_stride == element_size(probs.dtype)) {
            with_type(probs.dtype, [&](auto type) {
                add_multiple(by_target, reinterpret_cast<const decltype(type)*>(row), count, part);
            });
        } else {
            Real q[kPart];
            gather(probs.dtype, row, probs.class_stride, count, q);
            add_multiple(by_target, q, count, part);
        }
    }

    // Write numbers of the gradient; the one at `label`, if that is here, is `at_label`.
    template <bool kNaNs, class ValueAt>
    void put(ptrdiff_t count, const ValueAt value_at, int64_t label, double at_label, char* to) const {
        const MutableView& out = task.dlogits;
        const bool here = label >= 0 && label < count;
        if (!is_alike(out)) {
            write_values<true>(count, value_at, part);
            if (here) part[label] = static_cast<Real>(at_label);
            return scatter(part, count, out.dtype, to, out.class_stride);
        }
        X* values = reinterpret_cast<X*>(to);
        if (streams) return stream_values<kNaNs>(count, value_at, label, at_label, values);
        write_values<kNaNs>(count, value_at, values);
        if (here) narrow(at_label, values[label]);
    }
};

// What rows one after the other need room for. The exponentials of the rows of a block are kept until it is settled.
struct LongRows {
    const RowsTask& task;
    bool transformed = is_transformed(task);
    ptrdiff_t row_size = round_up(task.logits.n_classes);  // doubles
    ptrdiff_t rows_kept = kept_rows();
    bool streams = is_streamed(task);
    Buffer<double> e{row_size * rows_kept}, part{kPart}, copy{transformed ? row_size * rows_kept : 0};
    Buffer<double> class_coef{task.class_coef.step != 0 ? row_size : 0};

    explicit LongRows(const RowsTask& task_) : task(task_) {
        if (task.class_coef.step == 0) return;
        const ptrdiff_t n = task.logits.n_classes;
        if (is_wide())
            for (ptrdiff_t k = 0; k < n; ++k) class_coef.get()[k] = task.class_coef[k];
        else
            for (ptrdiff_t k = 0; k < n; ++k)
                reinterpret_cast<float*>(class_coef.get())[k] = static_cast<float>(task.class_coef[k]);
    }

    bool is_wide() const { return transformed || task.logits.dtype == DType::float64; }

    ptrdiff_t kept_rows() const {
        const ptrdiff_t rows = kTogether / (row_size * (is_wide() ? 8 : 4));
        return rows < 1 ? 1 : smaller(rows, kBlock);
    }

    template <class X, class Body>
    void with(Block& block, ptrdiff_t j, const X* x, double scale, const Body& body) const {
        using Real = RealOf<X>;
        Real* powers = reinterpret_cast<Real*>(e.get()) + j % rows_kept * row_size;
        const Real* coef = task.class_coef.step != 0 ? reinterpret_cast<const Real*>(class_coef.get()) : nullptr;
        body(LongRow<X>{task, block, j, x, scale, powers, reinterpret_cast<Real*>(part.get()), coef, streams});
    }

    template <class Body>
    void with_row(Block& block, ptrdiff_t j, const Body& body) const {
        if (transformed)
            return with(block, j, copy.get() + j % rows_kept * row_size, task.offset ? 1.0 : task.scale, body);
        with_type(task.logits.dtype, [&](auto type) {
            const char* row = row_of(task.logits, block.begin + j);
            with(block, j, reinterpret_cast<const decltype(type)*>(row), task.scale, body);
        });
    }

    void transform(const Block& block, ptrdiff_t j) const {
        const View& logits = task.logits;
        const ptrdiff_t n = logits.n_classes;
        double* z = copy.get() + j % rows_kept * row_size;
        gather(logits.dtype, row_of(logits, block.begin + j), logits.class_stride, n, z);
        cap(task, n, z);
        if (task.offset)
#pragma omp simd
            for (ptrdiff_t k = 0; k < n; ++k) z[k] = task.scale * z[k] + task.offset[k];
    }

    void run(Block& block) const {
        const bool statistics = wants_statistics(task), known = task.known_log_sum != nullptr;
        const ptrdiff_t bytes = rows_kept * task.logits.n_classes * element_size(task.logits.dtype);
        const ptrdiff_t ahead = bytes < kAhead ? bytes : 0;
        // First the largest of each: rows follow each other more quickly than a row's own steps do.
        for (ptrdiff_t j = 0; j < block.count; ++j) {
            if (!block.live[j] && !statistics) continue;
            if (transformed) transform(block, j);
            with_row(block, j, [&](const auto& row) { known ? row.use_known() : row.find_largest(); });
        }
        for (ptrdiff_t j = 0; !known && j < block.count; ++j)
            if (block.live[j] || statistics) with_row(block, j, [&](const auto& row) { row.find_statistics(ahead); });
        block.settle(task);
        for (ptrdiff_t j = 0; task.dlogits.data && j < block.count; ++j) {
            if (block.live[j])
                with_row(block, j, [&](const auto& row) { row.write_gradient(); });
            else
                clear_row(task.dlogits, block.begin + j);
        }
    }
};

void long_rows(const RowsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const LongRows rows{task};
    Block block;
    for (ptrdiff_t start = begin; start < end; start += block.count) {
        // A block ends where a multiple of kBlock does, for the sums of values.
        block.open(task, start, smaller(smaller(rows.rows_kept, kBlock - start % kBlock), end - start));
        rows.run(block);
    }
    finish_streams();
}

}  // namespace
}  // namespace xent
