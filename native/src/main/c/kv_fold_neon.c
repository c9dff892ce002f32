/* The fold for AArch64's NEON. */
#define KV_FOLD kv_fold_neon
#include "kv_fold.h"
#include "kv_simd_neon.h"

#include "kv_fold_kernel.h"
