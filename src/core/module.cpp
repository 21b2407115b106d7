// The Python extension xent.kernels._native: checks that keep memory safe, threads, and the choice of a level.
//
// native.py is its only caller: it chooses dtypes and strides, allocates every result and counts the threads.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "jax.h"
#include "kernels.h"
#include "reduction.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace xent {

const Kernels* active = &baseline::kernels;

namespace {

// ---- which level ----------------------------------------------------------------------------------------------------

struct Level {
    const Kernels* kernels;
    bool runs_here;
};

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
using Counts = nb::ndarray<int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
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
    if (dtype.code == static_cast<uint8_t>(nb::dlpack::dtype_code::Float) && dtype.bits == 16) return DType::float16;
    throw nb::type_error("these kernels take float16, float32 and float64 matrices only");
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

template <class T>
T* column(const char* name, const Vector<T>& array, const Matrix& logits) {
    if (!array.is_valid()) return nullptr;
    expect_size(name, array.size(), logits.n_rows);
    return array.data();
}

// ---- threads --------------------------------------------------------------------------------------------------------

// OpenMP's threads are those of PyTorch where that is loaded: its libgomp has the name of the system's, and a process
// loads a name once. A second set of threads would get into the way of the first, which spins on for a while.

// Call work(begin, end) for parts of [0, count). There are more parts than threads, since parts may be unlike: a row
// that is ignored costs nothing.
template <class Work>
void share(ptrdiff_t count, int threads, const Work& work) {
    threads = static_cast<int>(std::max<ptrdiff_t>(1, std::min<ptrdiff_t>(threads, count)));
    if (threads == 1) return work(ptrdiff_t{0}, count);  // without waking other threads
    struct Parts {
        const Work& work;
        ptrdiff_t count, n_parts;
        std::atomic<ptrdiff_t> next{0};

        static void take(void* self) {
            Parts& parts = *static_cast<Parts*>(self);
            for (ptrdiff_t part = parts.next++; part < parts.n_parts; part = parts.next++)
                parts.work(parts.count * part / parts.n_parts, parts.count * (part + 1) / parts.n_parts);
        }
    } parts{work, count, std::min<ptrdiff_t>(count, ptrdiff_t{4} * threads)};
#pragma omp parallel num_threads(threads)
    Parts::take(&parts);
}

template <class Task>
void run(void (*kernel)(const Task&, ptrdiff_t, ptrdiff_t), const Task& task, int threads) {
    nb::gil_scoped_release no_gil;
    share(task.logits.n_rows, threads, [&](ptrdiff_t begin, ptrdiff_t end) { kernel(task, begin, end); });
}

// ---- the rows of a loss ---------------------------------------------------------------------------------------------

// Arrays come as addresses, since those of PyTorch have no cheaper way. native.py vouches for them.
template <class T>
T* at(uintptr_t address) {
    return reinterpret_cast<T*>(address);
}

// An empty tuple is no array; else (address, dtype, number of rows, classes, class stride, shape and strides of the
// other axes, merged), strides in bytes.
template <class Byte>
ViewOf<Byte> view_of(const nb::tuple& parts) {
    ViewOf<Byte> view;
    if (parts.size() == 0) return view;
    view.data = at<Byte>(nb::cast<uintptr_t>(parts[0]));
    view.dtype = static_cast<DType>(nb::cast<int>(parts[1]));
    view.n_rows = nb::cast<ptrdiff_t>(parts[2]);
    view.n_classes = nb::cast<ptrdiff_t>(parts[3]);
    view.class_stride = nb::cast<ptrdiff_t>(parts[4]);
    const nb::tuple shape = nb::cast<nb::tuple>(parts[5]), strides = nb::cast<nb::tuple>(parts[6]);
    if (shape.size() < 1 || shape.size() > kMaxAxes || shape.size() != strides.size())
        throw nb::value_error("a view must have 1 to 6 axes beside the classes, once merged");
    view.n_axes = static_cast<int>(shape.size());
    for (int axis = 0; axis < view.n_axes; ++axis) {
        view.shape[axis] = nb::cast<ptrdiff_t>(shape[axis]);
        view.strides[axis] = nb::cast<ptrdiff_t>(strides[axis]);
    }
    return view;
}

RowTarget index_target(uintptr_t index, int type, int64_t ignore_index) {
    RowTarget target;
    target.index = at<const void>(index);
    target.index_type = static_cast<IndexType>(type);
    target.ignore_index = ignore_index;
    return target;
}

// Return the first row whose index is no class, of which there is one.
ptrdiff_t first_outside(const RowTarget& target, ptrdiff_t n_classes) {
    ptrdiff_t i = 0;
    with_index(target, [&](const auto* index) {
        while (int64_t{index[i]} == target.ignore_index || (index[i] >= 0 && index[i] < n_classes)) ++i;
    });
    return i;
}

// Threads share out `unit` rows and multiples.
void run_rows(const RowsTask& task, int threads, ptrdiff_t unit = 1) {
    const ptrdiff_t n = task.logits.n_rows;
    share((n + unit - 1) / unit, threads,
          [&](ptrdiff_t begin, ptrdiff_t end) { active->rows(task, begin * unit, std::min(end * unit, n)); });
}

// The sum, with what each addition rounded off put back: a solver compares values that differ in their last digits.
double sum_of(const std::vector<double>& terms) {
    double total = 0.0, lost = 0.0;
    for (const double term : terms) {
        const double next = total + term, added = next - total;
        lost += (total - (next - added)) + (term - added);
        total = next;
    }
    return std::isfinite(lost) ? total + lost : total;
}

constexpr ptrdiff_t kFewRows = 64 * kBlock;

// The same, and return the sum of the values: row by row where there are so few rows that each may be a thread's work,
// else block by block. That depends on nothing but their number.
double run_and_sum(RowsTask& task, int threads) {
    const ptrdiff_t n = task.logits.n_rows, unit = n < kFewRows ? 1 : kBlock;
    std::vector<double> sums((n + unit - 1) / unit);
    (unit == 1 ? task.value : task.value_sums) = sums.data();
    run_rows(task, threads, unit);
    return sum_of(sums);
}

// See RowsTask. Returns the first row whose index is no class (and does nothing then), or -1.
ptrdiff_t rows(nb::tuple logits, nb::tuple dlogits, uintptr_t target, int target_type, int64_t ignore_index,
               bool ignored_take_part, nb::tuple probs, double scale, double softcap, uintptr_t offset,
               uintptr_t class_coef, int class_step, uintptr_t coef_softmax, int softmax_step, uintptr_t coef_target,
               int target_step, uintptr_t coef_class, int coef_class_step, uintptr_t known_max, uintptr_t known_log_sum,
               uintptr_t max, uintptr_t log_sum, uintptr_t target_logit, uintptr_t mean_logit, uintptr_t expected_logit,
               uintptr_t predicted, uintptr_t target_mass, uintptr_t value, int threads) {
    RowsTask task;
    task.logits = view_of<const char>(logits);
    task.dlogits = view_of<char>(dlogits);
    task.scale = scale;
    task.softcap = softcap;
    task.offset = at<const double>(offset);
    task.target = index_target(target, target_type, ignore_index);
    task.target.ignored_take_part = ignored_take_part;
    task.target.probs = view_of<const char>(probs);
    task.class_coef = {at<const double>(class_coef), class_step};
    task.coef_softmax = {at<const double>(coef_softmax), softmax_step};
    task.coef_target = {at<const double>(coef_target), target_step};
    task.coef_class = {at<const double>(coef_class), coef_class_step};
    task.known_max = at<const double>(known_max);
    task.known_log_sum = at<const double>(known_log_sum);
    task.max = at<double>(max);
    task.log_sum = at<double>(log_sum);
    task.target_logit = at<double>(target_logit);
    task.mean_logit = at<double>(mean_logit);
    task.expected_logit = at<double>(expected_logit);
    task.predicted = at<int64_t>(predicted);
    task.target_mass = at<double>(target_mass);
    task.value = at<double>(value);
    nb::gil_scoped_release no_gil;
    const ptrdiff_t n_classes = task.logits.n_classes;
    if (task.target.index && active->take_census(task.target, task.logits.n_rows, n_classes).outside > 0)
        return first_outside(task.target, n_classes);
    run_rows(task, threads);
    return -1;
}

// A loss of rows, reduced, value and gradient in one pass, with the least around it: what is called most.
// The target is class indices, or probabilities times the class weights. `dlogits` may be none, or the logits themselves,
// and is that of upstream · value. That product is written to `out`, if that is not 0, as float64 or float32. `curve` is
// empty or what Curve says, in its order. `nll` gets that of each row, if it is not 0. Returns
// (denominator, first row whose index is no class or -1).
nb::tuple reduced_loss(uintptr_t out, bool out_is_double, double upstream, nb::tuple dlogits, nb::tuple logits,
                       uintptr_t target, int target_type, int64_t ignore_index, nb::tuple probs, double keep,
                       double spread, nb::tuple curve, double z_loss, uintptr_t class_weight, uintptr_t class_factor,
                       uintptr_t row_weight, bool mean, double normalizer, double when_empty, double scale,
                       uintptr_t nll, int threads) {
    RowsTask task;
    task.logits = view_of<const char>(logits);
    task.dlogits = view_of<char>(dlogits);
    task.scale = scale;
    task.target = index_target(target, target_type, ignore_index);
    task.target.probs = view_of<const char>(probs);
    Curve terms;
    if (curve.size() > 0) {
        double* const parts[] = {&terms.linear, &terms.bounded, &terms.power, &terms.focused, &terms.focus};
        for (int part = 0; part < 5; ++part) *parts[part] = nb::cast<double>(curve[part]);
        task.curve = &terms;
    }
    const Reduction how{keep,
                        spread,
                        at<const double>(class_weight),
                        at<const double>(class_factor),
                        at<const double>(row_weight),
                        z_loss,
                        mean,
                        normalizer};
    const ptrdiff_t n = task.logits.n_rows, n_classes = task.logits.n_classes;
    double total = 0.0, denominator = 0.0;
    ptrdiff_t outside = -1;
    {
        nb::gil_scoped_release no_gil;
        Census census{n, 0};
        if (task.target.index) census = active->take_census(task.target, n, n_classes);
        if (census.outside > 0) {
            outside = first_outside(task.target, n_classes);
        } else {
            denominator = how.denominator(task.target, n, census.live);
            Coefficients coefficients;
            coefficients.give(task, how, upstream * (!mean ? 1.0 : denominator != 0.0 ? 1.0 / denominator : 0.0));
            task.nll = at<double>(nll);
            total = run_and_sum(task, threads);
        }
    }
    if (mean && denominator == 0.0) total = when_empty;
    if (out && out_is_double)
        *at<double>(out) = total;
    else if (out)
        *at<float>(out) = static_cast<float>(total);
    return nb::make_tuple(denominator, outside);
}

// ---- binary decisions -----------------------------------------------------------------------------------------------

// See ElementsTask; returns the sum.
double elements(uintptr_t logits, int dtype, ptrdiff_t n_rows, ptrdiff_t n_labels, double scale, uintptr_t target,
                int target_dtype, bool target_is_byte, uintptr_t live, uintptr_t positive_weight, uintptr_t weight,
                uintptr_t row_weight, double positive_factor, double negative_factor, double smoothing,
                double gamma_positive, double gamma_negative, double margin, double upstream, uintptr_t dlogits,
                int threads) {
    ElementsTask task;
    task.logits = at<const void>(logits);
    task.dtype = static_cast<DType>(dtype);
    task.count = n_rows * n_labels;
    task.n_labels = n_labels;
    task.scale = scale;
    task.target = at<const void>(target);
    task.target_dtype = static_cast<DType>(target_dtype);
    task.target_is_byte = target_is_byte;
    task.live = at<const uint8_t>(live);
    task.positive_weight = at<const double>(positive_weight);
    task.weight = at<const double>(weight);
    task.row_weight = at<const double>(row_weight);
    task.positive_factor = positive_factor;
    task.negative_factor = negative_factor;
    task.smoothing = smoothing;
    task.gamma_positive = gamma_positive;
    task.gamma_negative = gamma_negative;
    task.margin = margin;
    task.upstream = upstream;
    task.dlogits = at<void>(dlogits);
    if (n_labels == 1 && !task.weight && !task.positive_weight) {  // rows of one label are the labels of one row
        task.n_labels = n_rows;
        std::swap(task.weight, task.row_weight);
    }
    nb::gil_scoped_release no_gil;
    const ptrdiff_t n_parts = (task.count + kElements - 1) / kElements;
    std::vector<double> sums(n_parts);
    task.sums = sums.data();
    share(n_parts, threads, [&](ptrdiff_t begin, ptrdiff_t end) { active->elements(task, begin, end); });
    return sum_of(sums);
}

// ---- evaluations ------------------------------------------------------------------------------------------------------

void row_softmax(AnyMatrix logits, double scale, bool log, OutMatrix out, int threads) {
    SoftmaxTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.out = out_of("row_softmax: out", out, task.logits);
    run(log ? active->row_log_softmax : active->row_softmax, task, threads);
}

// See TemperatureTask. Returns the sums, or where an index is no class that row alone.
nb::tuple temperature_sums(nb::tuple logits, uintptr_t target, int target_type, uintptr_t weight, int weight_step,
                           double scale, int threads) {
    TemperatureTask task;
    task.logits = view_of<const char>(logits);
    task.target = index_target(target, target_type, INT64_MIN);
    task.weight = {at<const double>(weight), weight_step};
    task.scale = scale;
    const ptrdiff_t n = task.logits.n_rows, n_blocks = (n + kBlock - 1) / kBlock;
    std::vector<double> sums(n_blocks * kTemperatureSums), totals(kTemperatureSums), terms(n_blocks);
    ptrdiff_t outside = -1;
    {
        nb::gil_scoped_release no_gil;
        if (active->take_census(task.target, n, task.logits.n_classes).outside > 0) {
            outside = first_outside(task.target, task.logits.n_classes);
        } else {
            task.sums = sums.data();
            share(n_blocks, threads, [&](ptrdiff_t begin, ptrdiff_t end) {
                active->temperature_sums(task, begin * kBlock, std::min(end * kBlock, n));
            });
            for (int which = 0; which < kTemperatureSums; ++which) {
                for (ptrdiff_t block = 0; block < n_blocks; ++block)
                    terms[block] = sums[block * kTemperatureSums + which];
                totals[which] = sum_of(terms);
            }
        }
    }
    if (outside >= 0) return nb::make_tuple(outside);
    return nb::make_tuple(totals[0], totals[1], totals[2], totals[3], totals[4], totals[5], totals[6], totals[7],
                          totals[8]);
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

// Counts are whole numbers, so that the order in which they are added up does not matter. Returns how many rows have no
// distribution.
int64_t confidence_counts(AnyMatrix logits, Vector<const int64_t> target, double scale, Counts counts, int threads) {
    ConfidenceTask task;
    task.logits = logits_of(logits);
    task.scale = scale;
    task.target = index_of("confidence_counts: target", target, task.logits, 0);
    task.n_bins = static_cast<ptrdiff_t>(counts.shape(1));
    expect_size("confidence_counts: counts", counts.size(), 4 * task.n_bins);
    if (task.n_bins == 0) throw nb::value_error("confidence_counts: counts must have bins");
    int64_t undefined = 0;
    nb::gil_scoped_release no_gil;
    std::mutex adding;
    share(task.logits.n_rows, threads, [&](ptrdiff_t begin, ptrdiff_t end) {
        std::vector<int64_t> mine(4 * task.n_bins);
        int64_t of_mine = 0;
        ConfidenceTask part = task;
        part.counts = mine.data();
        part.undefined = &of_mine;
        active->confidence_counts(part, begin, end);
        const std::lock_guard<std::mutex> lock(adding);
        for (size_t i = 0; i < mine.size(); ++i) counts.data()[i] += mine[i];
        undefined += of_mine;
    });
    return undefined;
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

void expect_writes(uintptr_t address, size_t bytes) {
#ifdef __linux__
    constexpr uintptr_t kPage = uintptr_t{1} << 21;
    const uintptr_t begin = (address + kPage - 1) & ~(kPage - 1), end = (address + bytes) & ~(kPage - 1);
    if (begin < end) madvise(at<void>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace xent

NB_MODULE(_native, m) {
    using namespace xent;
    use_level("v4");
    m.def("use_level", &use_level, "cap"_a);
    m.def("rows", &rows);
    m.def("reduced_loss", &reduced_loss);
    m.def("elements", &elements);
    m.def("expect_writes", &expect_writes);
    m.def("xla_rows_handler", [] { return nb::capsule(xla_rows_handler()); });
    m.def("row_softmax", &row_softmax, "logits"_a.noconvert(), "scale"_a, "log"_a, "out"_a.noconvert(), "threads"_a);
    m.def("temperature_sums", &temperature_sums);
    m.def("row_scores", &row_scores, "logits"_a.noconvert(), "target"_a.noconvert(), "scale"_a, "nll"_a.noconvert(),
          "confidence"_a.noconvert(), "predicted"_a.noconvert(), "rank"_a.noconvert(), "sum_squares"_a.noconvert(),
          "threads"_a);
    m.def("confidence_counts", &confidence_counts, "logits"_a.noconvert(), "target"_a.noconvert(), "scale"_a,
          "counts"_a.noconvert(), "threads"_a);
    m.def("class_histogram", &class_histogram, "logits"_a.noconvert(), "target"_a.noconvert(),
          "weight"_a.noconvert().none(), "counts"_a.noconvert(), "hits"_a.noconvert(), "prob_sums"_a.noconvert(),
          "bits"_a, "scale"_a, "threads"_a);
    m.def("row_hash", &row_hash, "logits"_a.noconvert(), "out"_a.noconvert(), "threads"_a);
}
