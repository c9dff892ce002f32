/* The fold for AVX-512 F, BW, DQ, VL, VNNI and VBMI. */
#define KV_FOLD kv_fold_avx512vnni
#define KV_VNNI 1
#include "kv_fold.h"
#include "kv_simd_avx512.h"

#include "kv_fold_kernel.h"
