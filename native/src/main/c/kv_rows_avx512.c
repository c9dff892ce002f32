/* Writing pages and rotating rows for AVX-512 F, BW, DQ and VL. */
#define KV_ISA(name) name##_avx512
#include "kv_simd_avx512.h"

#include "kv_rows_kernel.h"
