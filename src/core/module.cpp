// The Python extension xent.kernels._native: checks that keep memory safe, threads, and the choice of a level.
//
// native.py is its only caller: it chooses dtypes and strides, allocates every result and counts the threads.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "rows.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace xent {
namespace {

// ---- which level ----------------------------------------------------------------------------------------------------

struct Level {
    const Kernels* kernels;
    bool runs_here;
};

const Kernels* active = &baseline::kernels;

// Use the best level that this processor runs, up to the one named `cap`.
const char* use_level(const char* cap) {
    const Level levels[] = {
        {&baseline::kernels, true},
#ifdef XENT_X86_LEVELS
        {&v3::kernels, __builtin_cpu_supports("x86-64-v3") != 0},
        {&v4::kernels, __builtin_cpu_supports("x86-64-v4") != 0},
#endif
    };
    for (const Level& level : levels) {
        if (level.runs_here) active = level.kernels;
        if (std::strcmp(level.kernels->level, cap) == 0) break;
    }
    return active->level;
}

// ---- arguments ------------------------------------------------------------------------------------------------------

using AnyMatrix = nb::ndarray<nb::ro, nb::ndim<2>, nb::device::cpu>;
using OutMatrix = nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Refuse what would read or write out of bounds. `name` is "function: argument".
void expect_size(const char* name, size_t size, ptrdiff_t expected) {
    if (static_cast<ptrdiff_t>(size) == expected) return;
    throw nb::value_error((std::string(name) + " must have " + std::to_string(expected) + " entries; got " +
                           std::to_string(size) + "\n\nhint: pass one entry for each row (or class) of the logits")
                              .c_str());
}

DType dtype_of(const nb::dlpack::dtype& dtype) {
    if (dtype == nb::dtype<float>()) return DType::float32;
    if (dtype == nb::dtype<double>()) return DType::float64;
    throw nb::type_error("the compiled kernels take float32 and float64 matrices only");
}

template <class Byte, class Array>
MatrixOf<Byte> as_matrix(const Array& array) {
    const DType dtype = dtype_of(array.dtype());
    if (array.shape(1) > 1 && array.stride(1) != 1) throw nb::value_error("the class axis must be contiguous");
    const ptrdiff_t n_rows = array.shape(0), n_classes = array.shape(1), row_stride = array.stride(0);
    return {static_cast<Byte*>(array.data()), n_rows, n_classes, row_stride * element_size(dtype), dtype};
}

Matrix logits_of(const AnyMatrix& array) { return as_matrix<const char>(array); }

MutableMatrix out_of(const char* name, const OutMatrix& array, const Matrix& logits) {
    expect_size(name, array.size(), logits.n_rows * logits.n_classes);
    return as_matrix<char>(array);
}

// A vector over the classes, as a matrix whose rows are all that vector; or nothing.
Matrix class_coef_of(const char* name, const Vector<const double>& array, const Matrix& logits) {
    if (!array.is_valid()) return {};
    expect_size(name, array.size(), logits.n_classes);
    return {reinterpret_cast<const char*>(array.data()), logits.n_rows, logits.n_classes, 0, DType::float64};
}

const int64_t* index_of(const char* name, const Vector<const int64_t>& array, const Matrix& logits,
                        int64_t lowest = INT64_MIN) {
    if (!array.is_valid()) return nullptr;
    expect_size(name, array.size(), logits.n_rows);
    for (ptrdiff_t i = 0; i < logits.n_rows; ++i) {
        const int64_t index = array.data()[i];
        if (index >= lowest && index < logits.n_classes) continue;
        throw nb::index_error((std::string(name) + " must lie in 0 … " + std::to_string(logits.n_classes - 1) +
                               "; got " + std::to_string(index) + " at row " + std::to_string(i) +
                               "\n\nhint: count classes from 0, and check that target and logits have the same classes")
                                  .c_str());
    }
    return array.data();
}

Target target_of(const char* name, const Vector<const int64_t>& index, const AnyMatrix& probs, const Matrix& logits) {
    Target target;
    target.index = index_of(name, index, logits);
    if (probs.is_valid()) {
        expect_size(name, probs.shape(0), logits.n_rows);
        expect_size(name, probs.shape(1), logits.n_classes);
        target.probs = logits_of(probs);
    }
    return target;
}

template <class T>
T* column(const char* name, const Vector<T>& array, const Matrix& logits) {
    if (!array.is_valid()) return nullptr;
    expect_size(name, array.size(), logits.n_rows);
    return array.data();
}

// ---- threads --------------------------------------------------------------------------------------------------------

// Call work(begin, end) for parts of [0, count), each part in a thread.
template <class Work>
void share(ptrdiff_t count, int threads, const Work& work) {
    const int parts = static_cast<int>(std::max<ptrdiff_t>(1, std::min<ptrdiff_t>(threads, count)));
    if (parts == 1) return work(ptrdiff_t{0}, count);  // without waking the OpenMP runtime
#pragma omp parallel for num_threads(parts) schedule(static)
    for (int part = 0; part < parts; ++part) work(count * part / parts, count * (part + 1) / parts);
}

template <class Task>
void run(void (*kernel)(const Task&, ptrdiff_t, ptrdiff_t), const Task& task, int threads) {
    nb::gil_scoped_release no_gil;
    share(task.logits.n_rows, threads, [&](ptrdiff_t begin, ptrdiff_t end) { kernel(task, begin, end); });
}

// ---- the functions that Python sees ---------------------------------------------------------------------------------

void row_stats(AnyMatrix logits, Vector<const int64_t> target, AnyMatrix target_probs, Vector<const double> class_coef,
               double scale, Vector<double> max, Vector<double> log_sum, Vector<double> target_logit,
               Vector<double> mean_logit, int threads) {
    StatsTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.target = target_of("row_stats: target", target, target_probs, task.logits);
    task.class_coef = class_coef_of("row_stats: class_coef", class_coef, task.logits);
    task.max = column("row_stats: max", max, task.logits);
    task.log_sum = column("row_stats: log_sum", log_sum, task.logits);
    task.target_logit = column("row_stats: target_logit", target_logit, task.logits);
    task.mean_logit = column("row_stats: mean_logit", mean_logit, task.logits);
    run(active->row_stats, task, threads);
}

void row_softmax(AnyMatrix logits, double scale, bool log, OutMatrix out, int threads) {
    SoftmaxTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.out = out_of("row_softmax: out", out, task.logits);
    run(log ? active->row_log_softmax : active->row_softmax, task, threads);
}

void row_grad(AnyMatrix logits, Vector<const double> coef_softmax, Vector<const double> coef_target,
              Vector<const int64_t> target, AnyMatrix target_probs, Vector<const double> coef_class,
              Vector<const double> class_coef, double scale, OutMatrix out, int threads) {
    GradTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.target = target_of("row_grad: target", target, target_probs, task.logits);
    task.class_coef = class_coef_of("row_grad: class_coef", class_coef, task.logits);
    task.coef_softmax = column("row_grad: coef_softmax", coef_softmax, task.logits);
    task.coef_target = column("row_grad: coef_target", coef_target, task.logits);
    task.coef_class = column("row_grad: coef_class", coef_class, task.logits);
    task.out = out_of("row_grad: out", out, task.logits);
    run(active->row_grad, task, threads);
}

void row_moments(AnyMatrix logits, double scale, Vector<double> mean, Vector<double> variance, int threads) {
    MomentsTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.mean = column("row_moments: mean", mean, task.logits);
    task.variance = column("row_moments: variance", variance, task.logits);
    run(active->row_moments, task, threads);
}

void row_scores(AnyMatrix logits, Vector<const int64_t> target, double scale, Vector<double> nll,
                Vector<double> confidence, Vector<int64_t> predicted, Vector<int64_t> rank, Vector<double> sum_squares,
                int threads) {
    ScoresTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.target = index_of("row_scores: target", target, task.logits, 0);
    task.nll = column("row_scores: nll", nll, task.logits);
    task.confidence = column("row_scores: confidence", confidence, task.logits);
    task.predicted = column("row_scores: predicted", predicted, task.logits);
    task.rank = column("row_scores: rank", rank, task.logits);
    task.sum_squares = column("row_scores: sum_squares", sum_squares, task.logits);
    run(active->row_scores, task, threads);
}

void class_histogram(AnyMatrix logits, Vector<const int64_t> target, Vector<const double> weight, Table counts,
                     Table hits, Table prob_sums, int bits, double scale, int threads) {
    HistogramTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.target = index_of("class_histogram: target", target, task.logits, 0);
    task.weight = column("class_histogram: weight", weight, task.logits);
    task.bits = bits;
    if (bits < 0 || bits > 20) throw nb::value_error("class_histogram: bits must lie in 0 … 20");
    task.n_bins = n_bins_for(bits);
    const ptrdiff_t n_classes = task.logits.n_classes;
    expect_size("class_histogram: counts", counts.size(), n_classes * task.n_bins);
    expect_size("class_histogram: hits", hits.size(), n_classes * task.n_bins);
    expect_size("class_histogram: prob_sums", prob_sums.size(), n_classes * task.n_bins);
    task.counts = counts.data();
    task.hits = hits.data();
    task.prob_sums = prob_sums.data();

    const int parts = static_cast<int>(std::min<ptrdiff_t>(threads, n_classes / kLanes));
    if (parts <= 1) return run(active->histogram_rows, task, 1);

    const ptrdiff_t n = task.logits.n_rows;
    const std::unique_ptr<double[]> top(new double[n]), rest(new double[n]);
    task.top = top.get();
    task.rest = rest.get();
    run(active->histogram_tops, task, threads);
    nb::gil_scoped_release no_gil;
    share(n_classes, parts, [&](ptrdiff_t begin, ptrdiff_t end) { active->histogram_classes(task, begin, end); });
}

void row_hash(AnyMatrix logits, Vector<uint64_t> out, int threads) {
    HashTask task;
    task.logits = logits_of(logits);
    task.out = column("row_hash: out", out, task.logits);
    const ptrdiff_t n_words = task.logits.n_classes * element_size(task.logits.dtype) / 4;
    const std::unique_ptr<uint64_t[]> multipliers(new uint64_t[n_words]);
    active->fill_multipliers(multipliers.get(), n_words);
    task.multipliers = multipliers.get();
    run(active->row_hash, task, threads);
}

}  // namespace
}  // namespace xent

NB_MODULE(_native, m) {
    using namespace xent;
    use_level("v4");
    m.def("use_level", &use_level, "cap"_a);
    m.def("row_stats", &row_stats, "logits"_a.noconvert(), "target"_a.noconvert().none(),
          "target_probs"_a.noconvert().none(), "class_coef"_a.noconvert().none(), "scale"_a, "max"_a.noconvert(),
          "log_sum"_a.noconvert(), "target_logit"_a.noconvert(), "mean_logit"_a.noconvert(), "threads"_a);
    m.def("row_softmax", &row_softmax, "logits"_a.noconvert(), "scale"_a, "log"_a, "out"_a.noconvert(), "threads"_a);
    m.def("row_grad", &row_grad, "logits"_a.noconvert(), "coef_softmax"_a.noconvert(), "coef_target"_a.noconvert(),
          "target"_a.noconvert().none(), "target_probs"_a.noconvert().none(), "coef_class"_a.noconvert().none(),
          "class_coef"_a.noconvert().none(), "scale"_a, "out"_a.noconvert(), "threads"_a);
    m.def("row_moments", &row_moments, "logits"_a.noconvert(), "scale"_a, "mean"_a.noconvert(),
          "variance"_a.noconvert(), "threads"_a);
    m.def("row_scores", &row_scores, "logits"_a.noconvert(), "target"_a.noconvert(), "scale"_a, "nll"_a.noconvert(),
          "confidence"_a.noconvert(), "predicted"_a.noconvert(), "rank"_a.noconvert(), "sum_squares"_a.noconvert(),
          "threads"_a);
    m.def("class_histogram", &class_histogram, "logits"_a.noconvert(), "target"_a.noconvert(),
          "weight"_a.noconvert().none(), "counts"_a.noconvert(), "hits"_a.noconvert(), "prob_sums"_a.noconvert(),
          "bits"_a, "scale"_a, "threads"_a);
    m.def("row_hash", &row_hash, "logits"_a.noconvert(), "out"_a.noconvert(), "threads"_a);
}
