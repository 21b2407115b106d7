// The table of one instruction-set level's kernels: see kernels.h.

#include "kernels.h"

namespace xent {
namespace XENT_LEVEL {

#define XENT_STRING(x) #x
#define XENT_NAME(x) XENT_STRING(x)

void rows(const RowsTask&, ptrdiff_t begin, ptrdiff_t end);
Census take_census(const RowTarget&, ptrdiff_t n_rows, ptrdiff_t n_classes);
void elements(const ElementsTask&, ptrdiff_t begin, ptrdiff_t end);
void row_softmax(const SoftmaxTask&, ptrdiff_t begin, ptrdiff_t end);
void row_log_softmax(const SoftmaxTask&, ptrdiff_t begin, ptrdiff_t end);
void temperature_sums(const TemperatureTask&, ptrdiff_t begin, ptrdiff_t end);
void row_scores(const ScoresTask&, ptrdiff_t begin, ptrdiff_t end);
void confidence_counts(const ConfidenceTask&, ptrdiff_t begin, ptrdiff_t end);
void histogram_rows(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
void histogram_tops(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
void histogram_classes(const HistogramTask&, ptrdiff_t begin, ptrdiff_t end);
void row_hash(const HashTask&, ptrdiff_t begin, ptrdiff_t end);
void fill_multipliers(uint64_t* out, ptrdiff_t n_words);

const Kernels kernels = {
    XENT_NAME(XENT_LEVEL),
    rows,
    take_census,
    elements,
    row_softmax,
    row_log_softmax,
    temperature_sums,
    row_scores,
    confidence_counts,
    histogram_rows,
    histogram_tops,
    histogram_classes,
    row_hash,
    fill_multipliers,
};

}  // namespace XENT_LEVEL
}  // namespace xent
