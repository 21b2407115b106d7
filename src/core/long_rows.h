// Rows whose classes lie side by side, one at a time. Part of rows.cpp, whose rules hold here too.

#pragma once

#include "row_block.h"

namespace xent {
namespace {

constexpr ptrdiff_t kPart = 1024;        // of a row: how many classes are summed in float, or kept in the first cache
constexpr ptrdiff_t kWide = 4 * kLanes;  // several vectors side by side, since each waits for its last result

constexpr ptrdiff_t kAhead = 1 << 18;     // bytes of a row of which the second cache can hold several
constexpr ptrdiff_t kTogether = 1 << 15;  // bytes of exponentials of rows that are settled together

constexpr ptrdiff_t kStreamed = 1 << 23;  // bytes of a gradient that no cache keeps until it is read

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

template <class X>
ptrdiff_t index_of(const X* x, ptrdiff_t count, double top) {
    ptrdiff_t k = 0;
    while (k < count && static_cast<double>(widen(x[k])) != top) ++k;
    return k;
}

// Fill e with kUnit · exp(scale · (x_k - top)), and return their sum without the largest, once, in units of kUnit: what
// is beside it may be too small to be seen beside it. The kLanes numbers that end with the last are there to be read.
// Meanwhile the memory has nothing to do: it is sent for what lies `ahead` bytes, the row after this.
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
        alignas(64) double lanes[kLanes];
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i)
            lanes[i] = (static_cast<double>(sums[i]) + static_cast<double>(sums[i + 2 * kLanes])) +
                       (static_cast<double>(sums[i + kLanes]) + static_cast<double>(sums[i + 3 * kLanes]));
        total += fold_sum(lanes);
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

template <class X, class C>
[[gnu::noinline]] Dot dot(const X* x, const C* coef, ptrdiff_t count, double top) {
    double sum = 0.0, mass = 0.0;
#pragma omp simd reduction(+ : sum, mass)
    for (ptrdiff_t k = 0; k < count; ++k) {
        const double c = static_cast<double>(widen(coef[k]));
        const double product = c * (static_cast<double>(widen(x[k])) - top);
        sum += c == 0.0 ? 0.0 : product;
        mass += c;
    }
    bool any = mass != 0.0;
    for (ptrdiff_t k = 0; !any && k < count; ++k) any = widen(coef[k]) != 0;
    return {sum, mass, any};
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
template <ptrdiff_t kCount, class Real, class T>
void write_affine_few(const Real* e, double factor_, double term_, T* out) {
    const Real factor = static_cast<Real>(factor_), term = static_cast<Real>(term_);
    constexpr Real kDown = static_cast<Real>(1.0 / RelativeExp<Real>::kUnit);
#pragma omp simd
    for (ptrdiff_t k = 0; k < kCount; ++k) narrow_number(mul_add(factor, kDown * e[k], term), out[k]);
}

template <class Real, class T>
[[gnu::noinline]] void write_affine(const Real* e, ptrdiff_t count, double factor_, double term_, T* out) {
    const Real factor = static_cast<Real>(factor_), term = static_cast<Real>(term_);
    constexpr Real kDown = static_cast<Real>(1.0 / RelativeExp<Real>::kUnit);
#pragma omp simd
    for (ptrdiff_t k = 0; k < count; ++k) narrow_number(mul_add(factor, kDown * e[k], term), out[k]);
}

// The same, its whole lines of the cache past the caches; `at_label` goes to the place `label`, if that is here, with
// its line: alone, it would bring the line back.
template <class Real, class T>
[[gnu::noinline]] void stream_affine(const Real* e, ptrdiff_t count, double factor, double term, int64_t label,
                                     double at_label, T* out) {
    constexpr ptrdiff_t kStep = kLine / static_cast<ptrdiff_t>(sizeof(T));
    const ptrdiff_t odd = static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(out) & (kLine - 1));
    const ptrdiff_t first = smaller(odd ? (kLine - odd) / static_cast<ptrdiff_t>(sizeof(T)) : 0, count);
    const ptrdiff_t last = first + (count - first) / kStep * kStep;
    const bool in_line = label >= first && label < last;
    const ptrdiff_t before = in_line ? label - (label - first) % kStep : last;
    const auto stream = [&](ptrdiff_t from, ptrdiff_t to, bool with_label) {
        for (ptrdiff_t k = from; k < to; k += kStep) {
            alignas(kLine) T line[kStep];
            write_affine_few<kStep>(e + k, factor, term, line);
            if (with_label) narrow(at_label, line[label - k]);
            stream_line(line, out + k);
        }
    };
    write_affine(e, first, factor, term, out);
    stream(first, before, false);
    if (in_line) {
        stream(before, before + kStep, true);
        stream(before + kStep, last, false);
    }
    write_affine(e + last, count - last, factor, term, out + last);
    if (!in_line && label >= 0 && label < count) narrow(at_label, out[label]);
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
    Block& block;
    ptrdiff_t j;  // which row of the block it is
    const X* x;
    double scale;
    Real* e;
    Real* part;
    bool streams;

    void find_statistics() const {
        const ptrdiff_t n = task.logits.n_classes;
        const double top = block.top[j] = find_top(x, n);
        const ptrdiff_t bytes = n * static_cast<ptrdiff_t>(sizeof(X)), ahead = bytes < kAhead ? bytes : 0;
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
        if (task.class_coef.data && known)
            block.mean_logit[j] = scale * (task.class_coef.step != 0   ? dot(x, task.class_coef.data, n, top).product
                                           : task.class_coef[0] == 0.0 ? 0.0
                                                                       : task.class_coef[0] * sum_relative(x, n, top));
        if (task.class_coef.data && !known) block.mean_logit[j] = kNaN;
        if (task.expected_logit) block.expected_logit[j] = scale / (1.0 + rest) * weighed_sum(x, e, n, top);
        if (task.predicted) block.predicted[j] = known ? index_of(x, n, top) : -1;
    }

    Dot dot_probs(double top) const {
        const ptrdiff_t n = task.logits.n_classes;
        const View& probs = task.target.probs;
        const char* row = row_of(probs, block.begin + j);
        Dot found;
        with_type(probs.dtype, [&](auto type) {
            using Q = decltype(type);
            if (probs.class_stride == static_cast<ptrdiff_t>(sizeof(Q))) {
                found = dot(x, reinterpret_cast<const Q*>(row), n, top);
                return;
            }
            for (ptrdiff_t k = 0; k < n; ++k) {
                const double q = widen(*reinterpret_cast<const Q*>(row + k * probs.class_stride));
                if (q != 0.0) found.product += q * (static_cast<double>(widen(x[k])) - top);
                found.mass += q;
                found.any |= q != 0.0;
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
        const bool beside = out.class_stride == element_size(out.dtype);
        const bool direct = beside && task.softcap == 0.0 && !probs.data && constant && factor == factor;
        char* to = row_of(out, block.begin + j);
        const typename Exp::Row exp = Exp::prepare(scale, block.top[j]);
        for (ptrdiff_t start = 0; start < n; start += kPart) {
            const ptrdiff_t count = smaller(kPart, n - start);
            if (task.known_log_sum) exponentiate(x + start, count, exp, e + start, block.top[j]);
            const bool here = label >= start && label < start + count;
            if (direct) {
                with_type(out.dtype, [&](auto type) {
                    auto* values = reinterpret_cast<decltype(type)*>(to) + start;
                    if (streams) {
                        stream_affine(e + start, count, factor, term, label - start, block.of_label[j] + term, values);
                    } else {
                        write_affine(e + start, count, factor, term, values);
                        if (here) narrow(block.of_label[j] + term, values[label - start]);
                    }
                });
                continue;
            }
            write_affine(e + start, count, factor, term, part);
            if (here) narrow(block.of_label[j] + term, part[label - start]);
            if (!constant && by_class != 0.0) add_multiple(by_class, task.class_coef.data + start, count, part);
            if (probs.data && by_target != 0.0) {
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
            if (task.softcap > 0.0) {
                double raw[kPart];
                const View& logits = task.logits;
                gather(logits.dtype, row_of(logits, block.begin + j) + start * logits.class_stride, logits.class_stride,
                       count, raw);
                const double softcap = task.softcap;
#pragma omp simd
                for (ptrdiff_t k = 0; k < count; ++k) part[k] *= static_cast<Real>(capped_slope(raw[k], softcap));
            }
            scatter(part, count, out.dtype, to + start * out.class_stride, out.class_stride);
        }
    }
};

// What rows one after the other need room for. The exponentials of the rows of a block are kept, where a gradient is
// made of them, until the block is settled.
struct LongRows {
    const RowsTask& task;
    bool transformed = is_transformed(task);
    ptrdiff_t row_size = round_up(task.logits.n_classes);  // doubles
    ptrdiff_t rows_kept = kept_rows();
    bool streams = task.logits.n_rows * task.logits.n_classes * element_size(task.dlogits.dtype) >= kStreamed;
    Buffer<double> e{row_size * rows_kept}, part{kPart}, copy{transformed ? row_size * rows_kept : 0};

    ptrdiff_t kept_rows() const {
        if (!task.dlogits.data) return 1;
        const bool wide = transformed || task.logits.dtype == DType::float64;
        const ptrdiff_t rows = kTogether / (row_size * (wide ? 8 : 4));
        return rows < 1 ? 1 : smaller(rows, kBlock);
    }

    template <class Body>
    void with_row(Block& block, ptrdiff_t j, const Body& body) const {
        const View& logits = task.logits;
        const ptrdiff_t kept = j % rows_kept * row_size;
        if (transformed) {
            const double scale = task.offset ? 1.0 : task.scale;
            return body(LongRow<double>{task, block, j, copy.get() + kept, scale, e.get() + kept, part.get(), streams});
        }
        with_type(logits.dtype, [&](auto type) {
            using X = decltype(type);
            using Real = RealOf<X>;
            const X* x = reinterpret_cast<const X*>(row_of(logits, block.begin + j));
            Real* powers = reinterpret_cast<Real*>(e.get()) + kept;
            body(LongRow<X>{task, block, j, x, task.scale, powers, reinterpret_cast<Real*>(part.get()), streams});
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
        const bool statistics = wants_statistics(task);
        for (ptrdiff_t j = 0; j < block.count; ++j) {
            if (!block.live[j] && !statistics) continue;
            if (transformed) transform(block, j);
            with_row(block, j, [&](const auto& row) { task.known_log_sum ? row.use_known() : row.find_statistics(); });
        }
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
    const ptrdiff_t together = task.dlogits.data ? rows.rows_kept : kBlock;
    Block block;
    for (ptrdiff_t start = begin; start < end; start += block.count) {
        // A block ends where a multiple of kBlock does, for the sums of values.
        block.open(task, start, smaller(smaller(together, kBlock - start % kBlock), end - start));
        rows.run(block);
    }
    finish_streams();
}

}  // namespace
}  // namespace xent
