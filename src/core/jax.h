// Between module.cpp, which knows Python and chooses a level, and jax.cpp, which is called by XLA.

#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace xent {

extern const Kernels* active;  // the level in use

// The handler of rows of a loss (see jax.cpp), as XLA calls it.
void* xla_rows_handler();

// Ask that memory to be written for the first time comes in large pages: one of 4 KiB at a time, that takes longer than
// writing it does. NumPy does the same with its large arrays.
void expect_writes(uintptr_t address, size_t bytes);

}  // namespace xent
