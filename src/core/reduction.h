// A loss of rows that is reduced to a number: the coefficients that its options come to. Compiled once, with module.cpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels.h"

namespace xent {
namespace {

// Numbers that are written before they are read.
std::unique_ptr<double[]> numbers(ptrdiff_t count) { return std::unique_ptr<double[]>(new double[count]); }

// A loss of rows that is reduced to a number: how, and with which weights. See `reduced_loss`.
struct Reduction {
    double keep, spread;         // the smoothed target is keep · target + spread / K
    const double* class_weight;  // divided out of a mean
    const double* class_factor;  // not so
    const double* row_weight;
    double z_loss;
    bool mean;
    double normalizer;  // 0: none

    double weight_of(int64_t y) const { return class_weight ? class_weight[y] : 1.0; }
    double factor_of(int64_t y) const { return class_factor ? class_factor[y] : 1.0; }
    double of_row(ptrdiff_t i) const { return row_weight ? row_weight[i] : 1.0; }

    // What a mean divides by: the weights of the labels, or the rows of probability targets; those of rows in both.
    double denominator(const RowTarget& target, ptrdiff_t n, ptrdiff_t live) const {
        if (normalizer > 0.0) return normalizer;
        if (!row_weight && !(class_weight && target.index)) return static_cast<double>(live);
        double sum = 0.0;
        if (!target.index) {
            for (ptrdiff_t i = 0; i < n; ++i) sum += row_weight[i];
            return sum;
        }
        with_index(target, [&](const auto* index) {
            for (ptrdiff_t i = 0; i < n; ++i)
                if (index[i] != target.ignore_index) sum += weight_of(index[i]) * of_row(i);
        });
        return sum;
    }
};

// The coefficients of a task, and what holds them.
struct Coefficients {
    double uniform = 0.0, whole[5] = {};
    std::unique_ptr<double[]> by_class, columns;

    // `share` multiplies the loss of each row.
    void give(RowsTask& task, const Reduction& how, double share) {
        const ptrdiff_t n = task.logits.n_rows, n_classes = task.logits.n_classes;
        const RowTarget& target = task.target;
        double class_mass = 1.0;
        uniform = 1.0 / static_cast<double>(n_classes);
        double spread = how.spread;
        if (spread != 0.0) task.class_coef = {&uniform, 0};
        if (spread != 0.0 && (how.class_weight || how.class_factor)) {
            by_class = numbers(n_classes);
            class_mass = 0.0;
            bool any = false;
            for (ptrdiff_t k = 0; k < n_classes; ++k) {
                class_mass += by_class[k] = how.weight_of(k) * how.factor_of(k) * uniform;
                any |= by_class[k] != 0.0;
            }
            task.class_coef = {by_class.get(), 1};
            if (!any) spread = 0.0;  // a row of which nothing is asked has no gradient, whatever its logits are
        }
        Column* const parts[] = {&task.coef_softmax, &task.coef_target, &task.coef_class, &task.coef_mass,
                                 &task.coef_square};
        const auto of_row = [&](double each, double weight, double factor, double* to, ptrdiff_t step) {
            const double of_label = target.index ? weight * factor : 1.0;
            to[0] = each * spread * class_mass + (target.index ? each * how.keep * of_label : 0.0);
            to[step] = -each * how.keep * of_label;
            to[2 * step] = -each * spread;
            to[3 * step] = target.index ? 0.0 : each * how.keep;
            to[4 * step] = each * how.z_loss * (target.index ? weight : 1.0);
        };
        const bool used[] = {true, true, spread != 0.0, !target.index, how.z_loss != 0.0};
        const bool unlike = how.row_weight || (target.index && (how.class_weight || how.class_factor));
        if (unlike) {
            columns = numbers(5 * n);
            const auto fill = [&](const auto& label_of) {
                for (ptrdiff_t i = 0; i < n; ++i) {
                    const int64_t y = label_of(i);
                    of_row(share * how.of_row(i), y < 0 ? 1.0 : how.weight_of(y), y < 0 ? 1.0 : how.factor_of(y),
                           columns.get() + i, n);
                }
            };
            if (target.index)
                with_index(target, [&](const auto* index) {
                    fill(
                        [&](ptrdiff_t i) { return index[i] == target.ignore_index ? int64_t{-1} : int64_t{index[i]}; });
                });
            else
                fill([](ptrdiff_t) { return int64_t{-1}; });
        } else {
            of_row(share, 1.0, 1.0, whole, 1);
        }
        for (int part = 0; part < 5; ++part)
            if (used[part]) *parts[part] = unlike ? Column{columns.get() + part * n, 1} : Column{whole + part, 0};
    }
};

}  // namespace
}  // namespace xent
