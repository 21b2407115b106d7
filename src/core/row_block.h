// What long rows (long_rows.h) and tiles of short ones (tiles.h) share: the plans of rows, their results, soft caps.
// Part of rows.cpp, whose rules hold here too.

#pragma once

#include "lanes.h"

namespace xent {
namespace {

// The members of `task` that rows write, each where it is wanted.
bool wants_statistics(const RowsTask& task) {
    return task.max || task.log_sum || task.target_logit || task.mean_logit || task.expected_logit || task.predicted ||
           task.target_mass;
}

// Rows that are done together, in three steps:
//   1. each row, or sixteen at once, finds what stands between `top` and `predicted`;
//   2. `settle` makes of it values and coefficients, for many rows at once: alone, each would wait for its logarithm;
//   3. each row, or sixteen at once, writes its gradient,  factor · e + of_target · target + of_class · class_coef.
struct Block {
    using Lanes = double[kBlock];

    ptrdiff_t begin, count;
    alignas(64) int64_t label[kBlock];  // class index, or -1
    alignas(64) int64_t live[kBlock];   // whether any coefficient is not 0
    alignas(64) Lanes by_softmax, by_target, by_class, by_mass, by_square;

    // Relative to the largest logit, as in RowStats of numpy.py. `rest` is Σ exp(z_k - max) without its largest term;
    // NaN if there is no distribution. `at_label` is exp(z_y - max), `top` the largest logit before any scale.
    alignas(64) Lanes top, max, rest, at_label, target_logit, mean_logit, expected_logit, target_mass;
    alignas(64) int64_t predicted[kBlock];

    alignas(64) Lanes log_sum, value, factor, of_target, of_class, of_label;

    // What is not written to holds zeros.
    Block() {
        Lanes* const all[] = {&by_softmax, &by_target, &by_class,       &by_mass,     &by_square,
                              &top,        &max,       &rest,           &at_label,    &target_logit,
                              &mean_logit, &log_sum,   &expected_logit, &target_mass, &value};
        for (Lanes* lanes : all) __builtin_memset(lanes, 0, sizeof *lanes);
        for (int64_t& each : label) each = -1;
    }

    void open(const RowsTask& task, ptrdiff_t first, ptrdiff_t n_rows) {
        begin = first;
        count = n_rows;
        for (ptrdiff_t at = 0; at < count; at += kLanes) {
            if (task.coef_softmax.data) read_column(task.coef_softmax, at, by_softmax);
            if (task.coef_target.data) read_column(task.coef_target, at, by_target);
            if (task.coef_class.data) read_column(task.coef_class, at, by_class);
            if (task.coef_mass.data) read_column(task.coef_mass, at, by_mass);
            if (task.coef_square.data) read_column(task.coef_square, at, by_square);
            if (task.target.index) read_labels(task.target, begin + at, smaller(kLanes, count - at), label + at);
            find_live(task, at);
        }
    }

    // Whether any of the sixteen rows from `at` on is.
    bool any_live(ptrdiff_t at) const {
        int64_t any = 0;
#pragma omp simd reduction(| : any)
        for (ptrdiff_t j = at; j < at + kLanes; ++j) any |= live[j];
        return any != 0;
    }

    // A row of weights that are all 0 asks for nothing but what every class is asked for.
    void drop_target(ptrdiff_t j) {
        by_mass[j] = by_target[j] = by_square[j] = 0.0;
        live[j] = (by_softmax[j] != 0.0) | (by_class[j] != 0.0);
    }

    // Step 2.
    void settle(const RowsTask& task) {
        for (ptrdiff_t at = 0; at < count; at += kLanes) {
            if (task.known_log_sum)
                take_known(task, at);
            else
                find_log_sums(at);
            if (task.coef_mass.data || task.target_mass) weigh_by_mass(at);
            find_values(task.curve, at);
            if (task.coef_square.data) add_squares(at);
            if (task.dlogits.data) find_factors(task, at);
        }
        write(task.max, max);
        write(task.log_sum, log_sum);
        write(task.target_logit, target_logit);
        write(task.mean_logit, mean_logit);
        write(task.expected_logit, expected_logit);
        write(task.target_mass, target_mass);
        write(task.value, value);
        for (ptrdiff_t j = 0; task.nll && j < count; ++j)
            task.nll[begin + j] = live[j] ? log_sum[j] - target_logit[j] : 0.0;
        for (ptrdiff_t j = 0; task.predicted && j < count; ++j) task.predicted[begin + j] = predicted[j];
        if (task.value_sums) {
            for (ptrdiff_t at = 0; at < count; at += kLanes) task.value_sums[begin / kBlock] += fold_sum(value + at);
        }
    }

  private:
    alignas(64) Lanes inverse, others;  // 1 / Σ exp(z - max), and 1 - p of the label

    void read_column(const Column& column, ptrdiff_t at, Lanes& values) const {
        if (column.step == 0) {
            const double value = column.data[0];
            for (ptrdiff_t j = at; j < at + kLanes; ++j) values[j] = value;
        } else {
            const ptrdiff_t end = smaller(at + kLanes, count);
            for (ptrdiff_t j = at; j < end; ++j) values[j] = column.data[(begin + j) * column.step];
        }
    }

    // Leave nothing of rows that take no part, among them those beyond the last.
    void find_live(const RowsTask& task, ptrdiff_t at) {
        const bool dies = task.target.index && !task.target.ignored_take_part;
        const int64_t lowest = dies ? 0 : -1;
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const ptrdiff_t j = at + i;
            const bool kept = (label[j] >= lowest) & (j < count);
            by_softmax[j] = kept ? by_softmax[j] : 0.0;
            by_target[j] = kept ? by_target[j] : 0.0;
            by_class[j] = kept ? by_class[j] : 0.0;
            by_mass[j] = kept ? by_mass[j] : 0.0;
            by_square[j] = kept ? by_square[j] : 0.0;
            int64_t any = by_softmax[j] != 0.0 ? 1 : 0;
            any |= by_target[j] != 0.0 ? 1 : 0;
            any |= by_class[j] != 0.0 ? 1 : 0;
            any |= by_square[j] != 0.0 ? 1 : 0;
            any |= by_mass[j] != 0.0 ? 1 : 0;
            live[j] = any;
        }
    }

    void write(double* to, const Lanes& values) const {
        for (ptrdiff_t j = 0; to && j < count; ++j) to[begin + j] = values[j];
    }

    void find_log_sums(ptrdiff_t at) {
#pragma omp simd
        for (ptrdiff_t j = at; j < at + kLanes; ++j) {
            log_sum[j] = log1p_nonnegative(rest[j]);
            inverse[j] = 1.0 / (1.0 + rest[j]);
            others[j] = (target_logit[j] == 0.0 ? rest[j] : 1.0 + (rest[j] - at_label[j])) * inverse[j];
        }
    }

    void take_known(const RowsTask& task, ptrdiff_t at) {
        for (ptrdiff_t j = at; j < at + kLanes; ++j) log_sum[j] = j < count ? task.known_log_sum[begin + j] : 0.0;
#pragma omp simd
        for (ptrdiff_t j = at; j < at + kLanes; ++j) {
            inverse[j] = exp_nonpositive(-log_sum[j]);
            others[j] = -expm1_nonpositive(target_logit[j] - log_sum[j]);
        }
    }

    void weigh_by_mass(ptrdiff_t at) {
#pragma omp simd
        for (ptrdiff_t j = at; j < at + kLanes; ++j) {
            by_softmax[j] += by_mass[j] == 0.0 ? 0.0 : by_mass[j] * target_mass[j];
            by_square[j] = by_square[j] == 0.0 ? 0.0 : by_square[j] * target_mass[j];
        }
    }

    void find_values(const Curve* curve, ptrdiff_t at) {
        if (curve) return curve->focus == 2.0 ? follow<true>(*curve, at) : follow<false>(*curve, at);
#pragma omp simd
        for (ptrdiff_t j = at; j < at + kLanes; ++j) {  // what has no coefficient is left out: it may be infinite
            const double of_sum = by_softmax[j] == 0.0 ? 0.0 : by_softmax[j] * log_sum[j];
            const double of_target = by_target[j] == 0.0 ? 0.0 : by_target[j] * target_logit[j];
            const double of_class = by_class[j] == 0.0 ? 0.0 : by_class[j] * mean_logit[j];
            value[j] = of_sum + of_target + of_class;
        }
    }

    // The value of a curve at the label's nll; its slope multiplies the coefficients.
    template <bool kSquare>
    void follow(const Curve& curve, ptrdiff_t at) {
        const double linear = curve.linear, bounded = curve.bounded, power = curve.power, focused = curve.focused;
        const double focus = curve.focus;
#pragma omp simd
        for (ptrdiff_t j = at; j < at + kLanes; ++j) {
            const double nll = log_sum[j] - target_logit[j], wrong = others[j];
            const double finite = nll > 800.0 ? 800.0 : nll;  // p is 0 there: 0 · 800, not 0 · inf
            const double p = exp_nonpositive(-nll), p_power = exp_nonpositive(-power * nll);
            const double missed = -expm1_nonpositive(-power * nll);
            const bool right = wrong == 0.0;
            // log(1 - p) is -log(1 + p / (1 - p)).
            const double by_exp = exp_nonpositive(-focus * log1p_nonnegative(p / (right ? 1.0 : wrong)));
            const double raised = kSquare ? wrong * wrong : right ? 0.0 : by_exp;
            const double quotient = right ? 1.0 : finite / wrong;
            const double f = (linear == 0.0 ? 0.0 : linear * nll) + bounded * (missed / power) +
                             (focused == 0.0 ? 0.0 : focused * (raised * nll));
            const double slope = linear + bounded * p_power + focused * (raised * (1.0 + focus * p * quotient));
            value[j] = by_softmax[j] == 0.0 ? 0.0 : by_softmax[j] * f;
            by_softmax[j] = by_softmax[j] == 0.0 ? 0.0 : by_softmax[j] * slope;
            by_target[j] = by_target[j] == 0.0 ? 0.0 : by_target[j] * slope;
        }
    }

    void add_squares(ptrdiff_t at) {
#pragma omp simd
        for (ptrdiff_t j = at; j < at + kLanes; ++j) {
            const double lse = max[j] + log_sum[j];
            value[j] += by_square[j] == 0.0 ? 0.0 : by_square[j] * (lse * lse);
            by_softmax[j] += by_square[j] == 0.0 ? 0.0 : 2.0 * by_square[j] * lse;
        }
    }

    void find_factors(const RowsTask& task, ptrdiff_t at) {
        const double chain = task.scale;
#pragma omp simd
        for (ptrdiff_t j = at; j < at + kLanes; ++j) {
            factor[j] = chain * by_softmax[j] * inverse[j];
            of_target[j] = chain * by_target[j];
            of_class[j] = chain * by_class[j];
            // p - 1 as minus the other probabilities, which are there still where p rounds to 1.
            of_label[j] = chain * ((by_softmax[j] + by_target[j]) - by_softmax[j] * others[j]);
        }
    }
};

// ---- gradients on their way to memory -------------------------------------------------------------------------------

constexpr ptrdiff_t kStreamed = 1 << 23;  // bytes of a gradient that no cache keeps until it is read

bool is_streamed(const RowsTask& task) {
    return task.logits.n_rows * task.logits.n_classes * element_size(task.dlogits.dtype) >= kStreamed;
}

// out_k = value_at(k). What comes from a row without a distribution may be NaN, else there is none.
template <bool kNaNs, class T, class ValueAt>
void write_values(ptrdiff_t count, const ValueAt value_at, T* out) {
#pragma omp simd
    for (ptrdiff_t k = 0; k < count; ++k)
        if (kNaNs)
            narrow(value_at(k), out[k]);
        else
            narrow_number(value_at(k), out[k]);
}

// The same, whole lines of the cache past the caches; `at_label` goes to the place `label`, if that is here, with its
// line: alone, it would bring the line back.
template <bool kNaNs, class T, class ValueAt>
void stream_values(ptrdiff_t count, const ValueAt value_at, int64_t label, double at_label, T* out) {
    constexpr ptrdiff_t kStep = kLine / static_cast<ptrdiff_t>(sizeof(T));
    const ptrdiff_t odd = static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(out) & (kLine - 1));
    const ptrdiff_t first = smaller(odd ? (kLine - odd) / static_cast<ptrdiff_t>(sizeof(T)) : 0, count);
    const ptrdiff_t last = first + (count - first) / kStep * kStep;
    const bool in_line = label >= first && label < last;
    const ptrdiff_t before = in_line ? label - (label - first) % kStep : last;
    const auto stream = [&](ptrdiff_t from, ptrdiff_t to, bool with_label) {
        for (ptrdiff_t k = from; k < to; k += kStep) {
            alignas(kLine) T line[kStep];
#pragma omp simd
            for (ptrdiff_t i = 0; i < kStep; ++i)
                if (kNaNs)
                    narrow(value_at(k + i), line[i]);
                else
                    narrow_number(value_at(k + i), line[i]);
            if (with_label) narrow(at_label, line[label - k]);
            stream_line(line, out + k);
        }
    };
    for (ptrdiff_t k = 0; k < first; ++k) narrow(value_at(k), out[k]);
    stream(first, before, false);
    if (in_line) {
        stream(before, before + kStep, true);
        stream(before + kStep, last, false);
    }
    for (ptrdiff_t k = last; k < count; ++k) narrow(value_at(k), out[k]);
    if (!in_line && label >= 0 && label < count) narrow(at_label, out[label]);
}

// ---- logits beyond a scale ------------------------------------------------------------------------------------------

// softcap · tanh(z / softcap).
double capped(double z, double softcap) {
    const double size = z < 0.0 ? -z : z;
    const double down = expm1_nonpositive(-2.0 * (size / softcap));
    const double tanh = -down / (2.0 + down);
    return softcap * (z < 0.0 ? -tanh : tanh);
}

// Its derivative, 1 / cosh², which is 4u / (1 + u)² with u = exp(-2 |z| / softcap).
double capped_slope(double z, double softcap) {
    const double size = z < 0.0 ? -z : z;
    const double u = exp_nonpositive(-2.0 * (size / softcap));
    return 4.0 * u / ((1.0 + u) * (1.0 + u));
}

// Whether logits are computed in double whatever their type, as z' = scale · cap(z) + offset: where more than a scale
// changes them, or where a level cannot say what the product with that scale loses.
bool is_transformed(const RowsTask& task) {
    return task.softcap > 0.0 || task.offset || (task.scale != 1.0 && !kFusesProducts);
}

void cap(const RowsTask& task, ptrdiff_t count, double* z) {
    const double softcap = task.softcap;
    if (softcap > 0.0)
#pragma omp simd
        for (ptrdiff_t k = 0; k < count; ++k) z[k] = capped(z[k], softcap);
}

}  // namespace
}  // namespace xent
