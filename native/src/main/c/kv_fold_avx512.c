/* The fold for AVX-512 F, BW, DQ and VL. */
#define KV_FOLD kv_fold_avx512
#include "kv_fold.h"
#include "kv_simd_avx512.h"

#include "kv_fold_kernel.h"
