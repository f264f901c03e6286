/* The kernels for CPUs: every precision of every level of instructions.

   No Python in here: a shared library of plain functions, named as function_level_precision, which
   latent_transport.kernels.native loads and calls. The level "plain" runs everywhere; GCC and clang
   add on x86 what processors with AVX2 and AVX-512 do at once. Every other file is included once
   for each level and precision. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_MSC_VER)
#define INLINE static __forceinline
#define APART static __declspec(noinline)
#define EXPORT __declspec(dllexport)
#define RESTRICT __restrict
#else
#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))
#define EXPORT __attribute__((visibility("default")))
#define RESTRICT restrict
#endif

/* Before a loop over lanes, none of which reads what another one writes. */
#if defined(_MSC_VER)
#define SIMD
#else
#define SIMD _Pragma("omp simd")
#endif

#define LEVEL plain
#include "precisions.h"
#undef LEVEL

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define LEVEL avx2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "precisions.h"
#pragma clang attribute pop
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#include "precisions.h"
#pragma GCC pop_options
#endif
#undef LEVEL

#define LEVEL avx512
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))),   \
                             apply_to = function)
#include "precisions.h"
#pragma clang attribute pop
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")
#include "precisions.h"
#pragma GCC pop_options
#endif
#undef LEVEL
#endif
