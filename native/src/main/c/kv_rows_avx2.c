/* Writing pages and rotating rows for AVX2, FMA and F16C. */
#define KV_ISA(name) name##_avx2
#include "kv_simd_avx2.h"

#include "kv_rows_kernel.h"
