// The rows of a loss as an operation of XLA's compiled programs, on its arrays and its threads.
//
// xent/jax/_native.py is its only caller: it says which arrays there are, and vouches that every label is a class or -1.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>

#include "jax.h"
#include "storage.h"
#include "xla_ffi.h"

namespace xent {
namespace {

constexpr ptrdiff_t kSmall = 1 << 15;   // logits for which waking threads costs more than it saves
constexpr ptrdiff_t kLarge = 1 << 23;   // bytes of an array that comes straight from the operating system
constexpr ptrdiff_t kChunk = 512;       // rows whose numbers are widened together, at most
constexpr ptrdiff_t kCached = 1 << 17;  // bytes of a target's rows that are summed and then used
constexpr double kLogTwo = 0.6931471805599453;

// ---- threads --------------------------------------------------------------------------------------------------------

// Parts of a piece of work that this thread and those of XLA take in turn. A thread that comes too late finds none left
// and touches nothing but this; so nobody waits for a thread that is busy elsewhere, which could wait for this one.
template <class Work>
class Parts {
  public:
    Parts(const Work& work, ptrdiff_t count, ptrdiff_t n_parts) : work_(work), count_(count), n_parts_(n_parts) {}

    void take() {
        ptrdiff_t taken = 0;
        for (ptrdiff_t part = next_++; part < n_parts_; part = next_++, ++taken)
            work_(count_ * part / n_parts_, count_ * (part + 1) / n_parts_);
        if (taken == 0) return;
        const std::lock_guard<std::mutex> lock(mutex_);
        done_ += taken;
        if (done_ == n_parts_) all_done_.notify_all();
    }

    void wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        all_done_.wait(lock, [this] { return done_ == n_parts_; });
    }

  private:
    const Work& work_;  // there until all parts are done
    const ptrdiff_t count_, n_parts_;
    std::atomic<ptrdiff_t> next_{0};
    ptrdiff_t done_ = 0;
    std::mutex mutex_;
    std::condition_variable all_done_;
};

// Call work(begin, end), which does not throw, for parts of [0, count).
template <class Work>
void share(const xla::Call& call, ptrdiff_t count, bool small, const Work& work) {
    const ptrdiff_t threads = small ? 1 : std::min<ptrdiff_t>(call.n_threads(), count);
    if (threads <= 1) return work(ptrdiff_t{0}, count);
    using Shared = std::shared_ptr<Parts<Work>>;
    const Shared parts = std::make_shared<Parts<Work>>(work, count, std::min<ptrdiff_t>(count, 4 * threads));
    for (ptrdiff_t i = 1; i < threads; ++i) {
        std::unique_ptr<Shared> helper(new (std::nothrow) Shared(parts));
        if (!helper) break;
        const auto task = [](void* data) {
            const std::unique_ptr<Shared> mine(static_cast<Shared*>(data));
            (*mine)->take();
        };
        if (!call.schedule(task, helper.get())) break;
        helper.release();
    }
    parts->take();
    parts->wait();
}

// ---- arrays ---------------------------------------------------------------------------------------------------------

int64_t size_of(const xla::Buffer& array) {
    int64_t size = 1;
    for (int64_t i = 0; i < array.rank; ++i) size *= array.dims[i];
    return size;
}

bool is_real(const xla::Buffer& array) { return array.dtype == xla::F32 || array.dtype == xla::F64; }

// Whether there is one number for each of `count`, or none at all.
bool fits(const xla::Buffer& array, int64_t count) {
    const int64_t size = size_of(array);
    return is_real(array) && (size == 0 || size == count);
}

// Numbers [begin, begin + count), where there are any: an array without entries stands for none.
bool read(const xla::Buffer& array, ptrdiff_t begin, ptrdiff_t count, double* values) {
    if (size_of(array) == 0) return false;
    if (array.dtype == xla::F64) {
        std::copy_n(static_cast<const double*>(array.data) + begin, count, values);
    } else {
        const float* from = static_cast<const float*>(array.data) + begin;
        for (ptrdiff_t i = 0; i < count; ++i) values[i] = static_cast<double>(from[i]);
    }
    return true;
}

void write(const double* values, ptrdiff_t begin, ptrdiff_t count, const xla::Buffer& array) {
    if (size_of(array) == 0) return;
    if (array.dtype == xla::F64) {
        std::copy_n(values, count, static_cast<double*>(array.data) + begin);
    } else {
        float* to = static_cast<float*>(array.data) + begin;
        for (ptrdiff_t i = 0; i < count; ++i) to[i] = static_cast<float>(values[i]);
    }
}

bool set_dtype(int32_t dtype, DType& out) {
    switch (dtype) {
        case xla::F64:
            out = DType::float64;
            return true;
        case xla::F32:
            out = DType::float32;
            return true;
        case xla::F16:
            out = DType::float16;
            return true;
        case xla::BF16:
            out = DType::bfloat16;
            return true;
        default:
            return false;
    }
}

// A dense array whose classes are `n_classes` along an axis with `inner` numbers for each step of it.
template <class Byte>
ViewOf<Byte> view_of(void* data, DType dtype, ptrdiff_t n_rows, ptrdiff_t n_classes, ptrdiff_t inner) {
    const ptrdiff_t size = element_size(dtype);
    ViewOf<Byte> view;
    view.data = static_cast<Byte*>(data);
    view.dtype = dtype;
    view.n_rows = n_rows;
    view.n_classes = n_classes;
    view.class_stride = inner * size;
    view.n_axes = inner == 1 ? 1 : 2;
    view.shape[0] = n_rows / inner;
    view.strides[0] = n_classes * inner * size;
    if (inner > 1) {
        view.shape[1] = inner;
        view.strides[1] = size;
    }
    return view;
}

// ---- the rows of a loss ---------------------------------------------------------------------------------------------

struct Rows {
    View logits;
    MutableView dlogits;
    const int32_t* label;  // or null: the target is `probs`
    View probs;
    const Curve* curve;        // or null
    const double* class_coef;  // or null
    const xla::Buffer *by_label, *by_classes, *by_square;
    const xla::Buffer *nll, *classes_nll, *lse;
    double scale, uniform;

    // Rows [begin, end), whose class coefficients are those from `first_coef` on.
    void run(ptrdiff_t begin, ptrdiff_t end, ptrdiff_t first_coef) const {
        const ptrdiff_t n_classes = logits.n_classes;
        RowsTask task;
        task.logits = logits;
        task.scale = scale;
        task.target.index = label;
        task.target.probs = probs;
        task.target.index_type = IndexType::int32;
        task.target.ignored_take_part = true;
        task.curve = curve;
        task.dlogits = dlogits;
        double mass_of_classes = 0.0;
        if (class_coef) {
            task.class_coef = {class_coef + first_coef, 1};
            for (ptrdiff_t k = 0; k < n_classes; ++k) mass_of_classes += task.class_coef[k];
        } else if (uniform != 0.0) {
            mass_of_classes = uniform * static_cast<double>(n_classes);
            task.class_coef = {&uniform, 0};
        }
        ptrdiff_t chunk = kChunk;
        if (probs.data) chunk = std::clamp<ptrdiff_t>(kCached / (n_classes * element_size(probs.dtype)), 1, kChunk);
        for (ptrdiff_t start = begin; start < end; start += chunk)
            run_chunk(task, start, std::min(chunk, end - start), mass_of_classes);
    }

    void run_chunk(RowsTask& task, ptrdiff_t start, ptrdiff_t count, double mass_of_classes) const {
        double mass[kChunk], softmax_coef[kChunk], target_coef[kChunk], classes_coef[kChunk], square_coef[kChunk];
        double max[kChunk], log_sum[kChunk], target_logit[kChunk], mean_logit[kChunk];
        int64_t likeliest[kChunk];
        // Kernels count from the first row of all, chunks from their own.
        const auto of_all = [start](auto* values) {
            return reinterpret_cast<decltype(values)>(reinterpret_cast<uintptr_t>(values) - start * sizeof *values);
        };
        for (ptrdiff_t i = 0; i < count; ++i) mass[i] = probs.data ? mass_of_probs(start + i) : 1.0;
        if (dlogits.data) {
            read(*by_label, start, count, target_coef);
            for (ptrdiff_t i = 0; i < count; ++i) {
                target_coef[i] = mass[i] == 0.0 ? 0.0 : -target_coef[i];
                softmax_coef[i] = -target_coef[i] * mass[i];
            }
            if (read(*by_classes, start, count, classes_coef)) {
                for (ptrdiff_t i = 0; i < count; ++i) {
                    softmax_coef[i] += mass_of_classes * classes_coef[i];
                    classes_coef[i] = -classes_coef[i];
                }
                task.coef_class = {of_all(classes_coef), 1};
            }
            if (read(*by_square, start, count, square_coef)) {
                for (ptrdiff_t i = 0; i < count; ++i) square_coef[i] *= mass[i];
                task.coef_square = {of_all(square_coef), 1};
            }
            if (probs.data) task.predicted = of_all(likeliest);
            task.coef_softmax = {of_all(softmax_coef), 1};
            task.coef_target = {of_all(target_coef), 1};
        }
        if (task.predicted || size_of(*nll) || size_of(*classes_nll) || size_of(*lse)) {
            if (task.predicted || size_of(*lse)) task.max = of_all(max);
            task.log_sum = of_all(log_sum);
            task.target_logit = of_all(target_logit);
            if (task.class_coef.data) task.mean_logit = of_all(mean_logit);
        }
        active->rows(task, start, start + count);
        if (!task.log_sum) return;
        for (ptrdiff_t i = 0; task.predicted && i < count; ++i)
            if (log_sum[i] < kLogTwo) set_likeliest(task, start + i, max[i] + log_sum[i]);
        for (ptrdiff_t i = 0; i < count; ++i)
            target_logit[i] = mass[i] == 0.0 ? 0.0 : mass[i] * log_sum[i] - target_logit[i];
        for (ptrdiff_t i = 0; task.mean_logit && i < count; ++i)
            mean_logit[i] = mass_of_classes * log_sum[i] - mean_logit[i];
        for (ptrdiff_t i = 0; task.max && i < count; ++i) max[i] += log_sum[i];
        write(target_logit, start, count, *nll);
        if (task.mean_logit) write(mean_logit, start, count, *classes_nll);
        write(max, start, count, *lse);
    }

    // In double, unlike the kernels: what the likeliest class is given is the little by which this exceeds its target.
    double mass_of_probs(ptrdiff_t i) const {
        double sum = 0.0;
        with_type(probs.dtype, [&](auto type) {
            using Q = decltype(type);
            const char* row = row_of(probs, i);
            if (probs.class_stride == static_cast<ptrdiff_t>(sizeof(Q))) {
                const Q* q = reinterpret_cast<const Q*>(row);
#pragma omp simd reduction(+ : sum)
                for (ptrdiff_t k = 0; k < probs.n_classes; ++k) sum += static_cast<double>(widen(q[k]));
            } else {
                for (ptrdiff_t k = 0; k < probs.n_classes; ++k)
                    sum += static_cast<double>(widen(*reinterpret_cast<const Q*>(row + k * probs.class_stride)));
            }
        });
        return sum;
    }

    // The gradient of the class with p > 1/2 in row i, of a target of probabilities: from 1 - p, where p and target may
    // be alike.
    void set_likeliest(const RowsTask& task, ptrdiff_t i, double lse) const {
        const int64_t k = task.predicted[i];
        double target = 0.0;
        with_type(probs.dtype, [&](auto type) {
            target = widen(*reinterpret_cast<const decltype(type)*>(row_of(probs, i) + k * probs.class_stride));
        });
        const double softmax = task.coef_softmax[i] + 2.0 * task.coef_square[i] * lse;
        if (softmax == 0.0) return;
        const double of_target = task.coef_target[i] * target + task.coef_class[i] * task.class_coef[k];
        const double of_others = softmax * -std::expm1(-task.log_sum[i]);
        with_type(dlogits.dtype, [&](auto type) {
            auto& out = *reinterpret_cast<decltype(type)*>(row_of(dlogits, i) + k * dlogits.class_stride);
            narrow(scale * ((softmax + of_target) - of_others), out);
        });
    }
};

// Of logits whose class axis is the `axis`-th from the end, and a target t: labels (int32, -1 for none) or, of the shape
// of the logits, what each class counts. With z = scale · logits and nll_k = lse - z_k, each one number a row where it is
// asked for:
//
//     nll = Σ t_k nll_k      classes_nll = Σ c_k nll_k      lse = log Σ exp z_k
//     dlogits = the derivative of  by_label · f(nll) + by_classes · classes_nll + by_square · lse² Σ t_k
//
// f is the Curve of the five numbers that are its attributes; only of a label may it be another than nll itself, and
// then there is no by_classes. c are the class coefficients; without any they are all `uniform`. Coefficients of a row
// that are not there are 0, and where all of its own are 0 its gradient is, whatever its logits are. An array without
// entries is not there, or not asked for; by_label is there where dlogits is. vmap puts axes in front of every array:
// then there are class coefficients for each part of the rows.
xla::Error* rows(xla::CallFrame* frame) {
    const xla::Call call(frame);
    if (call.is_query()) return call.answer();
    if (!call.has(6, 4)) return call.refuse("xent_rows takes 6 arrays and returns 4");
    const xla::Buffer& logits = call.argument(0);
    const xla::Buffer& target = call.argument(1);
    const xla::Buffer& class_coef = call.argument(5);
    const xla::Buffer& dlogits = call.result(3);
    Rows task{};
    task.by_label = &call.argument(2);
    task.by_classes = &call.argument(3);
    task.by_square = &call.argument(4);
    task.nll = &call.result(0);
    task.classes_nll = &call.result(1);
    task.lse = &call.result(2);

    DType dtype, target_dtype = DType::float64;
    int64_t axis;
    const bool labels = target.dtype == xla::S32;
    if (!set_dtype(logits.dtype, dtype) || dlogits.dtype != logits.dtype ||
        !(labels || set_dtype(target.dtype, target_dtype)))
        return call.refuse("xent_rows takes floating point logits, and int32 or floating point targets");
    if (!call.attribute("axis", axis) || !call.attribute("scale", task.scale) ||
        !call.attribute("uniform", task.uniform) || axis < 1 || axis > logits.rank)
        return call.refuse("xent_rows needs axis, scale and uniform");
    Curve curve;
    if (!call.attribute("linear", curve.linear) || !call.attribute("bounded", curve.bounded) ||
        !call.attribute("power", curve.power) || !call.attribute("focused", curve.focused) ||
        !call.attribute("focus", curve.focus))
        return call.refuse("xent_rows needs the five numbers of a curve");
    const bool curved = curve.linear != 1.0 || curve.bounded != 0.0 || curve.focused != 0.0;
    if (curved) task.curve = &curve;
    const int64_t size = size_of(logits);
    if (size == 0) return call.refuse("xent_rows takes logits with entries");
    const int64_t n_classes = logits.dims[logits.rank - axis], n_rows = size / n_classes;
    int64_t inner = 1;
    for (int64_t i = logits.rank - axis + 1; i < logits.rank; ++i) inner *= logits.dims[i];
    const int64_t n_coefs = size_of(class_coef), of_gradient = size_of(dlogits);
    const int64_t n_groups = std::max<int64_t>(1, n_coefs / n_classes);
    if (size_of(target) != (labels ? n_rows : size) || !fits(*task.by_label, n_rows) ||
        !fits(*task.by_classes, n_rows) || !fits(*task.by_square, n_rows) || !fits(*task.nll, n_rows) ||
        !fits(*task.classes_nll, n_rows) || !fits(*task.lse, n_rows) || !is_real(class_coef) ||
        n_coefs % n_classes != 0 || n_rows % (n_groups * inner) != 0 ||
        (of_gradient != 0 && (of_gradient != size || size_of(*task.by_label) == 0)) ||
        (curved && !(labels && size_of(*task.by_classes) == 0)))
        return call.refuse("xent_rows takes one number for each row and for each class");

    task.logits = view_of<const char>(logits.data, dtype, n_rows, n_classes, inner);
    if (of_gradient != 0) {
        task.dlogits = view_of<char>(dlogits.data, dtype, n_rows, n_classes, inner);
        const ptrdiff_t bytes = size * element_size(dtype);
        if (bytes >= kLarge) expect_writes(reinterpret_cast<uintptr_t>(dlogits.data), static_cast<size_t>(bytes));
    }
    if (labels)
        task.label = static_cast<const int32_t*>(target.data);
    else
        task.probs = view_of<const char>(target.data, target_dtype, n_rows, n_classes, inner);
    try {
        const std::unique_ptr<double[]> coefs(n_coefs > 0 ? new double[n_coefs] : nullptr);
        if (read(class_coef, 0, n_coefs, coefs.get())) task.class_coef = coefs.get();
        if (n_groups == 1) {
            share(call, n_rows, size < kSmall, [&](ptrdiff_t begin, ptrdiff_t end) { task.run(begin, end, 0); });
        } else {
            const ptrdiff_t of_group = n_rows / n_groups;
            share(call, n_groups, size < kSmall, [&](ptrdiff_t begin, ptrdiff_t end) {
                for (ptrdiff_t i = begin; i < end; ++i) task.run(i * of_group, (i + 1) * of_group, i * n_classes);
            });
        }
    } catch (const std::bad_alloc&) {
        return call.refuse("xent_rows found no memory");
    }
    return nullptr;
}

}  // namespace

void* xla_rows_handler() { return reinterpret_cast<void*>(&rows); }

}  // namespace xent
