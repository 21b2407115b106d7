// What predictions are worth: the kernel row_scores, in double. Short rows go sixteen at a time, one a lane.
//
// The rules of evaluate.cpp hold here too.

#include "row.h"
#include "tile_memory.h"

namespace xent {
namespace {

// Finish rows that so far hold: rest as nll, z_target - max as confidence, Σ e_k² as sum_squares.
void finish_scores(const ScoresTask& task, ptrdiff_t begin, ptrdiff_t end) {
    double* __restrict nll = task.nll;
    double* __restrict confidence = task.confidence;
    double* __restrict sum_squares = task.sum_squares;
#pragma omp simd
    for (ptrdiff_t i = begin; i < end; ++i) {
        const double total = 1.0 + nll[i];
        nll[i] = log1p_nonnegative(nll[i]) - confidence[i];
        confidence[i] = 1.0 / total;
        sum_squares[i] = sum_squares[i] / (total * total);
    }
}

// ---- long rows ------------------------------------------------------------------------------------------------------

// The number of the window's classes that are placed before the target: those with a larger z, and the first `earlier`
// of them with an equal one.
int32_t count_before(const Row& row, double at_target, int32_t earlier) {
    int32_t before = 0;
#pragma omp simd reduction(+ : before)
    for (int32_t k = 0; k < static_cast<int32_t>(row.padded); ++k)
        before += (row.z[k] > at_target) | ((row.z[k] == at_target) & (k < earlier));
    return before;
}

// The first index of the window where z is `top`.
int32_t find_first(const Row& row) {
    const double top = row.top;
    int32_t first = kChunk;
#pragma omp simd reduction(min : first)
    for (int32_t k = 0; k < static_cast<int32_t>(row.padded); ++k) {
        const int32_t candidate = row.z[k] == top ? k : static_cast<int32_t>(kChunk);
        first = candidate < first ? candidate : first;
    }
    return first;
}

void score_long_rows(const ScoresTask& task, ptrdiff_t begin, ptrdiff_t end) {
    Row row(task.logits, task.scale);
    for (ptrdiff_t i = begin; i < end; ++i) {
        row.open(i);
        row.summarise();
        const double at_target = row.at(task.target[i]);
        task.nll[i] = row.rest;
        task.confidence[i] = at_target - row.top;
        task.sum_squares[i] = row.squares;
        if (!row.has_distribution()) {
            task.predicted[i] = -1;
            task.rank[i] = row.size();
            continue;
        }
        ptrdiff_t rank = 0;
        for (ptrdiff_t start = 0; start < row.size(); start += kChunk) {
            row.load_window(start);
            const ptrdiff_t target = task.target[i] - start;
            const ptrdiff_t earlier = target < 0 ? 0 : smaller(target, kChunk);  // of the window's classes
            rank += count_before(row, at_target, static_cast<int32_t>(earlier));
        }
        row.load_window(row.top_start);
        task.predicted[i] = row.top_start + find_first(row);
        task.rank[i] = rank;
    }
}

// ---- short rows -----------------------------------------------------------------------------------------------------

using Lanes = double[kLanes];

// Class indices and ranks of sixteen rows are doubles, like all that stands beside them.
struct Scored {
    alignas(64) Lanes top, first, rest, squares, at_target, rank;

    // Leave out NaN.
    void find_top(const double* z, ptrdiff_t n_classes) {
        alignas(64) Lanes highest, where;
        for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = -kInf;
        for (ptrdiff_t i = 0; i < kLanes; ++i) where[i] = 0.0;
        for (ptrdiff_t k = 0; k < n_classes; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) {
                const double value = z[k * kLanes + i];
                where[i] = value > highest[i] ? static_cast<double>(k) : where[i];
                highest[i] = larger(value, highest[i]);
            }
        __builtin_memcpy(top, highest, sizeof top);
        __builtin_memcpy(first, where, sizeof first);
    }

    // Find `rest`; and with kAll `squares` and `rank`, once `at_target` is known.
    template <bool kAll>
    void add_up(const double* z, ptrdiff_t n_classes, const Lanes& target) {
        alignas(64) Lanes highest, wanted, below, ties, of_squares, before;
        __builtin_memcpy(highest, top, sizeof top);
        __builtin_memcpy(wanted, at_target, sizeof at_target);
        for (ptrdiff_t i = 0; i < kLanes; ++i) below[i] = of_squares[i] = before[i] = 0.0;
        for (ptrdiff_t i = 0; i < kLanes; ++i) ties[i] = -1.0;  // the largest itself is not among the rest
        for (ptrdiff_t k = 0; k < n_classes; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) {
                const double value = z[k * kLanes + i], e = exp_nonpositive(value - highest[i]);
                const double tie = value == highest[i] ? 1.0 : 0.0;  // where e is exactly 1
                below[i] += e - tie;
                ties[i] += tie;
                if (kAll) {
                    of_squares[i] = mul_add(e, e, of_squares[i]);
                    const bool earlier = (value == wanted[i]) & (static_cast<double>(k) < target[i]);
                    before[i] += (value > wanted[i]) | earlier ? 1.0 : 0.0;
                }
            }
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double sum = below[i] + ties[i];
            rest[i] = highest[i] - highest[i] == 0.0 ? sum : kNaN;
        }
        __builtin_memcpy(squares, of_squares, sizeof squares);
        __builtin_memcpy(rank, before, sizeof rank);
    }
};

// Call use(first row, count, z, target) for each sixteen rows, with their scaled logits in a tile.
template <class Real, class Use>
void walk(const Matrix& matrix, double scale, const int64_t* targets, ptrdiff_t begin, ptrdiff_t end, const Use& use) {
    View logits;
    logits.data = matrix.data;
    logits.dtype = matrix.dtype;
    logits.n_rows = logits.shape[0] = matrix.n_rows;
    logits.n_classes = matrix.n_classes;
    logits.class_stride = element_size(matrix.dtype);
    logits.strides[0] = matrix.row_bytes;
    const ptrdiff_t size = matrix.n_classes * kLanes;
    const Buffer<Real> stored(size), spare(size);
    const Buffer<double> scaled(size);
    const Real* x = stored.get();
    double* z = scaled.get();
    alignas(64) Lanes target = {};
    for (ptrdiff_t row = begin; row < end; row += kLanes) {
        const ptrdiff_t count = smaller(kLanes, end - row);
        load_tile(logits, row, count, spare.get(), stored.get());
#pragma omp simd
        for (ptrdiff_t k = 0; k < size; ++k) z[k] = scale * static_cast<double>(x[k]);
        for (ptrdiff_t i = 0; i < count; ++i) target[i] = static_cast<double>(targets[row + i]);
        use(row, count, z, target);
    }
}

template <class Use>
void walk(const Matrix& logits, double scale, const int64_t* targets, ptrdiff_t begin, ptrdiff_t end, const Use& use) {
    if (logits.dtype == DType::float64)
        walk<double>(logits, scale, targets, begin, end, use);
    else
        walk<float>(logits, scale, targets, begin, end, use);
}

void score_short_rows(const ScoresTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t n = task.logits.n_classes;
    Scored scored = {};
    walk(task.logits, task.scale, task.target, begin, end,
         [&](ptrdiff_t row, ptrdiff_t count, const double* z, const Lanes& target) {
             for (ptrdiff_t i = 0; i < count; ++i) scored.at_target[i] = z[task.target[row + i] * kLanes + i];
             scored.find_top(z, n);
             scored.add_up<true>(z, n, target);
             for (ptrdiff_t i = 0; i < count; ++i) {
                 const bool known = scored.rest[i] == scored.rest[i];
                 task.nll[row + i] = scored.rest[i];
                 task.confidence[row + i] = scored.at_target[i] - scored.top[i];
                 task.sum_squares[row + i] = scored.squares[i];
                 task.predicted[row + i] = known ? static_cast<int64_t>(scored.first[i]) : -1;
                 task.rank[row + i] = known ? static_cast<int64_t>(scored.rank[i]) : n;
             }
         });
}

// ---- confidences in bins --------------------------------------------------------------------------------------------

// Sixteen rows that so far are their rest, and whether the prediction is right (1 or 0).
struct Counted {
    alignas(64) Lanes rest, right;

    void add_to(const ConfidenceTask& task, ptrdiff_t count) const {
        constexpr double kHalf = 0x1p28;
        const double n_bins = static_cast<double>(task.n_bins);
        alignas(64) int64_t bin[kLanes], upper[kLanes], lower[kLanes];
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double confidence = 1.0 / (1.0 + rest[i]);
            // The product is within rounding of the bin, which the edges b / n_bins decide.
            const double guess = static_cast<double>(static_cast<int64_t>(confidence * n_bins));
            const double down = confidence < guess / n_bins ? 1.0 : 0.0;
            const double up = confidence >= (guess + 1.0) / n_bins ? 1.0 : 0.0;
            const double found = guess - down + up;
            bin[i] = static_cast<int64_t>(found < n_bins ? found : n_bins - 1.0);  // at 1
            const double units = confidence * kHalf;
            upper[i] = static_cast<int64_t>(units);
            const double remaining = (units - static_cast<double>(upper[i])) * kHalf;
            lower[i] = static_cast<int64_t>((remaining + 0x1p52) - 0x1p52);  // to nearest
        }
        for (ptrdiff_t i = 0; i < count; ++i) {
            if (rest[i] != rest[i]) {
                ++*task.undefined;
                continue;
            }
            int64_t* counts = task.counts + bin[i];
            counts[0] += 1;
            counts[task.n_bins] += right[i] != 0.0 ? 1 : 0;
            counts[2 * task.n_bins] += upper[i];
            counts[3 * task.n_bins] += lower[i];
        }
    }
};

}  // namespace

namespace XENT_LEVEL {

void row_scores(const ScoresTask& task, ptrdiff_t begin, ptrdiff_t end) {
    if (task.logits.n_classes > kShort)
        score_long_rows(task, begin, end);
    else
        score_short_rows(task, begin, end);
    finish_scores(task, begin, end);
}

void confidence_counts(const ConfidenceTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t n = task.logits.n_classes;
    Counted counted = {};
    if (n <= kShort) {
        Scored scored = {};
        walk(task.logits, task.scale, task.target, begin, end,
             [&](ptrdiff_t, ptrdiff_t count, const double* z, const Lanes& target) {
                 scored.find_top(z, n);
                 scored.add_up<false>(z, n, target);
                 for (ptrdiff_t i = 0; i < kLanes; ++i) {
                     counted.rest[i] = scored.rest[i];
                     counted.right[i] = scored.first[i] == target[i] ? 1.0 : 0.0;
                 }
                 counted.add_to(task, count);
             });
        return;
    }
    Row row(task.logits, task.scale);
    for (ptrdiff_t first = begin; first < end; first += kLanes) {
        const ptrdiff_t count = smaller(kLanes, end - first);
        for (ptrdiff_t i = 0; i < count; ++i) {
            row.open(first + i);
            row.summarise();
            row.load_window(row.top_start);
            counted.rest[i] = row.rest;
            counted.right[i] = row.top_start + find_first(row) == task.target[first + i] ? 1.0 : 0.0;
        }
        counted.add_to(task, count);
    }
}

}  // namespace XENT_LEVEL
}  // namespace xent
