// The sums that one step of a temperature's fit takes: read `Measured` first.
//
// The rules of evaluate.cpp hold here too. Logits are read as they are stored; all arithmetic is in double.

#include "lanes.h"
#include "tile_memory.h"

namespace xent {
namespace {

constexpr double kMost = 0x1.fffffffffffffp1023;

// What sixteen rows, one a lane, come to. Everything is relative to the row's largest logit, and weighed by
// e = exp(scale · (z - top)) but for the last two.
struct Measured {
    using Lanes = double[kLanes];
    alignas(64) Lanes top, at_target;
    alignas(64) Lanes sum, first, second, third;  // Σ e (z - top)^power
    alignas(64) Lanes all, count;                 // Σ (z - top) and their number, without those at -inf

    void clear() {
        for (ptrdiff_t i = 0; i < kLanes; ++i) sum[i] = first[i] = second[i] = third[i] = all[i] = count[i] = 0.0;
    }

    // Add a logit to each lane.
    template <class Real>
    void add(const Real* z, double scale) {
        constexpr Real lowest = sizeof(Real) == 8 ? static_cast<Real>(-kMost) : static_cast<Real>(-0x1.fffffep127);
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double below = static_cast<double>(z[i]) - top[i];
            const double e = exp_nonpositive(scale * below);
            const double value = below < -kMost ? 0.0 : below;  // for 0 · -inf would be NaN
            const double product = e * value, square = product * value;
            sum[i] += e;
            first[i] += product;
            second[i] += square;
            third[i] = mul_add(square, value, third[i]);
            all[i] += value;
            count[i] += z[i] >= lowest ? 1.0 : 0.0;
        }
    }
};

// Sixteen rows whose logits stand in a tile.
template <class Real>
void measure_tile(const Real* z, ptrdiff_t n_classes, const int64_t* label, double scale, Measured& out) {
    alignas(64) Real highest[kLanes];
    for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = static_cast<Real>(-kInf);
    for (ptrdiff_t k = 0; k < n_classes; ++k)
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = larger(z[k * kLanes + i], highest[i]);
#pragma omp simd
    for (ptrdiff_t i = 0; i < kLanes; ++i) out.top[i] = static_cast<double>(highest[i]);
    Measured sums = out;
    sums.clear();
    for (ptrdiff_t k = 0; k < n_classes; ++k) sums.add(z + k * kLanes, scale);
    out = sums;
    for (ptrdiff_t i = 0; i < kLanes; ++i)
        out.at_target[i] = static_cast<double>(z[label[i] * kLanes + i]) - out.top[i];
}

// One long row, whose classes take turns in the lanes, measured into lane `lane`.
template <class T>
void measure_row(const T* x, ptrdiff_t n_classes, ptrdiff_t label, double scale, ptrdiff_t lane, Measured& out) {
    using Real = RealOf<T>;
    const ptrdiff_t whole = n_classes & ~(kLanes - 1);
    alignas(64) Real last[kLanes], highest[kLanes], z[kLanes];
    for (ptrdiff_t i = 0; i < kLanes; ++i)
        last[i] = whole + i < n_classes ? static_cast<Real>(widen(x[whole + i])) : static_cast<Real>(-kInf);
    for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = last[i];
    for (ptrdiff_t k = 0; k < whole; k += kLanes)
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = larger<Real>(widen(x[k + i]), highest[i]);
    Real top = static_cast<Real>(-kInf);
    for (ptrdiff_t i = 0; i < kLanes; ++i) top = larger(highest[i], top);

    Measured row;
    row.clear();
    for (ptrdiff_t i = 0; i < kLanes; ++i) row.top[i] = static_cast<double>(top);
    for (ptrdiff_t k = 0; k < whole; k += kLanes) {
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) z[i] = widen(x[k + i]);
        row.add(z, scale);
    }
    if (whole < n_classes) row.add(last, scale);
    out.top[lane] = row.top[0];
    out.at_target[lane] = static_cast<double>(widen(x[label])) - row.top[0];
    out.sum[lane] = fold_sum(row.sum);
    out.first[lane] = fold_sum(row.first);
    out.second[lane] = fold_sum(row.second);
    out.third[lane] = fold_sum(row.third);
    out.all[lane] = fold_sum(row.all);
    out.count[lane] = fold_sum(row.count);
}

// The sums of a block, lane by lane: see TemperatureSums of numpy.py.
struct Sums {
    alignas(64) Measured::Lanes of[kTemperatureSums];

    void clear() {
        for (auto& lanes : of)
            for (double& lane : lanes) lane = 0.0;
    }

    // Add sixteen rows; those that are not there have weight 0.
    void add(const Measured& rows, const double* weights) {
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double at_target = rows.at_target[i], sum = rows.sum[i];
            const int known = sum == sum ? 1 : 0, finite = at_target >= -kMost ? 1 : 0;
            const int weighs = weights[i] > 0.0 ? 1 : 0;
            // What takes no part may be NaN. Said in bits: of `?:` compilers make two ways.
            const uint64_t mask = uint64_t{0} - static_cast<uint64_t>(known & finite & weighs);
            const auto kept = [mask](double x) { return from_bits(mask & bits_of(x)); };
            const double weight = kept(weights[i]);
            const double mean = rows.first[i] / sum;
            const double square = rows.second[i] / sum, variance = square - mean * mean;
            const double skew = rows.third[i] / sum - mean * (square + 2.0 * variance);
            const double at_zero = rows.all[i] / rows.count[i] - at_target;
            const double slope = kept(weight * (mean - at_target));
            of[0][i] += kept(1.0);
            of[1][i] += static_cast<double>(1 - known);
            of[2][i] += weight;
            of[3][i] += slope;
            of[4][i] += slope * slope;
            of[5][i] += kept(weight * larger(variance, 0.0));
            of[6][i] += kept(weight * skew);
            of[7][i] += kept(weight * at_zero);
            of[8][i] -= kept(weight * at_target);
        }
    }

    void write(double* out) const {
        for (int which = 0; which < kTemperatureSums; ++which) out[which] = fold_sum(of[which]);
    }
};

// Call measure(first, count, label, measured) for each sixteen rows, and add up what it finds, block by block.
template <class Measure>
void add_up(const TemperatureTask& task, ptrdiff_t begin, ptrdiff_t end, const Measure& measure) {
    alignas(64) int64_t label[kLanes];
    alignas(64) double weights[kLanes];
    Measured measured = {};
    Sums sums;
    for (ptrdiff_t block = begin; block < end; block += kBlock) {
        sums.clear();
        const ptrdiff_t block_end = smaller(block + kBlock, end);
        for (ptrdiff_t i = block; i < block_end; i += kLanes) {
            const ptrdiff_t count = smaller(kLanes, block_end - i);
            for (ptrdiff_t lane = 0; lane < kLanes; ++lane) {
                label[lane] = 0;
                weights[lane] = lane >= count ? 0.0 : task.weight.data ? task.weight[i + lane] : 1.0;
            }
            read_labels(task.target, i, count, label);
            measure(i, count, label, measured);
            sums.add(measured, weights);
        }
        sums.write(task.sums + block / kBlock * kTemperatureSums);
    }
}

template <class Real>
void add_up_tiles(const TemperatureTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t n = task.logits.n_classes;
    const Buffer<Real> tile(n * kLanes), spare(n * kLanes);
    add_up(task, begin, end, [&](ptrdiff_t first, ptrdiff_t count, const int64_t* label, Measured& out) {
        load_tile(task.logits, first, count, spare.get(), tile.get());
        measure_tile(tile.get(), n, label, task.scale, out);
    });
}

}  // namespace

namespace XENT_LEVEL {

void temperature_sums(const TemperatureTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const View& logits = task.logits;
    if (logits.n_classes <= kShort || logits.class_stride != element_size(logits.dtype)) {
        if (logits.dtype == DType::float64) return add_up_tiles<double>(task, begin, end);
        return add_up_tiles<float>(task, begin, end);
    }
    with_type(logits.dtype, [&](auto type) {
        using T = decltype(type);
        add_up(task, begin, end, [&](ptrdiff_t first, ptrdiff_t count, const int64_t* label, Measured& out) {
            for (ptrdiff_t lane = 0; lane < count; ++lane)
                measure_row(reinterpret_cast<const T*>(row_of(logits, first + lane)), logits.n_classes, label[lane],
                            task.scale, lane, out);
            for (ptrdiff_t lane = count; lane < kLanes; ++lane) out.sum[lane] = 1.0;
        });
    });
}

}  // namespace XENT_LEVEL
}  // namespace xent
