// The kernels of evaluations, all in double. Read `Row` first: it is what all of them share.
//
// Rules of this file, which is linked several times into one library, each time for another processor:
// no std:: templates, no static objects, nothing with external linkage but the table at the end. A function that the
// linker may merge with its namesake of another level would sooner or later run on a processor that lacks it.
// Nothing of the mathematics library is called either, so results do not depend on which one is installed.

#include "kernels.h"
#include "storage.h"
#include "vmath.h"

namespace xent {
namespace {

constexpr ptrdiff_t kChunk = 1024;  // elements of a row held at a time: z and e take 16 KiB, inside the first cache
constexpr double kInf = __builtin_inf();
constexpr double kNaN = __builtin_nan("");

ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

double larger(double a, double b) { return a > b ? a : b; }  // b where a is NaN

template <class Byte>
Byte* row_of(const MatrixOf<Byte>& matrix, ptrdiff_t i) {
    return matrix.data + i * matrix.row_bytes;
}

// Set out[0 .. round_up(count)) to factor times the row's elements from `start`, and to `pad` after them.
[[gnu::noinline]] void load(DType dtype, const char* row, ptrdiff_t start, ptrdiff_t count, double factor, double pad,
                            double* out) {
    with_type(dtype, [&](auto type) {
        const auto* x = reinterpret_cast<const decltype(type)*>(row) + start;
        const ptrdiff_t whole = count & ~(kLanes - 1), rest = count - whole;
#pragma omp simd
        for (ptrdiff_t k = 0; k < whole; ++k) out[k] = factor * static_cast<double>(widen(x[k]));
        if (rest == 0) return;
#pragma omp simd
        for (ptrdiff_t k = 0; k < kLanes; ++k)
            out[whole + k] = k < rest ? factor * static_cast<double>(widen(x[whole + k])) : pad;
    });
}

// Set the row's elements from `start` to factor times the values.
[[gnu::noinline]] void store(const double* values, ptrdiff_t count, double factor, DType dtype, char* row,
                             ptrdiff_t start) {
    with_type(dtype, [&](auto type) {
        auto* out = reinterpret_cast<decltype(type)*>(row) + start;
#pragma omp simd
        for (ptrdiff_t k = 0; k < count; ++k) narrow(factor * values[k], out[k]);
    });
}

// ---- one row --------------------------------------------------------------------------------------------------------

static_assert(kLanes == 16, "the folds below are written for it");

// The reductions that every row needs run over lanes, folded in halves at the end: GCC adds up the lanes of a reduction
// clause one by one, at the price of a short row, and compilers leave a maximum that honours NaN scalar.

double fold_sum(const double* lanes) {
    alignas(64) double half[8];
#pragma omp simd
    for (int i = 0; i < 8; ++i) half[i] = lanes[i] + lanes[i + 8];
#pragma omp simd
    for (int i = 0; i < 4; ++i) half[i] += half[i + 4];
    return (half[0] + half[2]) + (half[1] + half[3]);
}

double fold_max(const double* lanes) {
    alignas(64) double half[8];
#pragma omp simd
    for (int i = 0; i < 8; ++i) half[i] = larger(lanes[i], lanes[i + 8]);
#pragma omp simd
    for (int i = 0; i < 4; ++i) half[i] = larger(half[i], half[i + 4]);
    return larger(larger(half[0], half[2]), larger(half[1], half[3]));
}

// Largest of `padded` numbers, NaN left out.
[[gnu::noinline]] double largest(const double* __restrict z, ptrdiff_t padded) {
    alignas(64) double lanes[kLanes];
    for (ptrdiff_t i = 0; i < kLanes; ++i) lanes[i] = -kInf;
    for (ptrdiff_t k = 0; k < padded; k += kLanes)
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) lanes[i] = larger(z[k + i], lanes[i]);
    return fold_max(lanes);
}

// Sums over exponentials e_k = exp(z_k - top).
struct Sums {
    double below = 0.0;    // of those below the top
    double ties = 0.0;     // of those at the top: each is exactly 1
    double squares = 0.0;  // of all, squared
};

// Fill e, and add what it holds to `sums`.
[[gnu::noinline]] void exponentiate(const double* __restrict z, ptrdiff_t padded, double top, double* __restrict e,
                                    Sums& sums) {
#pragma omp simd
    for (ptrdiff_t k = 0; k < padded; ++k) e[k] = exp_nonpositive(z[k] - top);
    alignas(64) double below[kLanes], ties[kLanes], squares[kLanes];
    for (ptrdiff_t i = 0; i < kLanes; ++i) below[i] = ties[i] = squares[i] = 0.0;
    for (ptrdiff_t k = 0; k < padded; k += kLanes)
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double value = e[k + i];
            below[i] += z[k + i] == top ? 0.0 : value;
            ties[i] += z[k + i] == top ? 1.0 : 0.0;
            squares[i] = mul_add(value, value, squares[i]);
        }
    sums.below += fold_sum(below);
    sums.ties += fold_sum(ties);
    sums.squares += fold_sum(squares);
}

// A row of scaled logits z, seen through a window of kChunk elements. Unused lanes of the window hold z = -inf, e = 0,
// so loops run over `padded` elements without a remainder. A row that fits is loaded and exponentiated only once.
class Row {
  public:
    // The window.
    alignas(64) double z[kChunk];
    alignas(64) double e[kChunk];  // exp(z - top)
    ptrdiff_t padded;              // how many of them count, rounded up

    // The whole row; set by summarise, and `top` by find_top already.
    double top;            // the largest z, NaN left out
    ptrdiff_t top_start;   // the first position of the window that shows it
    double rest;           // Σ e_k without its largest term, which is exactly 1; NaN if there is no distribution
    double squares;        // Σ e_k²

    Row(const Matrix& logits, double scale) : matrix_(logits), scale_(scale) {}

    void open(ptrdiff_t i) {
        data_ = row_of(matrix_, i);
        loaded_ = exponentiated_ = -1;
    }

    ptrdiff_t size() const { return matrix_.n_classes; }

    ptrdiff_t count(ptrdiff_t start) const { return smaller(kChunk, size() - start); }

    void load_window(ptrdiff_t start) {
        if (loaded_ == start) return;
        load(matrix_.dtype, data_, start, count(start), scale_, -kInf, z);
        padded = round_up(count(start));
        loaded_ = start;
    }

    double at(ptrdiff_t k) const {
        alignas(64) double value[kLanes];
        load(matrix_.dtype, data_, k, 1, scale_, 0.0, value);
        return value[0];
    }

    void find_top() {
        top = -kInf;
        top_start = 0;
        for (ptrdiff_t start = 0; start < size(); start += kChunk) {
            load_window(start);
            const double here = largest(z, padded);
            if (here > top) {
                top = here;
                top_start = start;
            }
        }
    }

    void exponentiate_window(ptrdiff_t start, Sums& sums) {
        load_window(start);
        exponentiate(z, padded, top, e, sums);
        exponentiated_ = start;
    }

    void summarise() {
        find_top();
        Sums sums;
        for (ptrdiff_t start = 0; start < size(); start += kChunk) exponentiate_window(start, sums);
        const bool finite = top - top == 0.0;
        rest = finite ? sums.below + (sums.ties - 1.0) : kNaN;
        squares = sums.squares;
    }

    // Move the window, with z and e both filled.
    void show(ptrdiff_t start) {
        Sums unused;
        if (exponentiated_ != start) exponentiate_window(start, unused);
    }

    bool has_distribution() const { return rest == rest; }

  private:
    Matrix matrix_;
    double scale_;
    const char* data_ = nullptr;
    ptrdiff_t loaded_ = -1;
    ptrdiff_t exponentiated_ = -1;
};

}  // namespace

namespace XENT_LEVEL {

// ---- the kernels ----------------------------------------------------------------------------------------------------

void row_softmax(const SoftmaxTask& task, ptrdiff_t begin, ptrdiff_t end) {
    Row row(task.logits, task.scale);
    for (ptrdiff_t i = begin; i < end; ++i) {
        row.open(i);
        row.summarise();
        const double inverse = 1.0 / (1.0 + row.rest);
        for (ptrdiff_t start = 0; start < row.size(); start += kChunk) {
            row.show(start);
            store(row.e, row.count(start), inverse, task.out.dtype, row_of(task.out, i), start);
        }
    }
}

void row_log_softmax(const SoftmaxTask& task, ptrdiff_t begin, ptrdiff_t end) {
    Row row(task.logits, task.scale);
    alignas(64) double log_probs[kChunk];
    for (ptrdiff_t i = begin; i < end; ++i) {
        row.open(i);
        row.summarise();
        const double top = row.top, log_sum = log1p_nonnegative(row.rest);
        for (ptrdiff_t start = 0; start < row.size(); start += kChunk) {
            row.load_window(start);
#pragma omp simd
            for (ptrdiff_t k = 0; k < row.padded; ++k) log_probs[k] = (row.z[k] - top) - log_sum;
            store(log_probs, row.count(start), 1.0, task.out.dtype, row_of(task.out, i), start);
        }
    }
}

// The window's values z - max and weights exp(scale (z - max)), both 0 for classes at -inf.
struct Weighed {
    alignas(64) double value[kChunk];
    alignas(64) double weight[kChunk];
    double sum;
    double weighted_sum;
};

static void weigh(const Row& row, double scale, Weighed& out) {
    const double top = row.top;
    double sum = 0.0, weighted_sum = 0.0;
#pragma omp simd reduction(+ : sum, weighted_sum)
    for (ptrdiff_t k = 0; k < row.padded; ++k) {
        const double relative = row.z[k] - top;
        const double weight = relative == -kInf ? 0.0 : exp_nonpositive(scale * relative);
        const double value = relative == -kInf ? 0.0 : relative;
        out.value[k] = value;
        out.weight[k] = weight;
        sum += weight;
        weighted_sum = mul_add(weight, value, weighted_sum);
    }
    out.sum = sum;
    out.weighted_sum = weighted_sum;
}

static double squared_deviations(const Weighed& row, ptrdiff_t padded, double mean) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (ptrdiff_t k = 0; k < padded; ++k) {
        const double deviation = row.value[k] - mean;
        sum = mul_add(row.weight[k] * deviation, deviation, sum);
    }
    return sum;
}

void row_moments(const MomentsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    Row row(task.logits, 1.0);
    Weighed weighed;
    for (ptrdiff_t i = begin; i < end; ++i) {
        row.open(i);
        row.find_top();
        double sum = 0.0, weighted_sum = 0.0, squares = 0.0;
        for (ptrdiff_t start = 0; start < row.size(); start += kChunk) {
            row.load_window(start);
            weigh(row, task.scale, weighed);
            sum += weighed.sum;
            weighted_sum += weighed.weighted_sum;
        }
        const double mean = weighted_sum / sum;
        const bool fits = row.size() <= kChunk;
        for (ptrdiff_t start = 0; start < row.size(); start += kChunk) {
            row.load_window(start);
            if (!fits) weigh(row, task.scale, weighed);
            squares += squared_deviations(weighed, row.padded, mean);
        }
        task.mean[i] = mean;
        task.variance[i] = squares / sum;
    }
}

// The number of the window's classes that are placed before the target: those with a larger z, and the first `earlier`
// of them with an equal one.
static int32_t count_before(const Row& row, double at_target, int32_t earlier) {
    int32_t before = 0;
#pragma omp simd reduction(+ : before)
    for (int32_t k = 0; k < static_cast<int32_t>(row.padded); ++k)
        before += (row.z[k] > at_target) | ((row.z[k] == at_target) & (k < earlier));
    return before;
}

// The first index of the window where z is `top`.
static int32_t find_first(const Row& row) {
    const double top = row.top;
    int32_t first = kChunk;
#pragma omp simd reduction(min : first)
    for (int32_t k = 0; k < static_cast<int32_t>(row.padded); ++k) {
        const int32_t candidate = row.z[k] == top ? k : static_cast<int32_t>(kChunk);
        first = candidate < first ? candidate : first;
    }
    return first;
}

// Finish rows that so far hold: rest as nll, z_target - max as confidence, Σ e_k² as sum_squares.
static void finish_scores(const ScoresTask& task, ptrdiff_t begin, ptrdiff_t end) {
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

void row_scores(const ScoresTask& task, ptrdiff_t begin, ptrdiff_t end) {
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
    finish_scores(task, begin, end);
}

// A window's bins, and its probabilities times the weight of the row.
struct Binned {
    alignas(64) int32_t bin[kChunk];
    alignas(64) double mass[kChunk];
};

// The bin of odds is their leading bits. They are clamped first, as doubles: below 2^-30 lies bin 0, at 2^30 the last.
static void bin_window(const Row& row, int bits, double weight, Binned& out) {
    constexpr double kLargest = 0x1p30;
    constexpr double kBelowFirst = 0x1.fffffffffffffp-31;
    const int shift = 52 - bits;
    const int32_t offset = ((1023 - 30) << bits) - 1;
    const double top = row.top, rest = row.rest, share = weight / (1.0 + row.rest);
#pragma omp simd
    for (ptrdiff_t k = 0; k < row.padded; ++k) {
        const double others = row.z[k] == top ? rest : 1.0 + (rest - row.e[k]);
        double odds = row.e[k] / others;
        odds = odds > kBelowFirst ? odds : kBelowFirst;
        odds = odds < kLargest ? odds : kLargest;
        out.bin[k] = static_cast<int32_t>(bits_of(odds) >> shift) - offset;
        out.mass[k] = share * row.e[k];
    }
}

// Add row i to the tables of its classes, of which the row shows those from `first_class`.
static void add_to_tables(Row& row, const HistogramTask& task, ptrdiff_t i, ptrdiff_t first_class, Binned& binned) {
    const double weight = task.weight ? task.weight[i] : 1.0;
    for (ptrdiff_t start = 0; start < row.size(); start += kChunk) {
        row.show(start);
        bin_window(row, task.bits, weight, binned);
        const ptrdiff_t count = row.count(start), first_cell = (first_class + start) * task.n_bins;
        double* __restrict counts = task.counts + first_cell;
        double* __restrict prob_sums = task.prob_sums + first_cell;
        for (ptrdiff_t k = 0; k < count; ++k) {
            counts[binned.bin[k]] += weight;
            prob_sums[binned.bin[k]] += binned.mass[k];
            counts += task.n_bins;
            prob_sums += task.n_bins;
        }
        const ptrdiff_t target = task.target[i] - first_class - start;
        if (target >= 0 && target < count) task.hits[first_cell + target * task.n_bins + binned.bin[target]] += weight;
    }
}

void histogram_rows(const HistogramTask& task, ptrdiff_t begin, ptrdiff_t end) {
    Row row(task.logits, task.scale);
    Binned binned;
    for (ptrdiff_t i = begin; i < end; ++i) {
        row.open(i);
        row.summarise();
        if (row.has_distribution()) add_to_tables(row, task, i, 0, binned);
    }
}

void histogram_tops(const HistogramTask& task, ptrdiff_t begin, ptrdiff_t end) {
    Row row(task.logits, task.scale);
    for (ptrdiff_t i = begin; i < end; ++i) {
        row.open(i);
        row.summarise();
        task.top[i] = row.top;
        task.rest[i] = row.rest;
    }
}

void histogram_classes(const HistogramTask& task, ptrdiff_t begin, ptrdiff_t end) {
    Matrix part = task.logits;
    part.data += begin * element_size(part.dtype);
    part.n_classes = end - begin;
    Row row(part, task.scale);
    Binned binned;
    for (ptrdiff_t i = 0; i < part.n_rows; ++i) {
        row.open(i);
        row.top = task.top[i];
        row.rest = task.rest[i];
        if (row.has_distribution()) add_to_tables(row, task, i, begin, binned);
    }
}

// The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
static uint64_t mix(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

void fill_multipliers(uint64_t* out, ptrdiff_t n_words) {
    for (ptrdiff_t k = 0; k < n_words; ++k) out[k] = mix(static_cast<uint64_t>(k) + 1) | 1;
}

void row_hash(const HashTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t n_words = task.logits.n_classes * element_size(task.logits.dtype) / 4;
    for (ptrdiff_t i = begin; i < end; ++i) {
        const char* words = row_of(task.logits, i);
        uint64_t sum = 0;
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t k = 0; k < n_words; ++k) {
            uint32_t word;
            memcpy(&word, words + k * sizeof word, sizeof word);
            sum += word * task.multipliers[k];
        }
        task.out[i] = mix(sum);
    }
}

}  // namespace XENT_LEVEL
}  // namespace xent
