/* Writing pages and rotating rows for any processor. */
#define KV_ISA(name) name##_baseline
#include "kv_simd_portable.h"

#include "kv_rows_kernel.h"
