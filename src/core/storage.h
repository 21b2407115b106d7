// How numbers are stored: the four types, their conversions, and matrices of them with any strides.
//
// Everything here has internal linkage and is compiled once per instruction-set level (see kernels.h).

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "kernels.h"
#include "vmath.h"

namespace xent {
namespace {

struct Half {
    uint16_t bits;
};

struct Bfloat {
    uint16_t bits;
};

// Conversions by integer arithmetic: compilers leave those of _Float16 scalar.

inline double widen(double x) { return x; }

inline float widen(float x) { return x; }

inline float widen(uint8_t x) { return x; }

inline float widen(Bfloat x) { return float_from_bits(static_cast<uint32_t>(x.bits) << 16); }

inline float widen(Half x) {
    const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16;
    const uint32_t rest = x.bits & 0x7fffu;
    const uint32_t normal = (rest << 13) + ((127u - 15u) << 23);
    const uint32_t special = normal + ((128u - 16u) << 23);
    const uint32_t subnormal = bits_of(static_cast<float>(static_cast<int32_t>(rest)) * 0x1p-24f);
    const uint32_t small = rest < 0x400u ? subnormal : normal;
    return float_from_bits(sign | (rest >= 0x7c00u ? special : small));
}

// To nearest, ties to even; what is too large becomes infinite.

inline void narrow(double x, double& out) { out = x; }

inline void narrow(double x, float& out) { out = static_cast<float>(x); }

inline void narrow(float x, float& out) { out = x; }

inline void narrow(float x, Bfloat& out) {
    const uint32_t bits = bits_of(x);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    out.bits = static_cast<uint16_t>(x == x ? rounded : 0x7fc0u);
}

// The same for what is no NaN, which costs less.

template <class Real, class T>
inline void narrow_number(Real x, T& out) {
    narrow(x, out);
}

inline void narrow_number(float x, Bfloat& out) {
    const uint32_t bits = bits_of(x);
    out.bits = static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline void narrow(float x, Half& out) {
    const uint32_t bits = bits_of(x);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t size = bits & 0x7fffffffu;
    const uint32_t shifted = size - ((127u - 15u) << 23);
    const uint32_t normal = (shifted + 0xfffu + ((shifted >> 13) & 1u)) >> 13;
    const uint32_t subnormal = bits_of(float_from_bits(size) + 0.5f) - bits_of(0.5f);
    const uint32_t finite = size < 0x38800000u ? subnormal : normal;
    const uint32_t number = size >= 0x47800000u ? 0x7c00u : finite;
    out.bits = static_cast<uint16_t>(sign | (size > 0x7f800000u ? 0x7e00u : number));
}

inline void narrow(double x, Half& out) { narrow(static_cast<float>(x), out); }

inline void narrow(double x, Bfloat& out) { narrow(static_cast<float>(x), out); }

// Write 64 bytes past the caches, to an address that is a multiple of 64: memory that is only written need not be read,
// which ordinary stores begin with. `finish_streams` comes before another thread may read them.

constexpr ptrdiff_t kLine = 64;

inline bool is_line(const void* address) { return (reinterpret_cast<uintptr_t>(address) & (kLine - 1)) == 0; }

inline void stream_line(const void* line, void* out) {
#if defined(__AVX512F__)
    _mm512_stream_si512(static_cast<__m512i*>(out), _mm512_load_si512(line));
#elif defined(__AVX__)
    for (int i = 0; i < 2; ++i)
        _mm256_stream_si256(static_cast<__m256i*>(out) + i, _mm256_load_si256(static_cast<const __m256i*>(line) + i));
#elif defined(__SSE2__)
    for (int i = 0; i < 4; ++i)
        _mm_stream_si128(static_cast<__m128i*>(out) + i, _mm_load_si128(static_cast<const __m128i*>(line) + i));
#else
    std::memcpy(out, line, kLine);
#endif
}

inline void finish_streams() {
#ifdef __SSE2__
    _mm_sfence();
#endif
}

constexpr DType dtype_of(double) { return DType::float64; }
constexpr DType dtype_of(float) { return DType::float32; }
constexpr DType dtype_of(Half) { return DType::float16; }
constexpr DType dtype_of(Bfloat) { return DType::bfloat16; }

// Call body(T{}) with T the stored type.
template <class Body>
inline void with_type(DType dtype, const Body& body) {
    switch (dtype) {
        case DType::float64:
            return body(double{});
        case DType::float32:
            return body(float{});
        case DType::float16:
            return body(Half{});
        case DType::bfloat16:
            return body(Bfloat{});
    }
}

// The address of row i, rows counted in C order of the leading axes.
template <class Byte>
inline Byte* row_of(const ViewOf<Byte>& view, ptrdiff_t i) {
    Byte* address = view.data;
    for (int axis = view.n_axes - 1; axis > 0; --axis) {
        const ptrdiff_t rest = i / view.shape[axis];
        address += (i - rest * view.shape[axis]) * view.strides[axis];
        i = rest;
    }
    return address + i * view.strides[0];
}

// The number of rows from row i on that lie along the last of the leading axes.
template <class Byte>
inline ptrdiff_t run_from(const ViewOf<Byte>& view, ptrdiff_t i) {
    const int last = view.n_axes - 1;
    return view.shape[last] - (last == 0 ? i : i % view.shape[last]);
}

}  // namespace
}  // namespace xent
