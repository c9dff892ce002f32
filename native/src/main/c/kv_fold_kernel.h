/*
 * The fold for one instruction set. A file that includes this has included a kv_simd_*.h and
 * defined KV_FOLD, the name of the function to make.
 *
 * For each page and KV head the rows that share the tile, (query token, query head of the group),
 * are taken ROWS_MAX at a time: logits from the keys, one step of the running softmax for the page,
 * then the weighted values. A tile comes from memory once for all its rows, and the tile that is
 * wanted after it is prefetched meanwhile.
 */
#include "kv_fold.h"

#include <stddef.h>

#include "kv_format.h"
#include "kv_math.h"
#include "kv_tile.h"
#ifdef KV_VNNI
#include "kv_tile_vnni.h"
#endif

/* State that is worked on while pages stream by; it should stay in the second-level cache. */
#ifndef STATE_BYTES
#define STATE_BYTES (128 * 1024)
#endif

/* Bytes of queries made ready for whole-number arithmetic, on the stack. */
#ifndef READY_BYTES
#define READY_BYTES (192 * 1024)
#endif

#ifndef KV_VNNI
/* Floats need nothing made ready. */
typedef struct {
  float unit;
} kv_ready_query;
#endif

typedef void logits_function(int rows, const kv_tile *keys, const float *const *queries,
                             const kv_ready_query *ready, float (*logits)[KV_TOKENS_MAX]);
typedef void values_function(int rows, const kv_tile *values, float (*weights)[KV_TOKENS_MAX],
                             const float *rescale, float *const *out);

/* The functions of a format: one copy for each number of rows that are worked on together. */
#define FOR_ROWS(rows, most, function, format, ...)       \
  do {                                                    \
    if ((most) >= 8 && (rows) == 8) {                     \
      function(format, (most) >= 8 ? 8 : 1, __VA_ARGS__); \
    } else if ((rows) == 4) {                             \
      function(format, 4, __VA_ARGS__);                   \
    } else if ((rows) == 2) {                             \
      function(format, 2, __VA_ARGS__);                   \
    } else {                                              \
      function(format, 1, __VA_ARGS__);                   \
    }                                                     \
  } while (0)

#define FLOAT_FUNCTIONS(name, format)                                                         \
  static void logits_##name(int rows, const kv_tile *keys, const float *const *queries,       \
                            const kv_ready_query *ready, float (*logits)[KV_TOKENS_MAX]) {    \
    (void)ready;                                                                              \
    FOR_ROWS(rows, ROWS_MAX, tile_logits, format, keys, queries, logits);                     \
  }                                                                                           \
  static void values_##name(int rows, const kv_tile *values, float (*weights)[KV_TOKENS_MAX], \
                            const float *rescale, float *const *out) {                        \
    FOR_ROWS(rows, ROWS_MAX, tile_values, format, values, weights, rescale, out);             \
  }

#ifdef KV_VNNI
#define CODED_FUNCTIONS(name, format)                                                         \
  static void logits_##name(int rows, const kv_tile *keys, const float *const *queries,       \
                            const kv_ready_query *ready, float (*logits)[KV_TOKENS_MAX]) {    \
    FOR_ROWS(rows, CODED_ROWS_MAX, coded_logits, format, keys, queries, ready, logits);       \
  }                                                                                           \
  static void values_##name(int rows, const kv_tile *values, float (*weights)[KV_TOKENS_MAX], \
                            const float *rescale, float *const *out) {                        \
    FOR_ROWS(rows, CODED_ROWS_MAX, coded_values, format, values, weights, rescale, out);      \
  }
#else
#define CODED_FUNCTIONS(name, format) FLOAT_FUNCTIONS(name, format)
#endif

FLOAT_FUNCTIONS(f32, KV_F32)
FLOAT_FUNCTIONS(f16, KV_F16)
FLOAT_FUNCTIONS(bf16, KV_BF16)
CODED_FUNCTIONS(q8_0, KV_Q8_0)
CODED_FUNCTIONS(q4_0, KV_Q4_0)
CODED_FUNCTIONS(int8, KV_INT8)
FLOAT_FUNCTIONS(fp8_e4m3, KV_FP8_E4M3)
CODED_FUNCTIONS(turbo4, KV_TURBO4)
CODED_FUNCTIONS(turbo3, KV_TURBO3)
CODED_FUNCTIONS(turbo2, KV_TURBO2)
CODED_FUNCTIONS(kivi4, KV_KIVI4)
CODED_FUNCTIONS(kivi2, KV_KIVI2)

#define OF_EVERY_FORMAT(kind)                                                               \
  {kind##_f32,      kind##_f16,    kind##_bf16,   kind##_q8_0,   kind##_q4_0,  kind##_int8, \
   kind##_fp8_e4m3, kind##_turbo4, kind##_turbo3, kind##_turbo2, kind##_kivi4, kind##_kivi2}

static logits_function *const LOGITS[KV_FORMATS] = OF_EVERY_FORMAT(logits);
static values_function *const VALUES[KV_FORMATS] = OF_EVERY_FORMAT(values);

/* Rows that are worked on together at most. */
static int rows_together(int key_format, int value_format) {
#ifdef KV_VNNI
  if (is_whole(key_format) || is_whole(value_format)) {
    return CODED_ROWS_MAX;
  }
#else
  (void)key_format;
  (void)value_format;
#endif
  return ROWS_MAX;
}

/* The slots of a page that a query token sees: live, and at a position within its bounds. */
static uint64_t visible(const kv_page *page, int tokens, const int32_t *bounds) {
  int64_t from = (int64_t)bounds[0] - page->position;
  int64_t to = (int64_t)bounds[1] - page->position + 1;
  from = from < 0 ? 0 : from;
  to = to > tokens ? tokens : to;
  return from >= to ? 0 : page->live & (~UINT64_C(0) >> (64 - to)) & (~UINT64_C(0) << from);
}

/* The rows that are worked on together: where their state lies and which slots they see. */
typedef struct {
  float *max;
  float *sum;
  float *out; /* NULL: nothing is seen */
  uint64_t seen;
} kv_row;

/*
 * One step of the running softmax of `count` rows: turns the page's logits into weights relative to
 * each row's new maximum, exactly 0 where not seen, and writes what the rows' sums so far shrink by.
 * Weights are 0 up to the longest step of a format. In phases over all rows, so that one row's
 * sums across lanes need not wait for another's.
 */
static void soften(const kv_fold *fold, int count, const kv_row *rows,
                   float (*logits)[KV_TOKENS_MAX], float *rescale) {
  const vf nothing = v_set(-3e38f);
  const vf scale = v_set(fold->scale);
  const int tokens = fold->page_tokens;
  vf shrink[(ROWS_MAX + LANES - 1) / LANES];
  float *const change = (float *)shrink;
  float now[ROWS_MAX];
  for (int r = 0; r < count; r++) {
    vf highest = nothing;
    for (int i = 0; i < tokens; i += LANES) {
      vf x = v_mul(v_load(logits[r] + i), scale);
      if (fold->soft_cap > 0) {
        x = v_mul(v_tanh(v_div(x, v_set(fold->soft_cap))), v_set(fold->soft_cap));
      }
      v_store(logits[r] + i, x);
      highest = v_max(highest, v_if_bit(rows[r].seen >> i, x, nothing));
    }
    const float before = *rows[r].max;
    const float page_max = v_highest(highest);
    now[r] = page_max > before ? page_max : before;
    change[r] = before - now[r];
  }
  for (int r = count; r < ROWS_MAX; r++) {
    change[r] = 0;
  }
  for (int i = 0; i < count; i += LANES) {
    v_store(rescale + i, v_exp(v_load(change + i)));
  }
  for (int r = 0; r < count; r++) {
    vf total = v_zero();
    for (int i = 0; i < tokens; i += LANES) {
      vf x = v_exp(v_sub(v_load(logits[r] + i), v_set(now[r])));
      x = v_if_bit(rows[r].seen >> i, x, v_zero());
      v_store(logits[r] + i, x);
      total = v_add(total, x);
    }
    for (int i = (tokens + LANES - 1) / LANES * LANES; i < (tokens + 15) / 16 * 16; i += LANES) {
      v_store(logits[r] + i, v_zero());
    }
    if (rows[r].out) {
      *rows[r].sum = *rows[r].sum * rescale[r] + v_total(total);
      *rows[r].max = now[r];
    }
  }
}

/* Folds a page's tiles of one KV head into `rows` rows from `first` on; a row is (token, g). */
static void fold_tiles(const kv_fold *fold, logits_function *to_logits, values_function *to_values,
                       int together_max, const kv_ready_query *ready, const kv_page *page, int head,
                       int64_t first, int64_t rows, const uint8_t *next, int next_head) {
  kv_tile keys = {page->address + head * fold->key_tile_bytes, 0, fold->page_tokens,
                  fold->key_dim};
  kv_tile values = {page->address + fold->values_offset + head * fold->value_tile_bytes, 0,
                    fold->page_tokens, fold->value_dim};
  if (next) {
    keys.ahead = next + next_head * fold->key_tile_bytes - keys.bytes;
    values.ahead =
        next + fold->values_offset + next_head * fold->value_tile_bytes - values.bytes;
  }
  int64_t token = first / fold->group;
  int32_t g = (int32_t)(first % fold->group);
  int count;
  for (; rows > 0; rows -= count) {
    count = rows >= 8 && together_max >= 8 ? 8 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
    const kv_ready_query *ready_here = ready;
    ready += count;
    const float *queries[ROWS_MAX];
    kv_row row[ROWS_MAX];
    float *out[ROWS_MAX];
    uint64_t any = 0;
    for (int r = 0; r < count; r++) {
      const int64_t query_head = (int64_t)head * fold->group + g;
      const int64_t state = token * fold->state_stride + fold->first_row + query_head;
      queries[r] = fold->queries + token * fold->query_stride + query_head * fold->key_dim;
      row[r].seen = visible(page, fold->page_tokens, fold->bounds + 2 * token);
      row[r].max = fold->max + state;
      row[r].sum = fold->sum + state;
      row[r].out = out[r] = row[r].seen ? fold->out + state * fold->value_dim : NULL;
      any |= row[r].seen;
      if (++g == fold->group) {
        g = 0;
        token++;
      }
    }
    if (!any) {
      continue;
    }
    float weights[ROWS_MAX][KV_TOKENS_MAX] __attribute__((aligned(64)));
    float rescale[(ROWS_MAX + LANES - 1) / LANES * LANES];
    to_logits(count, &keys, queries, ready_here, weights);
    soften(fold, count, row, weights, rescale);
    to_values(count, &values, weights, rescale, out);
    keys.ahead = values.ahead = 0;
  }
}

static int shape_is_good(const kv_fold *fold) {
  return fold->query_tokens >= 0 && fold->heads > 0 && fold->group > 0 && fold->key_dim > 0 &&
         fold->key_dim <= KV_CHANNELS_MAX && fold->value_dim > 0 &&
         fold->value_dim <= KV_CHANNELS_MAX && fold->page_tokens >= 8 &&
         fold->page_tokens <= KV_TOKENS_MAX && fold->page_tokens % 8 == 0 && fold->pages >= 0;
}

#ifdef KV_VNNI
enum { READY_ROWS_MAX = 1024 };

/* Rows whose queries can be made ready at a time. */
static int64_t ready_rows_max(int key_format, int key_dim) {
  if (!is_whole(key_format) || is_kivi(key_format)) {
    return READY_ROWS_MAX;
  }
  const int fit = READY_BYTES / ready_bytes(key_dim);
  return fit < READY_ROWS_MAX ? fit : READY_ROWS_MAX;
}

#define READY_FUNCTION(name, format)                                           \
  static float ready_##name(const float *query, int channels, uint8_t *digits, \
                            int32_t *starts) {                                 \
    return ready_query(format, query, channels, digits, starts);               \
  }
READY_FUNCTION(q8_0, KV_Q8_0)
READY_FUNCTION(q4_0, KV_Q4_0)
READY_FUNCTION(whole, KV_INT8)

/* Makes `count` rows from `first` on of `heads` heads ready, [heads][count]. */
static void make_ready(int key_format, const kv_fold *fold, int from_head, int heads,
                       int64_t first, int64_t count, uint8_t *bytes, kv_ready_query *ready) {
  if (!is_whole(key_format)) {
    return;
  }
  const int digits = (digit_bytes(ready_elements(fold->key_dim)) + 63) / 64 * 64;
  for (int head = from_head; head < from_head + heads; head++) {
    for (int64_t row = first; row < first + count; row++, bytes += ready_bytes(fold->key_dim)) {
      const float *query = fold->queries + row / fold->group * fold->query_stride +
                           (head * (int64_t)fold->group + row % fold->group) * fold->key_dim;
      if (is_kivi(key_format)) {
        *ready++ = (kv_ready_query){NULL, NULL, largest_of(query, fold->key_dim)};
        continue;
      }
      int32_t *starts = (int32_t *)(bytes + digits);
      const float unit = key_format == KV_Q8_0   ? ready_q8_0(query, fold->key_dim, bytes, starts)
                         : key_format == KV_Q4_0 ? ready_q4_0(query, fold->key_dim, bytes, starts)
                                                 : ready_whole(query, fold->key_dim, bytes, starts);
      *ready++ = (kv_ready_query){bytes, starts, unit};
    }
  }
}

#define READY_QUERIES(name)                                       \
  uint8_t name##_bytes[READY_BYTES] __attribute__((aligned(64))); \
  kv_ready_query name[READY_ROWS_MAX]
#define MAKE_READY(name, key_format, fold, from_head, heads, first, count) \
  make_ready(key_format, fold, from_head, heads, first, count, name##_bytes, name)
#else
static int64_t ready_rows_max(int key_format, int key_dim) {
  (void)key_format;
  (void)key_dim;
  return INT64_MAX / 2;
}
#define READY_QUERIES(name) kv_ready_query *const name = NULL
#define MAKE_READY(name, key_format, fold, from_head, heads, first, count) ((void)0)
#endif

int32_t KV_FOLD(int32_t key_format, int32_t value_format, const kv_fold *fold,
                const kv_page *pages) {
  if ((uint32_t)key_format >= KV_FORMATS || (uint32_t)value_format >= KV_FORMATS) {
    return KV_BAD_FORMAT;
  }
  if (!shape_is_good(fold)) {
    return KV_BAD_SHAPE;
  }
  logits_function *const to_logits = LOGITS[key_format];
  values_function *const to_values = VALUES[value_format];
  // One query token: read each page from end to end, which suits the hardware's own prefetching.
  // More: one head at a time over all pages, with as many rows as the state may take.
  const int64_t rows = (int64_t)fold->query_tokens * fold->group;
  const int64_t fit = ready_rows_max(key_format, fold->key_dim);
  const int span = fold->query_tokens == 1 && rows * fold->heads <= fit ? fold->heads : 1;
  int64_t block = STATE_BYTES / (4 * fold->value_dim);
  block = span > 1 ? rows : block > fit ? fit : block;
  block = block > rows ? rows : block;
  READY_QUERIES(ready);
  for (int from_head = 0; from_head < fold->heads; from_head += span) {
    for (int64_t row = 0; row < rows; row += block) {
      const int64_t count = rows - row < block ? rows - row : block;
      MAKE_READY(ready, key_format, fold, from_head, span, row, count);
      for (int i = 0; i < fold->pages; i++) {
        const uint8_t *const next = i + 1 < fold->pages ? pages[i + 1].address : NULL;
        for (int head = from_head; head < from_head + span; head++) {
          const int last = head + 1 == from_head + span;
          fold_tiles(fold, to_logits, to_values, rows_together(key_format, value_format),
                     ready + (head - from_head) * count, &pages[i], head, row, count,
                     last ? next : pages[i].address, last ? from_head : head + 1);
        }
      }
    }
  }
  return KV_OK;
}
