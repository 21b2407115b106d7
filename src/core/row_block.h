// What long rows (long_rows.h) and tiles of short ones (tiles.h) share: the plans of rows, their results, soft caps.
// Part of rows.cpp, whose rules hold here too.

#pragma once

#include "kernels.h"
#include "storage.h"
#include "vmath.h"

namespace xent {
namespace {

constexpr double kInf = __builtin_inf();
constexpr double kNaN = __builtin_nan("");
constexpr ptrdiff_t kShort = 64;  // most classes of a row that shares its vectors with fifteen others
constexpr ptrdiff_t kBlock = 64;  // rows whose logarithms are taken together

static_assert(kLanes == 16, "the folds below are written for it");

template <class Real>
Real larger(Real a, Real b) {  // b where a is NaN
    return a > b ? a : b;
}

ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

double fold_sum(const double* lanes) {
    alignas(64) double half[8];
#pragma omp simd
    for (int i = 0; i < 8; ++i) half[i] = lanes[i] + lanes[i + 8];
#pragma omp simd
    for (int i = 0; i < 4; ++i) half[i] += half[i + 4];
    return (half[0] + half[2]) + (half[1] + half[3]);
}

// What numbers stored as T are computed in.
template <class T>
struct Computing {
    using Real = float;
};
template <>
struct Computing<double> {
    using Real = double;
};
template <class T>
using RealOf = typename Computing<T>::Real;

// Memory that a call takes once and uses for every row.
template <class Real>
class Buffer {
  public:
    explicit Buffer(ptrdiff_t count)
        : memory_(__builtin_malloc(static_cast<size_t>(round_up(count)) * sizeof(Real) + 64)) {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { __builtin_free(memory_); }

    Real* get() const { return reinterpret_cast<Real*>((reinterpret_cast<uintptr_t>(memory_) + 63) & ~uintptr_t{63}); }

  private:
    void* memory_;
};

// ---- targets and coefficients ---------------------------------------------------------------------------------------

// Read the class indices of rows [begin, begin + count); -1 for a row that has none.
void read_labels(const RowTarget& target, ptrdiff_t begin, ptrdiff_t count, int64_t* labels) {
    const int64_t ignore_index = target.ignore_index;
    const auto read = [&](const auto* index) {
#pragma omp simd
        for (ptrdiff_t j = 0; j < count; ++j) {
            const int64_t label = index[begin + j];
            labels[j] = (label < 0) | (label == ignore_index) ? -1 : label;
        }
    };
    switch (target.index_type) {
        case IndexType::int64:
            return read(static_cast<const int64_t*>(target.index));
        case IndexType::int32:
            return read(static_cast<const int32_t*>(target.index));
        case IndexType::int16:
            return read(static_cast<const int16_t*>(target.index));
        case IndexType::int8:
            return read(static_cast<const int8_t*>(target.index));
        case IndexType::uint8:
            return read(static_cast<const uint8_t*>(target.index));
    }
}

bool wants_statistics(const RowsTask& task) {
    return task.max || task.log_sum || task.target_logit || task.mean_logit || task.expected_logit || task.predicted ||
           task.target_mass;
}

// What a row is asked for.
struct Plan {
    int64_t label;  // class index, or -1
    double by_softmax, by_target, by_class;
    bool live() const { return by_softmax != 0.0 || by_target != 0.0 || by_class != 0.0; }
};

// The plans of rows that are done together, and what they turned out to be, relative to their largest logits as in
// RowStats of numpy.py. `rest` is Σ exp(z_k - max) without its largest term; NaN if there is no distribution.
struct Block {
    ptrdiff_t begin, count;
    alignas(64) int64_t label[kBlock];
    alignas(64) double by_softmax[kBlock], by_target[kBlock], by_class[kBlock];
    alignas(64) double max[kBlock], rest[kBlock], target_logit[kBlock], mean_logit[kBlock], expected_logit[kBlock];
    alignas(64) double target_mass[kBlock];
    alignas(64) int64_t predicted[kBlock];

    void open(const RowsTask& task, ptrdiff_t first, ptrdiff_t n_rows) {
        begin = first;
        count = n_rows;
        for (ptrdiff_t j = 0; j < kBlock; ++j) label[j] = -1;
        for (ptrdiff_t j = 0; j < kBlock; ++j) rest[j] = target_logit[j] = mean_logit[j] = 0.0;
        for (ptrdiff_t j = 0; j < kBlock; ++j) expected_logit[j] = target_mass[j] = 0.0;
        read_column(task.coef_softmax, by_softmax);
        read_column(task.coef_target, by_target);
        read_column(task.coef_class, by_class);
        if (!task.target.index) return;
        read_labels(task.target, begin, count, label);
        if (task.target.ignored_take_part) return;
#pragma omp simd
        for (ptrdiff_t j = 0; j < kBlock; ++j) {
            by_softmax[j] = label[j] < 0 ? 0.0 : by_softmax[j];
            by_target[j] = label[j] < 0 ? 0.0 : by_target[j];
            by_class[j] = label[j] < 0 ? 0.0 : by_class[j];
        }
    }

    void read_column(const Column& column, double* values) const {
        for (ptrdiff_t j = 0; j < kBlock; ++j) values[j] = 0.0;
        if (!column.data) return;
        if (column.step == 0)
            for (ptrdiff_t j = 0; j < count; ++j) values[j] = column.data[0];
        else
            for (ptrdiff_t j = 0; j < count; ++j) values[j] = column.data[(begin + j) * column.step];
    }

    Plan plan(ptrdiff_t j) const { return {label[j], by_softmax[j], by_target[j], by_class[j]}; }

    void write(double* to, const double* values) const {
        for (ptrdiff_t j = 0; to && j < count; ++j) to[begin + j] = values[j];
    }

    void close(const RowsTask& task) {
        // What comes last in every row is done for many rows at once: rows would wait for it, one after the other.
        alignas(64) double log_sum[kBlock];
        if (task.known_log_sum) {
            for (ptrdiff_t j = 0; j < count; ++j) log_sum[j] = task.known_log_sum[begin + j];
        } else {
#pragma omp simd
            for (ptrdiff_t j = 0; j < kBlock; ++j) log_sum[j] = log1p_nonnegative(rest[j]);
        }
        write(task.max, max);
        write(task.log_sum, log_sum);
        write(task.target_logit, target_logit);
        write(task.mean_logit, mean_logit);
        write(task.expected_logit, expected_logit);
        write(task.target_mass, target_mass);
        for (ptrdiff_t j = 0; task.predicted && j < count; ++j) task.predicted[begin + j] = predicted[j];
        if (!task.value) return;
        alignas(64) double value[kBlock];
#pragma omp simd
        for (ptrdiff_t j = 0; j < kBlock; ++j) {  // what has no coefficient is left out: it may be infinite
            const double of_sum = by_softmax[j] == 0.0 ? 0.0 : by_softmax[j] * log_sum[j];
            const double of_target = by_target[j] == 0.0 ? 0.0 : by_target[j] * target_logit[j];
            const double of_class = by_class[j] == 0.0 ? 0.0 : by_class[j] * mean_logit[j];
            value[j] = of_sum + of_target + of_class;
        }
        write(task.value, value);
    }
};

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
