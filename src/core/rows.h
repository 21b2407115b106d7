// The interface between module.cpp, which knows Python and threads, and rows.cpp, which knows rows of logits.
//
// rows.cpp is compiled once per instruction-set level, with XENT_LEVEL naming the level, and exports one table of
// function pointers each time; module.cpp picks one table. A kernel handles the rows [begin, end) of its task, each
// alone: the result of a row depends neither on its neighbours nor on how the rows are shared out.
//
// What every kernel computes, edge cases included, is specified by src/xent/kernels/numpy.py.

#pragma once

#include <cstddef>
#include <cstdint>

namespace xent {

enum class DType { float32, float64 };

// A matrix whose rows are contiguous, or nothing where `data` is null. A row stride of 0 makes a vector a matrix of
// equal rows.
template <class Byte>
struct MatrixOf {
    Byte* data = nullptr;
    ptrdiff_t n_rows = 0;
    ptrdiff_t n_classes = 0;
    ptrdiff_t row_bytes = 0;
    DType dtype = DType::float64;
};
using Matrix = MatrixOf<const char>;
using MutableMatrix = MatrixOf<char>;

// What a row is measured against: a class index a row, or a weight for each class, or neither.
struct Target {
    const int64_t* index = nullptr;  // negative: this row has no target
    Matrix probs;
};

struct StatsTask {
    Matrix logits;
    double scale;
    Target target;
    Matrix class_coef;
    double* max;
    double* log_sum;
    double* target_logit;
    double* mean_logit;
};

struct SoftmaxTask {
    Matrix logits;
    double scale;
    MutableMatrix out;
};

struct GradTask {
    Matrix logits;
    double scale;
    Target target;
    Matrix class_coef;
    const double* coef_softmax;
    const double* coef_target;
    const double* coef_class;
    MutableMatrix out;
};

struct MomentsTask {
    Matrix logits;
    double scale;
    double* mean;
    double* variance;
};

struct ScoresTask {
    Matrix logits;
    double scale;
    const int64_t* target;
    double* nll;
    double* confidence;
    int64_t* predicted;
    int64_t* rank;
    double* sum_squares;
};

// One thread fills the histogram with `histogram_rows`. Several first find `top` and `rest` of every row, rows shared
// out (`histogram_tops`); then each takes all rows through the tables of its own classes (`histogram_classes`, where
// [begin, end) are classes). So a table has one writer and one order of additions, whatever the threads, and nothing
// that one thread writes is read by another but those two numbers a row.
struct HistogramTask {
    Matrix logits;
    double scale;
    const int64_t* target;
    const double* weight;  // null: 1 for each row
    int bits;
    ptrdiff_t n_bins;
    double* counts;
    double* hits;
    double* prob_sums;
    double* top;
    double* rest;
};

struct HashTask {
    Matrix logits;
    const uint64_t* multipliers;  // one for each 32-bit word of a row, from fill_multipliers
    uint64_t* out;
};

struct Kernels {
    const char* level;
    void (*row_stats)(const StatsTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_softmax)(const SoftmaxTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_log_softmax)(const SoftmaxTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_grad)(const GradTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_moments)(const MomentsTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_scores)(const ScoresTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*histogram_rows)(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*histogram_tops)(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*histogram_classes)(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_hash)(const HashTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*fill_multipliers)(uint64_t* out, ptrdiff_t n_words);
};

namespace {

constexpr ptrdiff_t kLanes = 16;  // inner loops run over multiples of this: no scalar remainders

constexpr ptrdiff_t round_up(ptrdiff_t count) { return (count + kLanes - 1) & ~(kLanes - 1); }

constexpr ptrdiff_t element_size(DType dtype) { return dtype == DType::float32 ? 4 : 8; }

// The number of bins of a class: two outside [2^-30, 2^30), and 2^bits for each of its 60 powers of two.
constexpr ptrdiff_t n_bins_for(int bits) { return (ptrdiff_t{60} << bits) + 2; }

}  // namespace

namespace baseline {
extern const Kernels kernels;
}
namespace v3 {
extern const Kernels kernels;
}
namespace v4 {
extern const Kernels kernels;
}

}  // namespace xent
