/* Writing pages and rotating rows for AArch64's NEON. */
#define KV_ISA(name) name##_neon
#include "kv_simd_neon.h"

#include "kv_rows_kernel.h"
