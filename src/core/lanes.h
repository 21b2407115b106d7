// What kernels that work in lanes share: folds of sixteen, memory for a call, labels of rows.
//
// Everything here has internal linkage and is compiled once per instruction-set level (see kernels.h).

#pragma once

#include "kernels.h"
#include "storage.h"
#include "vmath.h"

namespace xent {
namespace {

constexpr double kInf = __builtin_inf();
constexpr double kNaN = __builtin_nan("");
constexpr ptrdiff_t kShort = 128;  // most classes of a row that shares its vectors with fifteen others

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
[[maybe_unused]] void read_labels(const RowTarget& target, ptrdiff_t begin, ptrdiff_t count, int64_t* labels) {
    const int64_t ignore_index = target.ignore_index;
    const auto read = [&](const auto* index) {
#pragma omp simd
        for (ptrdiff_t j = 0; j < count; ++j) {
            const int64_t label = index[begin + j];
            labels[j] = (label < 0) | (label == ignore_index) ? -1 : label;
        }
    };
    with_index(target, read);
}

}  // namespace
}  // namespace xent
