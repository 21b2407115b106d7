// Rows that are short, or whose classes lie apart, sixteen at a time: one a lane. Part of rows.cpp, whose rules hold
// here too.

#pragma once

#include "row_block.h"

namespace xent {
namespace {

// A tile holds class k of lane i at k · kLanes + i. Lanes without a row hold zeros.

// Four rows of four floats, turned about their diagonal.
using Four = float __attribute__((vector_size(16)));

void turn(Four& a, Four& b, Four& c, Four& d) {
    const Four ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5), ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    const Four bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5), bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5);
    b = __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7);
    c = __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5);
    d = __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7);
}

// Copy 4 rows of `from`, `from_stride` numbers apart, into 4 columns of `to`.
void turn_rows(const float* from, ptrdiff_t from_stride, ptrdiff_t n_columns, float* to, ptrdiff_t to_stride) {
    ptrdiff_t k = 0;
    for (; k + 4 <= n_columns; k += 4) {
        Four rows[4];
        for (int i = 0; i < 4; ++i) __builtin_memcpy(&rows[i], from + i * from_stride + k, sizeof(Four));
        turn(rows[0], rows[1], rows[2], rows[3]);
        for (int i = 0; i < 4; ++i) __builtin_memcpy(to + (k + i) * to_stride, &rows[i], sizeof(Four));
    }
    for (; k < n_columns; ++k)
        for (int i = 0; i < 4; ++i) to[k * to_stride + i] = from[i * from_stride + k];
}

// The same the other way: 4 columns of `from` into 4 rows of `to`.
void turn_columns(const float* from, ptrdiff_t from_stride, ptrdiff_t n_columns, float* to, ptrdiff_t to_stride) {
    ptrdiff_t k = 0;
    for (; k + 4 <= n_columns; k += 4) {
        Four rows[4];
        for (int i = 0; i < 4; ++i) __builtin_memcpy(&rows[i], from + (k + i) * from_stride, sizeof(Four));
        turn(rows[0], rows[1], rows[2], rows[3]);
        for (int i = 0; i < 4; ++i) __builtin_memcpy(to + i * to_stride + k, &rows[i], sizeof(Four));
    }
    for (; k < n_columns; ++k)
        for (int i = 0; i < 4; ++i) to[i * to_stride + k] = from[k * from_stride + i];
}

// How rows of a tile lie in memory.
template <class T, class Byte>
struct TileRows {
    static constexpr ptrdiff_t kSize = static_cast<ptrdiff_t>(sizeof(T));
    const ViewOf<Byte>& view;
    ptrdiff_t begin, count;
    ptrdiff_t row_stride = view.strides[view.n_axes - 1];
    bool evenly = count == kLanes && run_from(view, begin) >= count;  // sixteen rows, equally far apart
    bool as_lanes = evenly && row_stride == kSize;                    // side by side, as the lanes are
    bool beside = view.class_stride == kSize;                         // each row's classes side by side
};

template <class Real>
[[gnu::noinline]] void load_tile(const View& view, ptrdiff_t begin, ptrdiff_t count, Real* tile) {
    const ptrdiff_t n = view.n_classes, apart = view.class_stride;
    with_type(view.dtype, [&](auto type) {
        using T = decltype(type);
        const TileRows<T, const char> rows{view, begin, count};
        const char* first = row_of(view, begin);
        if (rows.as_lanes) {
            for (ptrdiff_t k = 0; k < n; ++k) {
                const T* x = reinterpret_cast<const T*>(first + k * apart);
#pragma omp simd
                for (ptrdiff_t i = 0; i < kLanes; ++i) tile[k * kLanes + i] = static_cast<Real>(widen(x[i]));
            }
            return;
        }
        if constexpr (sizeof(T) == 4 && sizeof(Real) == 4) {
            if (rows.evenly && rows.beside) {
                const ptrdiff_t stride = rows.row_stride / rows.kSize;
                const float* x = reinterpret_cast<const float*>(first);
                for (int i = 0; i < kLanes; i += 4) turn_rows(x + i * stride, stride, n, tile + i, kLanes);
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

// `spare` has room for the tile.
template <class Real>
[[gnu::noinline]] void store_tile(const Real* tile, ptrdiff_t begin, ptrdiff_t count, Real* spare,
                                  const MutableView& view) {
    const ptrdiff_t n = view.n_classes, apart = view.class_stride;
    with_type(view.dtype, [&](auto type) {
        using T = decltype(type);
        const TileRows<T, char> rows{view, begin, count};
        char* first = row_of(view, begin);
        if (rows.as_lanes) {
            for (ptrdiff_t k = 0; k < n; ++k) {
                T* out = reinterpret_cast<T*>(first + k * apart);
#pragma omp simd
                for (ptrdiff_t i = 0; i < kLanes; ++i) narrow(tile[k * kLanes + i], out[i]);
            }
            return;
        }
        if constexpr (sizeof(T) == 4 && sizeof(Real) == 4) {
            if (rows.evenly && rows.beside) {
                const ptrdiff_t stride = rows.row_stride / rows.kSize;
                float* out = reinterpret_cast<float*>(first);
                for (int i = 0; i < kLanes; i += 4) turn_columns(tile + i, kLanes, n, out + i * stride, stride);
                return;
            }
        }
        T* narrowed = reinterpret_cast<T*>(spare);  // before they are scattered, many at a time
#pragma omp simd
        for (ptrdiff_t k = 0; k < n * kLanes; ++k) narrow(tile[k], narrowed[k]);
        for (ptrdiff_t i = 0; i < count; ++i) {
            char* to = rows.evenly ? first + i * rows.row_stride : row_of(view, begin + i);
            if (rows.beside) {
                T* out = reinterpret_cast<T*>(to);
                for (ptrdiff_t k = 0; k < n; ++k) out[k] = narrowed[k * kLanes + i];
            } else {
                for (ptrdiff_t k = 0; k < n; ++k) *reinterpret_cast<T*>(to + k * apart) = narrowed[k * kLanes + i];
            }
        }
    });
}

template <class Real>
struct Tile {
    using Exp = RelativeExp<Real>;

    const RowsTask& task;
    double scale;  // z' = scale · z
    Real* z;
    Real* e;
    Real* q;    // the target's probabilities
    Real* raw;  // the logits before a soft cap
    typename Exp::Lanes exp = {};
    alignas(64) double top[kLanes] = {}, rest[kLanes] = {}, inverse[kLanes] = {}, others[kLanes] = {};

    void find_top() {
        alignas(64) Real highest[kLanes];
        for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = static_cast<Real>(-kInf);
        for (ptrdiff_t k = 0; k < task.logits.n_classes; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = larger(z[k * kLanes + i], highest[i]);
        for (ptrdiff_t i = 0; i < kLanes; ++i) top[i] = static_cast<double>(highest[i]);
    }

    template <bool kPlain>
    [[gnu::noinline]] void exponentiate_lanes() {
        const typename Exp::Lanes lanes = exp;
        alignas(64) double below[kLanes];
        alignas(64) int32_t ties[kLanes];
        alignas(64) Real highest[kLanes];
        for (ptrdiff_t i = 0; i < kLanes; ++i) below[i] = 0.0;
        for (ptrdiff_t i = 0; i < kLanes; ++i) ties[i] = -1;  // the largest itself is not among the rest
        for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = static_cast<Real>(top[i]);
        for (ptrdiff_t start = 0; start < task.logits.n_classes; start += kShort) {
            const ptrdiff_t end = smaller(start + kShort, task.logits.n_classes);
            alignas(64) double part[kLanes];  // a sum of sums, whose rounding does not grow with the classes
            for (ptrdiff_t i = 0; i < kLanes; ++i) part[i] = 0.0;
            for (ptrdiff_t k = start; k < end; ++k)
#pragma omp simd
                for (int i = 0; i < kLanes; ++i) {
                    const Real value = z[k * kLanes + i];
                    const Real power = lanes.template at<kPlain>(i, value);
                    e[k * kLanes + i] = power;
                    part[i] += static_cast<double>(value == highest[i] ? Real{0} : power);
                    ties[i] += value == highest[i] ? 1 : 0;
                }
#pragma omp simd
            for (int i = 0; i < kLanes; ++i) below[i] += part[i];
        }
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double sum = below[i] / Exp::kUnit + static_cast<double>(ties[i]);
            rest[i] = top[i] - top[i] == 0.0 ? sum : kNaN;
        }
    }

    void exponentiate() {
        exp.prepare(scale, top);
        if (exp.plain)
            exponentiate_lanes<true>();
        else
            exponentiate_lanes<false>();
    }

    void find_statistics(Block& block, ptrdiff_t at, ptrdiff_t count) {
        const ptrdiff_t n = task.logits.n_classes;
        find_top();
        exponentiate();
        alignas(64) Real z_label[kLanes], e_label[kLanes];
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const int64_t label = block.label[at + i] < 0 ? 0 : block.label[at + i];
            z_label[i] = z[label * kLanes + i];
            e_label[i] = e[label * kLanes + i];
        }
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const bool labelled = block.label[at + i] >= 0;
            const double relative = scale * (static_cast<double>(z_label[i]) - top[i]);
            const double without = 1.0 + (rest[i] - static_cast<double>(e_label[i]) / Exp::kUnit);
            inverse[i] = 1.0 / (1.0 + rest[i]);
            others[i] = (relative == 0.0 ? rest[i] : without) * inverse[i];
            block.rest[at + i] = rest[i];
            block.max[at + i] = scale * top[i];
            block.target_logit[at + i] = labelled ? relative : 0.0;
        }
        if (task.target.probs.data)
            weigh([&](ptrdiff_t k, ptrdiff_t i) { return static_cast<double>(q[k * kLanes + i]); },
                  block.target_logit + at);
        for (ptrdiff_t k = 0; task.target_mass && task.target.probs.data && k < n; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) block.target_mass[at + i] += static_cast<double>(q[k * kLanes + i]);
        if (task.class_coef.data)
            weigh([&](ptrdiff_t k, ptrdiff_t) { return task.class_coef[k]; }, block.mean_logit + at);
        if (task.expected_logit)
            weigh([&](ptrdiff_t k,
                      ptrdiff_t i) { return static_cast<double>(e[k * kLanes + i]) / Exp::kUnit * inverse[i]; },
                  block.expected_logit + at);
        bool all_known = true;
        for (ptrdiff_t i = 0; i < kLanes; ++i) all_known &= rest[i] == rest[i];
        for (ptrdiff_t i = 0; !all_known && i < count; ++i) {
            if (rest[i] == rest[i]) continue;
            if (block.label[at + i] >= 0 || task.target.probs.data) block.target_logit[at + i] = kNaN;
            if (task.class_coef.data) block.mean_logit[at + i] = kNaN;
            for (ptrdiff_t k = 0; k < n; ++k)
                if (z[k * kLanes + i] != z[k * kLanes + i]) block.max[at + i] = kNaN;
        }
        for (ptrdiff_t i = 0; task.predicted && i < count; ++i) {
            ptrdiff_t k = 0;
            while (k < n && static_cast<double>(z[k * kLanes + i]) != top[i]) ++k;
            block.predicted[at + i] = rest[i] == rest[i] ? k : -1;
        }
    }

    // out_i = Σ_k coef(k, i) z'_ki relative to the top, where 0 · (-inf) is 0.
    template <class Coef>
    void weigh(const Coef& coef, double* out) const {
        for (ptrdiff_t start = 0; start < task.logits.n_classes; start += kShort) {
            const ptrdiff_t end = smaller(start + kShort, task.logits.n_classes);
            alignas(64) double part[kLanes];
            for (ptrdiff_t i = 0; i < kLanes; ++i) part[i] = 0.0;
            for (ptrdiff_t k = start; k < end; ++k)
#pragma omp simd
                for (ptrdiff_t i = 0; i < kLanes; ++i) {
                    const double c = coef(k, i);
                    const double product = c * (scale * (static_cast<double>(z[k * kLanes + i]) - top[i]));
                    part[i] += c == 0.0 ? 0.0 : product;
                }
            for (ptrdiff_t i = 0; i < kLanes; ++i) out[i] += part[i];
        }
    }

    void use_known(const Block& block, ptrdiff_t at, ptrdiff_t count) {
        for (ptrdiff_t i = 0; i < kLanes; ++i) top[i] = i < count ? task.known_max[block.begin + at + i] / scale : 0.0;
        exponentiate();
        for (ptrdiff_t i = 0; i < count; ++i) {
            const double max = task.known_max[block.begin + at + i], log_sum = task.known_log_sum[block.begin + at + i];
            const int64_t label = block.label[at + i];
            inverse[i] = exp_nonpositive(-log_sum);
            if (label < 0) continue;
            // Not scale · (z - top): of a rounded maximum the division does not give the top back.
            const double relative = scale * static_cast<double>(z[label * kLanes + i]) - max;
            others[i] = -expm1_nonpositive(relative - log_sum);
        }
    }

    // Turn e into the gradient; exact zeros in lanes without a live row.
    void make_gradient(const Block& block, ptrdiff_t at, ptrdiff_t count) {
        const ptrdiff_t n = task.logits.n_classes;
        const double chain = task.scale;
        constexpr Real kDown = static_cast<Real>(1.0 / Exp::kUnit);
        alignas(64) Real factor[kLanes], by_target[kLanes], by_class[kLanes], at_label[kLanes];
        alignas(64) int32_t live[kLanes];
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double softmax = block.by_softmax[at + i], target = block.by_target[at + i];
            factor[i] = static_cast<Real>(chain * softmax * inverse[i]);
            by_target[i] = static_cast<Real>(chain * target);
            by_class[i] = static_cast<Real>(chain * block.by_class[at + i]);
            // p - 1 as minus the other probabilities, which are there still where p rounds to 1.
            at_label[i] = static_cast<Real>(chain * ((softmax + target) - softmax * others[i]));
            live[i] = (softmax != 0.0) | (target != 0.0) | (block.by_class[at + i] != 0.0);
        }
        for (ptrdiff_t k = 0; k < n; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) {
                const Real product = factor[i] * (kDown * e[k * kLanes + i]);
                e[k * kLanes + i] = live[i] ? product : Real{0};
            }
        for (ptrdiff_t i = 0; i < count; ++i) {
            const int64_t label = block.label[at + i];
            if (label >= 0 && live[i]) e[label * kLanes + i] = at_label[i];
        }
        for (ptrdiff_t k = 0; task.class_coef.data && k < n; ++k) {
            const Real c = static_cast<Real>(task.class_coef[k]);
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) e[k * kLanes + i] = mul_add(by_class[i], c, e[k * kLanes + i]);
        }
        for (ptrdiff_t k = 0; task.target.probs.data && k < n; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) {
                const Real with_target = mul_add(by_target[i], q[k * kLanes + i], e[k * kLanes + i]);
                e[k * kLanes + i] = live[i] ? with_target : Real{0};
            }
        for (ptrdiff_t k = 0; task.softcap > 0.0 && k < n; ++k)
            for (ptrdiff_t i = 0; i < kLanes; ++i)
                if (live[i])
                    e[k * kLanes + i] *=
                        static_cast<Real>(capped_slope(static_cast<double>(raw[k * kLanes + i]), task.softcap));
    }
};

void transform_tile(const RowsTask& task, double* z) {
    const ptrdiff_t n = task.logits.n_classes;
    cap(task, n * kLanes, z);
    for (ptrdiff_t k = 0; task.offset && k < n; ++k)
        for (ptrdiff_t i = 0; i < kLanes; ++i) z[k * kLanes + i] = task.scale * z[k * kLanes + i] + task.offset[k];
}

void transform_tile(const RowsTask&, float*) {}  // those are computed in double

template <class Real>
void tiles(const RowsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t size = task.logits.n_classes * kLanes;
    const bool statistics = wants_statistics(task);
    const Buffer<Real> z(size), e(size), q(task.target.probs.data ? size : 0), raw(task.softcap > 0.0 ? size : 0);
    Tile<Real> tile{task, task.offset ? 1.0 : task.scale, z.get(), e.get(), q.get(), raw.get()};
    Block block;
    for (ptrdiff_t start = begin; start < end; start += kBlock) {
        block.open(task, start, smaller(kBlock, end - start));
        for (ptrdiff_t at = 0; at < block.count; at += kLanes) {
            const ptrdiff_t count = smaller(kLanes, block.count - at);
            bool any_live = false;
            for (ptrdiff_t i = 0; i < count; ++i) any_live |= block.plan(at + i).live();
            if (any_live || statistics) {
                load_tile(task.logits, start + at, count, tile.z);
                if (task.softcap > 0.0) __builtin_memcpy(tile.raw, tile.z, static_cast<size_t>(size) * sizeof(Real));
                transform_tile(task, tile.z);
                if (task.target.probs.data) load_tile(task.target.probs, start + at, count, tile.q);
                if (task.known_log_sum)
                    tile.use_known(block, at, count);
                else
                    tile.find_statistics(block, at, count);
            }
            if (!task.dlogits.data) continue;
            if (any_live)
                tile.make_gradient(block, at, count);
            else
                for (ptrdiff_t k = 0; k < size; ++k) tile.e[k] = Real{0};
            store_tile(tile.e, start + at, count, tile.z, task.dlogits);
        }
        block.close(task);
    }
}

}  // namespace
}  // namespace xent
