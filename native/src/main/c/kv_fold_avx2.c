/* The fold for AVX2, FMA and F16C. */
#define KV_FOLD kv_fold_avx2
#include "kv_fold.h"
#include "kv_simd_avx2.h"

#include "kv_fold_kernel.h"
