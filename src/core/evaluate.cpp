// The kernels of evaluations, all in double. Read `Row` (row.h) first: it is what all of them share.
//
// Rules of this file, which is linked several times into one library, each time for another processor:
// no std:: templates, no static objects, nothing with external linkage but the table at the end. A function that the
// linker may merge with its namesake of another level would sooner or later run on a processor that lacks it.
// Nothing of the mathematics library is called either, so results do not depend on which one is installed.

#include "row.h"

namespace xent {
namespace {

// Set the row's elements from `start` to factor times the values.
[[gnu::noinline]] void store(const double* values, ptrdiff_t count, double factor, DType dtype, char* row,
                             ptrdiff_t start) {
    with_type(dtype, [&](auto type) {
        auto* out = reinterpret_cast<decltype(type)*>(row) + start;
#pragma omp simd
        for (ptrdiff_t k = 0; k < count; ++k) narrow(factor * values[k], out[k]);
    });
}

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
