// A row of scaled logits in double, seen through a window; see `Row`.
//
// Everything here has internal linkage and is compiled once per instruction-set level (see kernels.h).

#pragma once

#include "lanes.h"

namespace xent {
namespace {

constexpr ptrdiff_t kChunk = 1024;  // elements of a row held at a time: z and e take 16 KiB, inside the first cache

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

// The reductions that every row needs run over lanes, folded in halves at the end: GCC adds up the lanes of a reduction
// clause one by one, at the price of a short row, and compilers leave a maximum that honours NaN scalar.

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
    double top;           // the largest z, NaN left out
    ptrdiff_t top_start;  // the first position of the window that shows it
    double rest;          // Σ e_k without its largest term, which is exactly 1; NaN if there is no distribution
    double squares;       // Σ e_k²

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
}  // namespace xent
