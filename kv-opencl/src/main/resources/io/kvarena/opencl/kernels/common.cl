// Shared by all programs: the structures that the host fills, visible slots, softmax arithmetic.
// A program = common.cl + codes.cl + keys/<load>.cl + values/<load>.cl + <cpu or gpu>.cl, then a fold
// out of decode/ for few queries or out of prefill/ for many.

// One query's bits may not depend on how the compiler fused another one's arithmetic: every fused
// multiply-add below is written out.
#pragma OPENCL FP_CONTRACT OFF

#define PAGE_TOKENS_MAX 64
#define GROUP 32            // channels that share a scale in q8_0 and q4_0

// Largest logit of a row that has seen nothing: finite, as fast math may assume no infinities.
#define NOTHING_SEEN (-1e30f)

typedef __global const uchar* bytes;

// What stays the same for a whole fold; as ClWorker.java writes it, 64 bytes.
typedef struct {
  int heads;           // KV heads in a page
  int group;           // query heads of a KV head
  int key_dim;
  int value_dim;
  int page_tokens;     // 8, 16, ... 64
  int key_tile_bytes;
  int value_tile_bytes;
  int query_tokens;
  int query_stride;    // floats of a query row, key_dim rounded up to 16 with zeros
  int block_tokens;    // query tokens of a work-item, or of a group that shares them
  int splits;          // splits of the scratch
  int resumed;         // the scratch of split 0 already holds its earlier pages
  float scale;
  float soft_cap;
  float spare1;
  float spare2;
} fold_args;

// A page of the run; as PageBatch.java writes it, 24 bytes.
typedef struct {
  ulong offset;        // of the page in its slab
  ulong live;          // bit s set: slot s may be attended to
  int position;        // of slot 0
  int slab;            // which slab argument
} page_row;

// The slab arguments of a kernel: a fold sees at most sixteen slabs at a time.
#define SLABS_PARAMETERS                                                                  \
  bytes slab0, bytes slab1, bytes slab2, bytes slab3, bytes slab4, bytes slab5,           \
      bytes slab6, bytes slab7, bytes slab8, bytes slab9, bytes slab10, bytes slab11,     \
      bytes slab12, bytes slab13, bytes slab14, bytes slab15
#define SLABS                                                                             \
  slab0, slab1, slab2, slab3, slab4, slab5, slab6, slab7, slab8, slab9, slab10, slab11,   \
      slab12, slab13, slab14, slab15

inline bytes page_address(const page_row row, SLABS_PARAMETERS) {
  bytes all[16] = {SLABS};
  return all[row.slab & 15] + row.offset;
}

// Bit s set: slot s is live and its position lies in lowest..highest.
inline ulong visible_slots(const page_row row, int page_tokens, int lowest, int highest) {
  long from = max(0L, (long)lowest - row.position);
  long to = min((long)page_tokens, (long)highest - row.position + 1);
  if (from >= to) {
    return 0;
  }
  return row.live & (~0UL >> (64 - to)) & (~0UL << from);
}

inline int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

inline float max_of(float8 x) {
  float4 a = max(x.lo, x.hi);
  float2 b = max(a.lo, a.hi);
  return max(b.x, b.y);
}

inline float sum_of(float8 x) {
  float4 a = x.lo + x.hi;
  float2 b = a.lo + a.hi;
  return b.x + b.y;
}

// exp(x) for x <= 0 within 2 ulp, exp(0) = 1 exactly, 0 below -87: x = n ln 2 + r, Taylor in r. Beside
// 1.5 * 2^23 a float has no room for a fraction: adding that rounds, and the low bits are n.
#define EXP_BELOW(NAME, N)                                                                \
  inline float##N NAME(float##N x) {                                                      \
    float##N bounded = max(x, (float##N)(-87.0f));                                        \
    float##N shifted = bounded * 1.44269504f + 12582912.0f;                               \
    float##N n = shifted - 12582912.0f;                                                   \
    float##N r = fma(n, (float##N)(-0.693359375f), bounded);                              \
    r = fma(n, (float##N)(2.12194440e-4f), r);                                            \
    float##N y = (float##N)(1.0f / 5040);                                                 \
    y = fma(y, r, (float##N)(1.0f / 720));                                                \
    y = fma(y, r, (float##N)(1.0f / 120));                                                \
    y = fma(y, r, (float##N)(1.0f / 24));                                                 \
    y = fma(y, r, (float##N)(1.0f / 6));                                                  \
    y = fma(y, r, (float##N)(0.5f));                                                      \
    y = fma(y, r, (float##N)(1.0f));                                                      \
    y = fma(y, r, (float##N)(1.0f));                                                      \
    float##N power = as_float##N((as_int##N(shifted) + (127 - 0x4b400000)) << 23);        \
    return select((float##N)(0.0f), y * power, x >= (float##N)(-87.0f));                  \
  }

EXP_BELOW(exp_below, 8)
EXP_BELOW(exp_below16, 16)

inline float exp_below_scalar(float x) {
  return exp_below((float8)(x)).s0;
}

inline float16 logits_of(float16 dots, float scale, float soft_cap) {
  float16 x = dots * scale;
  if (soft_cap > 0.0f) {
    x = soft_cap * tanh(x / soft_cap);
  }
  return x;
}

// Asks for memory ahead of its use: without it the next tile, which may lie anywhere, is a run of
// cache misses.
#if defined(__x86_64__) && !defined(NO_PREFETCH)
#define PREFETCH(p) __builtin_prefetch((const void*)(ulong)(p), 0, 2)
#else
#define PREFETCH(p)
#endif
