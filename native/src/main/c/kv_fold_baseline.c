/* The fold for any processor. */
#define KV_FOLD kv_fold_baseline
#include "kv_fold.h"
#include "kv_simd_portable.h"

#include "kv_fold_kernel.h"
