// Sixteen rows read into a tile: turned, so that a vector holds one class of all of them.
//
// Everything here has internal linkage and is compiled once per instruction-set level (see kernels.h).

#pragma once

#include "lanes.h"

namespace xent {
namespace {

// A tile holds class k of lane i at k · kLanes + i. Lanes without a row hold zeros.

constexpr ptrdiff_t kTilesAhead = 4;  // of the one that is read

// Sixteen rows of four floats, turned about their diagonal four by four: each vector holds the rows i, i + 4, i + 8 and
// i + 12, and then the sixteen numbers of a column.
using Four = float __attribute__((vector_size(16)));
using Eight = float __attribute__((vector_size(32)));
using Sixteen = float __attribute__((vector_size(64)));

void turn(Sixteen (&v)[4]) {
    const Sixteen ac_low =
        __builtin_shufflevector(v[0], v[2], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const Sixteen ac_high =
        __builtin_shufflevector(v[0], v[2], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    const Sixteen bd_low =
        __builtin_shufflevector(v[1], v[3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const Sixteen bd_high =
        __builtin_shufflevector(v[1], v[3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    v[0] = __builtin_shufflevector(ac_low, bd_low, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    v[1] = __builtin_shufflevector(ac_low, bd_low, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    v[2] = __builtin_shufflevector(ac_high, bd_high, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    v[3] = __builtin_shufflevector(ac_high, bd_high, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}

// Copy 16 rows of `from`, `stride` numbers apart, into a tile.
void turn_rows(const float* from, ptrdiff_t stride, ptrdiff_t n_columns, float* tile) {
    for (ptrdiff_t step = 0; step < n_columns && n_columns >= 4; step += 4) {
        const ptrdiff_t k = smaller(step, n_columns - 4);  // some columns twice
        Sixteen rows[4];
        for (ptrdiff_t i = 0; i < 4; ++i) {
            Four parts[4];
            for (ptrdiff_t part = 0; part < 4; ++part)
                __builtin_memcpy(&parts[part], from + (4 * part + i) * stride + k, sizeof(Four));
            const Eight low = __builtin_shufflevector(parts[0], parts[1], 0, 1, 2, 3, 4, 5, 6, 7);
            const Eight high = __builtin_shufflevector(parts[2], parts[3], 0, 1, 2, 3, 4, 5, 6, 7);
            rows[i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        }
        turn(rows);
        for (ptrdiff_t i = 0; i < 4; ++i) __builtin_memcpy(tile + (k + i) * kLanes, &rows[i], sizeof(Sixteen));
    }
    for (ptrdiff_t k = 0; k < n_columns && n_columns < 4; ++k)
        for (ptrdiff_t i = 0; i < kLanes; ++i) tile[k * kLanes + i] = from[i * stride + k];
}

// How rows of a tile lie in memory.
template <class T, class Byte>
struct TileRows {
    static constexpr ptrdiff_t kSize = static_cast<ptrdiff_t>(sizeof(T));
    const ViewOf<Byte>& view;
    ptrdiff_t begin, count;
    ptrdiff_t row_stride = view.strides[view.n_axes - 1];
    bool evenly = count == kLanes && run_from(view, begin) >= count;        // sixteen rows, equally far apart
    bool as_lanes = evenly && row_stride == kSize;                          // side by side, as the lanes are
    bool beside = view.class_stride == kSize;                               // each row's classes side by side
    bool dense = evenly && beside && row_stride == view.n_classes * kSize;  // nor anything between the rows
};

// `spare` has room for the tile.
template <class Real>
[[gnu::noinline]] void load_tile(const View& view, ptrdiff_t begin, ptrdiff_t count, Real* spare, Real* tile) {
    const ptrdiff_t n = view.n_classes, apart = view.class_stride;
    with_type(view.dtype, [&](auto type) {
        using T = decltype(type);
        const TileRows<T, const char> rows{view, begin, count};
        const char* first = row_of(view, begin);
        if (rows.as_lanes) {
            for (ptrdiff_t k = 0; k < n; ++k) {
                const T* x = reinterpret_cast<const T*>(first + k * apart);
                __builtin_prefetch(first + k * apart + kTilesAhead * kLanes * rows.kSize);  // planes are many streams
#pragma omp simd
                for (ptrdiff_t i = 0; i < kLanes; ++i) tile[k * kLanes + i] = static_cast<Real>(widen(x[i]));
            }
            return;
        }
        if constexpr (sizeof(Real) == 4) {
            const T* x = reinterpret_cast<const T*>(first);
            if (sizeof(T) == 4 && rows.dense)
                for (ptrdiff_t line = 0; line < n; ++line) __builtin_prefetch(first + (2 * n + line) * kLine, 0, 2);
            if (sizeof(T) == 4 && rows.evenly && rows.beside) {
                const ptrdiff_t stride = rows.row_stride / rows.kSize;
                const float* from = reinterpret_cast<const float*>(first);
                turn_rows(from, stride, n, tile);
                return;
            }
            if (rows.dense) {
#pragma omp simd
                for (ptrdiff_t k = 0; k < n * kLanes; ++k) spare[k] = widen(x[k]);
                turn_rows(spare, n, n, tile);
                return;
            }
        }
        for (ptrdiff_t k = 0; count < kLanes && k < n * kLanes; ++k) tile[k] = Real{0};
        for (ptrdiff_t i = 0; i < count; ++i) {
            const char* from = rows.evenly ? first + i * rows.row_stride : row_of(view, begin + i);
            Real* to = tile + i;
            if (rows.beside) {
                const T* x = reinterpret_cast<const T*>(from);
                for (ptrdiff_t k = 0; k < n; ++k) to[k * kLanes] = static_cast<Real>(widen(x[k]));
            } else {
                for (ptrdiff_t k = 0; k < n; ++k)
                    to[k * kLanes] = static_cast<Real>(widen(*reinterpret_cast<const T*>(from + k * apart)));
            }
        }
    });
}

}  // namespace
}  // namespace xent
