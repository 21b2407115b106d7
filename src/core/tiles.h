// Rows that are short, or whose classes lie apart, sixteen at a time: one a lane. Part of rows.cpp, whose rules hold
// here too.

#pragma once

#include "row_block.h"
#include "tile_memory.h"

namespace xent {
namespace {

constexpr ptrdiff_t kFew = 2;              // classes that are summed in float
constexpr ptrdiff_t kTileBytes = 1 << 12;  // of tiles that are settled together

// What turn_rows does, the other way.
void turn_columns(const float* tile, ptrdiff_t n_columns, float* to, ptrdiff_t stride) {
    for (ptrdiff_t step = 0; step < n_columns && n_columns >= 4; step += 4) {
        const ptrdiff_t k = smaller(step, n_columns - 4);
        Sixteen rows[4];
        for (ptrdiff_t i = 0; i < 4; ++i) __builtin_memcpy(&rows[i], tile + (k + i) * kLanes, sizeof(Sixteen));
        turn(rows);
        for (ptrdiff_t i = 0; i < 4; ++i)
            for (ptrdiff_t part = 0; part < 4; ++part)
                __builtin_memcpy(to + (4 * part + i) * stride + k, reinterpret_cast<const float*>(&rows[i]) + 4 * part,
                                 sizeof(Four));
    }
    for (ptrdiff_t k = 0; k < n_columns && n_columns < 4; ++k)
        for (ptrdiff_t i = 0; i < kLanes; ++i) to[i * stride + k] = tile[k * kLanes + i];
}

// `spare` has room for the tile.
template <class Real>
[[gnu::noinline]] void store_tile(const Real* tile, ptrdiff_t begin, ptrdiff_t count, Real* spare, bool streams,
                                  const MutableView& view) {
    const ptrdiff_t n = view.n_classes, apart = view.class_stride;
    with_type(view.dtype, [&](auto type) {
        using T = decltype(type);
        const TileRows<T, char> rows{view, begin, count};
        char* first = row_of(view, begin);
        if (rows.as_lanes && streams && kLanes * rows.kSize == kLine && is_line(first) && apart % kLine == 0) {
            for (ptrdiff_t k = 0; k < n; ++k) {
                alignas(kLine) T line[kLanes];
#pragma omp simd
                for (ptrdiff_t i = 0; i < kLanes; ++i) narrow(tile[k * kLanes + i], line[i]);
                stream_line(line, first + k * apart);
            }
            return;
        }
        if (rows.as_lanes) {
            for (ptrdiff_t k = 0; k < n; ++k) {
                T* out = reinterpret_cast<T*>(first + k * apart);
#pragma omp simd
                for (ptrdiff_t i = 0; i < kLanes; ++i) narrow(tile[k * kLanes + i], out[i]);
            }
            return;
        }
        if constexpr (sizeof(Real) == 4) {
            if (sizeof(T) == 4 && rows.evenly && rows.beside && !(streams && rows.dense)) {
                const ptrdiff_t stride = rows.row_stride / rows.kSize;
                float* out = reinterpret_cast<float*>(first);
                turn_columns(tile, n, out, stride);
                return;
            }
            if (rows.dense) {
                turn_columns(tile, n, spare, n);
                const Real* values = spare;
                const auto value_at = [values](ptrdiff_t k) { return values[k]; };
                if (streams)
                    stream_values<true>(n * kLanes, value_at, -1, 0.0, reinterpret_cast<T*>(first));
                else
                    write_values<true>(n * kLanes, value_at, reinterpret_cast<T*>(first));
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

void transform_tile(const RowsTask& task, double* z) {
    const ptrdiff_t n = task.logits.n_classes;
    cap(task, n * kLanes, z);
    for (ptrdiff_t k = 0; task.offset && k < n; ++k)
        for (ptrdiff_t i = 0; i < kLanes; ++i) z[k * kLanes + i] = task.scale * z[k * kLanes + i] + task.offset[k];
}

void transform_tile(const RowsTask&, float*) {}  // those are computed in double

// Sixteen rows of a block, from its row `at` on.
template <class Real>
struct Tile {
    using Exp = RelativeExp<Real>;

    const RowsTask& task;
    Block& block;
    ptrdiff_t at, count;
    double scale;  // z' = scale · z
    Real* z;
    Real* e;
    Real* q;    // the target's probabilities
    Real* raw;  // the logits before a soft cap
    alignas(64) double z_label[kLanes] = {};

    void load(Real* spare) const {
        const ptrdiff_t size = task.logits.n_classes * kLanes;
        load_tile(task.logits, block.begin + at, count, spare, z);
        if (task.softcap > 0.0) __builtin_memcpy(raw, z, static_cast<size_t>(size) * sizeof(Real));
        transform_tile(task, z);
        if (task.target.probs.data) load_tile(task.target.probs, block.begin + at, count, spare, q);
    }

    void find_top() const {
        alignas(64) Real highest[kLanes];
        for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = static_cast<Real>(-kInf);
        for (ptrdiff_t k = 0; k < task.logits.n_classes; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = larger(z[k * kLanes + i], highest[i]);
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) block.top[at + i] = static_cast<double>(highest[i]);
    }

    template <bool kPlain>
    void exponentiate_lanes(const typename Exp::Lanes& prepared) {
        const typename Exp::Lanes lanes = prepared;
        alignas(64) Real of_z[kLanes], of_e[kLanes];
        alignas(64) int32_t label[kLanes];
        for (ptrdiff_t i = 0; i < kLanes; ++i) of_z[i] = of_e[i] = Real{0};
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) label[i] = static_cast<int32_t>(block.label[at + i]);
        alignas(64) double below[kLanes];
        alignas(64) int32_t ties[kLanes];
        alignas(64) Real highest[kLanes];
        for (ptrdiff_t i = 0; i < kLanes; ++i) below[i] = 0.0;
        for (ptrdiff_t i = 0; i < kLanes; ++i) ties[i] = -1;  // the largest itself is not among the rest
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) highest[i] = static_cast<Real>(block.top[at + i]);
        const ptrdiff_t n = task.logits.n_classes;
        for (ptrdiff_t start = 0; start < n; start += kFew) {
            const ptrdiff_t end = smaller(start + kFew, n);
            alignas(64) Real part[kLanes];
            for (ptrdiff_t i = 0; i < kLanes; ++i) part[i] = Real{0};
            for (int32_t k = start; k < end; ++k)
#pragma omp simd
                for (int i = 0; i < kLanes; ++i) {
                    const Real value = z[k * kLanes + i];
                    const Real power = lanes.template at<kPlain>(i, value);
                    e[k * kLanes + i] = power;
                    part[i] += value == highest[i] ? Real{0} : power;
                    ties[i] += value == highest[i] ? 1 : 0;
                    of_z[i] = label[i] == k ? value : of_z[i];
                    of_e[i] = label[i] == k ? power : of_e[i];
                }
#pragma omp simd
            for (int i = 0; i < kLanes; ++i) below[i] += static_cast<double>(part[i]);
        }
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const double sum = below[i] / Exp::kUnit + static_cast<double>(ties[i]), top = block.top[at + i];
            block.rest[at + i] = top - top == 0.0 ? sum : kNaN;
            block.at_label[at + i] = static_cast<double>(of_e[i]) / Exp::kUnit;
            z_label[i] = static_cast<double>(of_z[i]);
        }
    }

    void exponentiate() {
        typename Exp::Lanes exp;
        exp.prepare(scale, block.top + at);
        if (exp.plain)
            exponentiate_lanes<true>(exp);
        else
            exponentiate_lanes<false>(exp);
    }

    void find_statistics() {
        const ptrdiff_t n = task.logits.n_classes;
        exponentiate();
        double* top = block.top + at;
        double* rest = block.rest + at;
        int64_t unknown = 0;
#pragma omp simd reduction(| : unknown)
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            const bool labelled = block.label[at + i] >= 0;
            const double relative = scale * (z_label[i] - top[i]);
            block.max[at + i] = scale * top[i];
            block.target_logit[at + i] = labelled ? relative : 0.0;
            unknown |= rest[i] == rest[i] ? 0 : 1;
        }
        if (task.target.probs.data) {
            weigh([&](ptrdiff_t k, ptrdiff_t i) { return static_cast<double>(q[k * kLanes + i]); },
                  block.target_logit + at);
            find_mass();
        }
        if (task.class_coef.data)
            weigh([&](ptrdiff_t k, ptrdiff_t) { return task.class_coef[k]; }, block.mean_logit + at);
        if (task.expected_logit) {
            weigh([&](ptrdiff_t k, ptrdiff_t i) { return static_cast<double>(e[k * kLanes + i]) / Exp::kUnit; },
                  block.expected_logit + at);
            for (ptrdiff_t i = 0; i < kLanes; ++i) block.expected_logit[at + i] /= 1.0 + rest[i];
        }
        for (ptrdiff_t i = 0; unknown && i < count; ++i) {
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
        const double* top = block.top + at;
        for (ptrdiff_t i = 0; i < kLanes; ++i) out[i] = 0.0;
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

    void find_mass() const {
        const ptrdiff_t n = task.logits.n_classes;
        if (!task.target_mass && !task.coef_mass.data) return;
        alignas(64) int64_t any[kLanes];
        for (ptrdiff_t i = 0; i < kLanes; ++i) any[i] = 0;
        for (ptrdiff_t i = 0; i < kLanes; ++i) block.target_mass[at + i] = 0.0;
        for (ptrdiff_t k = 0; k < n; ++k)
#pragma omp simd
            for (ptrdiff_t i = 0; i < kLanes; ++i) {
                block.target_mass[at + i] += static_cast<double>(q[k * kLanes + i]);
                any[i] |= q[k * kLanes + i] != Real{0} ? 1 : 0;
            }
        for (ptrdiff_t i = 0; task.coef_mass.data && i < count; ++i)
            if (!any[i]) block.drop_target(at + i);
    }

    void use_known() {
        for (ptrdiff_t i = 0; i < count; ++i) block.max[at + i] = task.known_max[block.begin + at + i];
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) block.top[at + i] = block.max[at + i] / scale;
        exponentiate();
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            // Not scale · (z - top): of a rounded maximum the division does not give the top back.
            const double relative = scale * z_label[i] - block.max[at + i];
            block.target_logit[at + i] = block.label[at + i] >= 0 ? relative : 0.0;
        }
    }

    // Turn e into the gradient; exact zeros in lanes without a live row.
    void make_gradient() const {
        const ptrdiff_t n = task.logits.n_classes;
        constexpr Real kDown = static_cast<Real>(1.0 / Exp::kUnit);
        alignas(64) Real factor[kLanes], by_target[kLanes], by_class[kLanes], of_label[kLanes];
        alignas(64) int32_t live[kLanes], label[kLanes];
#pragma omp simd
        for (ptrdiff_t i = 0; i < kLanes; ++i) {
            factor[i] = static_cast<Real>(block.factor[at + i]);
            by_target[i] = static_cast<Real>(block.of_target[at + i]);
            by_class[i] = static_cast<Real>(block.of_class[at + i]);
            of_label[i] = static_cast<Real>(block.of_label[at + i]);
            live[i] = block.live[at + i] != 0 ? -1 : 0;
            label[i] = static_cast<int32_t>(block.label[at + i]);
        }
        for (int32_t k = 0; k < n; ++k)
#pragma omp simd
            for (int i = 0; i < kLanes; ++i) {
                const Real product = factor[i] * (kDown * e[k * kLanes + i]);
                const Real slope = label[i] == k ? of_label[i] : product;
                e[k * kLanes + i] = live[i] ? slope : Real{0};
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

template <class Real>
void tiles(const RowsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t n = task.logits.n_classes, size = n * kLanes;
    const bool statistics = wants_statistics(task), gradient = task.dlogits.data != nullptr;
    const bool streams = gradient && is_streamed(task);
    // Rows wait for each other until their block is settled, as many as the first cache holds.
    const ptrdiff_t fit = kTileBytes / (size * static_cast<ptrdiff_t>(sizeof(Real)));
    const ptrdiff_t n_tiles = fit < 1 ? 1 : smaller(fit, kBlock / kLanes), together = n_tiles * kLanes;
    const Buffer<Real> z(n_tiles * size), e(n_tiles * size), spare(size),
        q(task.target.probs.data ? n_tiles * size : 0), raw(task.softcap > 0.0 ? n_tiles * size : 0);
    Block block;
    for (ptrdiff_t start = begin; start < end; start += block.count) {
        block.open(task, start, smaller(smaller(together, kBlock - start % kBlock), end - start));
        const auto tile_at = [&](ptrdiff_t at) {
            const ptrdiff_t i = at / kLanes;
            const double scale = task.offset ? 1.0 : task.scale;
            return Tile<Real>{task,
                              block,
                              at,
                              smaller(kLanes, block.count - at),
                              scale,
                              z.get() + i * size,
                              e.get() + i * size,
                              q.get() + i * size,
                              raw.get() + i * size};
        };
        // First all are read: what was just written in fours cannot be read in sixteens before it has left the core.
        const auto takes_part = [&](ptrdiff_t at) { return statistics || block.any_live(at); };
        for (ptrdiff_t at = 0; at < block.count; at += kLanes)
            if (takes_part(at)) tile_at(at).load(spare.get());
        for (ptrdiff_t at = 0; at < block.count; at += kLanes)
            if (takes_part(at) && !task.known_log_sum) tile_at(at).find_top();
        for (ptrdiff_t at = 0; at < block.count; at += kLanes) {
            if (!takes_part(at)) continue;
            if (task.known_log_sum)
                tile_at(at).use_known();
            else
                tile_at(at).find_statistics();
        }
        block.settle(task);
        for (ptrdiff_t at = 0; gradient && at < block.count; at += kLanes) {
            const Tile<Real> tile = tile_at(at);
            if (block.any_live(at))
                tile.make_gradient();
            else
                for (ptrdiff_t k = 0; k < size; ++k) tile.e[k] = Real{0};
            store_tile(tile.e, start + at, tile.count, spare.get(), streams, task.dlogits);
        }
    }
    finish_streams();
}

}  // namespace
}  // namespace xent
