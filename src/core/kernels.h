// The interface between module.cpp, which knows Python and threads, and the kernels, which know rows of logits.
//
// The kernels (rows.cpp, elements.cpp, evaluate.cpp, scores.cpp, temperature.cpp) are compiled once per instruction-set
// level, with XENT_LEVEL naming the level, and table.cpp exports one table of function pointers each time; module.cpp
// picks one table. A kernel handles the rows [begin, end) of its task, each alone: the result of a row depends neither
// on its neighbours nor on how the rows are shared out.
//
// What every kernel computes, edge cases included, is specified by src/xent/kernels/numpy.py.

#pragma once

#include <cstddef>
#include <cstdint>

namespace xent {

enum class DType { float64, float32, float16, bfloat16 };

constexpr int kMaxAxes = 6;  // leading axes of a view, once those that can be merged are

// An array of rows with any strides, all in bytes; or nothing where `data` is null.
template <class Byte>
struct ViewOf {
    Byte* data = nullptr;
    DType dtype = DType::float64;
    ptrdiff_t n_rows = 0;
    ptrdiff_t n_classes = 0;
    ptrdiff_t class_stride = 0;
    int n_axes = 1;
    ptrdiff_t shape[kMaxAxes] = {};
    ptrdiff_t strides[kMaxAxes] = {};
};
using View = ViewOf<const char>;
using MutableView = ViewOf<char>;

enum class IndexType { int64, int32, int16, int8, uint8 };

// What rows are measured against: a class index each, or a weight for each class, or nothing.
struct RowTarget {
    const void* index = nullptr;
    IndexType index_type = IndexType::int64;
    int64_t ignore_index = -1;       // rows with this index, or a negative one, have no target
    bool ignored_take_part = false;  // whether such rows keep their coefficients all the same
    View probs;
};

// A number for each row, or with step 0 one for all of them; or 0 where `data` is null.
struct Column {
    const double* data = nullptr;
    ptrdiff_t step = 0;
    double operator[](ptrdiff_t i) const { return data ? data[i * step] : 0.0; }
};

// A loss as a function of the nll of a label, p = exp(-nll):
//   f(nll) = linear · nll + bounded · (1 - p^power) / power + focused · (1 - p)^focus · nll
struct Curve {
    double linear = 1.0, bounded = 0.0, power = 1.0, focused = 0.0, focus = 0.0;
};

// The rows of a loss: their statistics, and what these coefficients make of them,
//   value = coef_softmax · log_sum + coef_target · target_logit + coef_class · mean_logit + coef_square · lse²
//   dlogits = coef_softmax · softmax + coef_target · target + coef_class · class_coef + coef_square · (lse²)'
// With a coef_mass, that times a matrix target's mass, Σ of its weights, is added to coef_softmax, and coef_square is
// multiplied with the mass.
// With a curve, value is coef_softmax · f(nll) + coef_square · lse² and f' multiplies coef_softmax and coef_target.
// Results whose pointer is null are not computed.
struct RowsTask {
    View logits;
    double scale = 1.0;
    double softcap = 0.0;            // 0: none
    const double* offset = nullptr;  // added to each class
    RowTarget target;
    Column class_coef;                             // a number a class
    Column coef_softmax, coef_target, coef_class;  // numbers a row
    Column coef_mass, coef_square;
    const Curve* curve = nullptr;
    const double* known_max = nullptr;  // both or neither: what an earlier call found
    const double* known_log_sum = nullptr;
    double* max = nullptr;
    double* log_sum = nullptr;
    double* target_logit = nullptr;
    double* mean_logit = nullptr;
    double* expected_logit = nullptr;
    int64_t* predicted = nullptr;
    double* target_mass = nullptr;  // Σ of the weights of a matrix target
    double* value = nullptr;
    double* nll = nullptr;         // log_sum - target_logit; 0 of a row that takes no part
    double* value_sums = nullptr;  // of each kBlock rows from a multiple of that many on
    MutableView dlogits;
};

// What there is among class indices.
struct Census {
    ptrdiff_t live = 0;     // how many are not ignore_index
    ptrdiff_t outside = 0;  // how many of those are no class
};

// Binary decisions, one an element: rows of labels side by side. See elements.cpp for the curves; the sum of
//   weight · row_weight · (positive_factor · positive_weight · t' · f₊ + negative_factor · (1 - t') · f₋)
// with t' the smoothed target is taken part by part; where there is a place for it, the gradient of upstream times
// that sum is written too. A kernel handles parts of kElements elements, not rows.
struct ElementsTask {
    const void* logits = nullptr;
    DType dtype = DType::float64;
    ptrdiff_t count = 0, n_labels = 0;
    double scale = 1.0;
    const void* target = nullptr;  // as target_dtype, or a byte each
    DType target_dtype = DType::float64;
    bool target_is_byte = false;
    const uint8_t* live = nullptr;            // 0 where an element takes no part; null: all take part
    const double* positive_weight = nullptr;  // a number a label, or null
    const double* weight = nullptr;           // the same
    const double* row_weight = nullptr;       // a number a row, or null
    double positive_factor = 1.0, negative_factor = 1.0, smoothing = 0.0;
    double gamma_positive = 0.0, gamma_negative = 0.0, margin = 0.0;
    double upstream = 1.0;
    double* sums = nullptr;  // of each part
    void* dlogits = nullptr;
};

// A matrix whose rows are contiguous, or nothing where `data` is null.
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

struct SoftmaxTask {
    Matrix logits;
    double scale;
    MutableMatrix out;
};

constexpr int kTemperatureSums = 9;

// Sums over the rows of a fit's pass, kTemperatureSums numbers for each kBlock rows from a multiple of that many on:
// in the order of TemperatureSums of numpy.py.
struct TemperatureTask {
    View logits;
    RowTarget target;
    Column weight;  // null: 1 for each row
    double scale = 1.0;
    double* sums = nullptr;
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

// Counts of the rows of each bin of confidence: n_bins numbers each, in the order of confidence_counts in numpy.py.
struct ConfidenceTask {
    Matrix logits;
    double scale;
    const int64_t* target;
    ptrdiff_t n_bins;
    int64_t* counts;
    int64_t* undefined = nullptr;
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
    void (*rows)(const RowsTask&, ptrdiff_t begin, ptrdiff_t end);
    Census (*take_census)(const RowTarget&, ptrdiff_t n_rows, ptrdiff_t n_classes);
    void (*elements)(const ElementsTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_softmax)(const SoftmaxTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_log_softmax)(const SoftmaxTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*temperature_sums)(const TemperatureTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_scores)(const ScoresTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*confidence_counts)(const ConfidenceTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*histogram_rows)(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*histogram_tops)(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*histogram_classes)(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*row_hash)(const HashTask&, ptrdiff_t begin, ptrdiff_t end);
    void (*fill_multipliers)(uint64_t* out, ptrdiff_t n_words);
};

namespace {

constexpr ptrdiff_t kLanes = 16;  // inner loops run over multiples of this: no scalar remainders
constexpr ptrdiff_t kBlock = 64;  // most rows that are done together

constexpr ptrdiff_t kElements = 1024;  // elements of an ElementsTask whose sum is one number

constexpr ptrdiff_t round_up(ptrdiff_t count) { return (count + kLanes - 1) & ~(kLanes - 1); }

constexpr ptrdiff_t element_size(DType dtype) { return dtype == DType::float64 ? 8 : dtype == DType::float32 ? 4 : 2; }

// The number of bins of a class: two outside [2^-30, 2^30), and 2^bits for each of its 60 powers of two.
constexpr ptrdiff_t n_bins_for(int bits) { return (ptrdiff_t{60} << bits) + 2; }

// Call body(index) with the class indices of a target, as an array of their type.
template <class Body>
void with_index(const RowTarget& target, const Body& body) {
    switch (target.index_type) {
        case IndexType::int64:
            return body(static_cast<const int64_t*>(target.index));
        case IndexType::int32:
            return body(static_cast<const int32_t*>(target.index));
        case IndexType::int16:
            return body(static_cast<const int16_t*>(target.index));
        case IndexType::int8:
            return body(static_cast<const int8_t*>(target.index));
        case IndexType::uint8:
            return body(static_cast<const uint8_t*>(target.index));
    }
}

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
