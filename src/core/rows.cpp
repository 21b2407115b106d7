// The rows of a loss: statistics, value and gradient, in one pass where the coefficients are known beforehand.
//
// Rows take one of two ways. Long rows whose classes lie side by side go one at a time (long_rows.h). Short rows, and
// rows whose classes lie apart (images: classes are planes), go sixteen at a time, one a lane (tiles.h).
// Stored floats and halves are computed in float, in which an exponential keeps its last digit (RelativeExp); all sums
// are in double. What changes logits beyond a scale (soft cap, offset) is computed in double.
//
// Rules of this file and its headers, which are linked several times into one library, each time for another processor:
// no std:: templates, no static objects, nothing with external linkage but the kernel at the end. A function that the
// linker may merge with its namesake of another level would sooner or later run on a processor that lacks it.
// Nothing of the mathematics library is called either, so results do not depend on which one is installed.

#include "long_rows.h"
#include "tiles.h"

namespace xent {
namespace XENT_LEVEL {

void rows(const RowsTask& task, ptrdiff_t begin, ptrdiff_t end) {
    // The way is chosen by what all rows share, never by how many there are: each way has its own last bits.
    const View& logits = task.logits;
    const bool beside = logits.class_stride == element_size(logits.dtype);
    if (logits.n_classes > kShort && beside) return long_rows(task, begin, end);
    if (logits.dtype == DType::float64 || is_transformed(task)) return tiles<double>(task, begin, end);
    return tiles<float>(task, begin, end);
}

Census take_census(const RowTarget& target, ptrdiff_t n_rows, ptrdiff_t n_classes) {
    Census census;
    const int64_t ignore_index = target.ignore_index;
    with_index(target, [&](const auto* index) {
        ptrdiff_t live = 0, outside = 0;
#pragma omp simd reduction(+ : live, outside)
        for (ptrdiff_t i = 0; i < n_rows; ++i) {
            const int64_t y = index[i];
            const bool is_live = y != ignore_index;
            live += is_live ? 1 : 0;
            outside += is_live & ((y < 0) | (y >= n_classes)) ? 1 : 0;
        }
        census = {live, outside};
    });
    return census;
}

}  // namespace XENT_LEVEL
}  // namespace xent
