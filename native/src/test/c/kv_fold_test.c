/*
 * Every kernel of this processor against a double-precision oracle that reads tiles byte by byte
 * after the layout in kv_fold.h. Built with the address and undefined-behaviour sanitizers; pages
 * and states are allocations of exactly their size, so that a byte too far is caught.
 *
 *   kv_fold_test [cases for each pair of formats = 200] [seed = 1]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv_fold.h"
#include "kv_test.h"

enum { TOKENS = KV_TOKENS_MAX, CHANNELS = KV_CHANNELS_MAX, PAGES_MAX = 6 };

static const int CASES = 200;

/* ---- the oracle's reading of a tile ---- */

static double half_value(const uint8_t *p) {
  const int word = p[0] | p[1] << 8;
  const int exponent = word >> 10 & 31;
  const int fraction = word & 1023;
  const double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
  return word >> 15 ? -size : size;
}

static int bits_at(const uint8_t *words, int bits, int64_t element, int64_t lanes, int64_t lane) {
  const int per_word = 32 / bits;
  const int64_t in_word = element % per_word;
  return words[4 * (element / per_word * lanes + lane) + in_word % 4] >> (in_word / 4 * bits) &
         ((1 << bits) - 1);
}

static double e4m3(int code) {
  const int exponent = code >> 3 & 15;
  const double size = exponent == 0 ? ldexp(code & 7, -9) : ldexp(8 + (code & 7), exponent - 10);
  return code >> 7 ? -size : size;
}

static double element(int format, int keys, const uint8_t *tile, int tokens, int channels,
                      int token, int channel) {
  static const int levels4[8] = {6, 18, 31, 44, 58, 75, 96, 127};
  static const int levels3[4] = {14, 45, 79, 127};
  static const int levels2[2] = {38, 127};
  const int64_t lanes = keys ? tokens : channels;
  const int64_t lane = keys ? token : channel;
  const int64_t at = keys ? channel : token;
  const int64_t plain = at * lanes + lane;
  const uint8_t *numbers = tile + round_up(code_bytes(format, keys, tokens, channels), 64);
  const int bits = bits_of(format);
  int code = 0;
  if (bits == 3) {
    const uint8_t *third = tile + words_of(2, keys ? channels : tokens, (int)lanes);
    code = bits_at(tile, 2, at, lanes, lane) | bits_at(third, 1, at, lanes, lane) << 2;
  } else if (bits) {
    code = bits_at(tile, bits, at, lanes, lane);
  }
  const double by_token = bits ? half_value(numbers + 2 * token) : 0;
  switch (format) {
    case KV_F32: {
      float x;
      memcpy(&x, tile + 4 * plain, 4);
      return x;
    }
    case KV_F16: return half_value(tile + 2 * plain);
    case KV_BF16: {
      const uint32_t word = (uint32_t)(tile[2 * plain] | tile[2 * plain + 1] << 8) << 16;
      float x;
      memcpy(&x, &word, 4);
      return x;
    }
    case KV_Q8_0: return half_value(numbers + 2 * (channel / 32 * tokens + token)) * (int8_t)code;
    case KV_Q4_0: return half_value(numbers + 2 * (channel / 32 * tokens + token)) * (code - 8);
    case KV_INT8: return by_token * (int8_t)code;
    case KV_FP8_E4M3: return by_token * e4m3(code);
    case KV_TURBO4: return by_token * (code < 8 ? -levels4[7 - code] : levels4[code - 8]);
    case KV_TURBO3: return by_token * (code < 4 ? -levels3[3 - code] : levels3[code - 4]);
    case KV_TURBO2: return by_token * (code < 2 ? -levels2[1 - code] : levels2[code - 2]);
    default: {
      const int64_t count = number_count(format, keys, tokens, channels) / 2;
      const int64_t i = keys ? channel : channel / 64 * tokens + token;
      return half_value(numbers + 2 * i) * code + half_value(numbers + 2 * (count + i));
    }
  }
}

/* A tile of any finite bytes of magnitude about 1. */
static void fill(int format, int keys, uint8_t *tile, int tokens, int channels) {
  const int64_t codes = code_bytes(format, keys, tokens, channels);
  for (int64_t i = 0; i < tile_bytes(format, keys, tokens, channels); i += 2) {
    uint16_t word = (uint16_t)bits();
    const int subnormal = below(50) == 0;
    if (format == KV_F32 || format == KV_BF16) {
      word = (uint16_t)((word & 0x81ff) | 0x3e00);
    } else if (format == KV_F16) {
      word = (uint16_t)((word & 0x87ff) | (subnormal ? 0 : 0x3800));
    } else if (i >= codes) {
      // Only q4_0 and the least values of kivi have negative numbers.
      word &= format == KV_Q4_0 || is_kivi(format) ? 0x83ff : 0x03ff;
      if (is_kivi(format) && i < round_up(codes, 64) + number_count(format, keys, tokens, channels)) {
        word &= 0x7fff;
      }
      word |= (uint16_t)(subnormal ? 0 : bits_of(format) == 8 || !is_ggml(format) ? 0x2000 : 0x3000);
    } else if (format == KV_FP8_E4M3) {
      word &= 0xf7f7; // no NaN
    }
    memcpy(tile + i, &word, 2);
  }
  if (format == KV_F32) {
    // The words above were the upper halves too seldom: whole floats instead.
    for (int64_t i = 0; i < codes; i += 4) {
      const float x = number();
      memcpy(tile + i, &x, 4);
    }
  }
}

/* ---- a case ---- */

typedef struct {
  int key_format, value_format;
  kv_fold fold;
  kv_page pages[PAGES_MAX];
  uint8_t *memory[PAGES_MAX];
  float *queries;
  int32_t *bounds;
  int64_t rows;
} test_case;

static test_case make(int key_format, int value_format) {
  static const int groups[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33};
  test_case c = {.key_format = key_format, .value_format = value_format};
  kv_fold *f = &c.fold;
  const int large = below(8) == 0;
  f->query_tokens = below(3) == 0 ? 1 : 1 + below(large ? 40 : 6);
  f->heads = 1 + below(3);
  f->group = one_of(groups, large ? 11 : 8);
  f->key_dim = channels_below(large ? 1025 : 129);
  f->value_dim = below(2) ? f->key_dim : channels_below(large ? 1025 : 129);
  f->page_tokens = 8 * (1 + below(8));
  f->pages = 1 + below(PAGES_MAX);
  f->key_tile_bytes = tile_bytes(key_format, 1, f->page_tokens, f->key_dim);
  f->value_tile_bytes = tile_bytes(value_format, 0, f->page_tokens, f->value_dim);
  f->values_offset = f->heads * f->key_tile_bytes;
  f->query_stride = (int64_t)f->heads * f->group * f->key_dim + below(3) * 5;
  f->scale = (0.5f + (float)below(8)) / sqrtf((float)f->key_dim);
  f->soft_cap = below(3) == 0 ? 0.25f + (float)below(30) : 0;
  f->first_row = below(3);
  f->state_stride = f->first_row + f->heads * f->group + below(3);
  c.rows = f->state_stride * f->query_tokens;
  const size_t floats = (size_t)(f->query_stride * f->query_tokens);
  c.queries = malloc(floats * sizeof(float));
  for (size_t i = 0; i < floats; i++) {
    c.queries[i] = number();
  }
  f->queries = c.queries;
  int position = below(100);
  const int start = position;
  for (int i = 0; i < f->pages; i++) {
    const int64_t bytes = f->heads * (f->key_tile_bytes + f->value_tile_bytes);
    c.memory[i] = aligned_alloc(128, (size_t)bytes);
    for (int head = 0; head < f->heads; head++) {
      fill(key_format, 1, c.memory[i] + head * f->key_tile_bytes, f->page_tokens, f->key_dim);
      fill(value_format, 0, c.memory[i] + f->values_offset + head * f->value_tile_bytes,
           f->page_tokens, f->value_dim);
    }
    const uint64_t random = (uint64_t)bits() << 32 | bits();
    const uint64_t masks[] = {~UINT64_C(0), ~UINT64_C(0), random, random & random << 9, 0,
                              UINT64_C(1) << below(f->page_tokens)};
    c.pages[i] = (kv_page){c.memory[i], masks[below(6)], position, 0};
    position += f->page_tokens + below(3);
  }
  c.bounds = malloc(sizeof(int32_t) * 2 * (size_t)f->query_tokens);
  for (int t = 0; t < f->query_tokens; t++) {
    const int all = below(3) == 0;
    c.bounds[2 * t] = all ? INT32_MIN : start - 10 + below(position - start + 20);
    c.bounds[2 * t + 1] = all ? INT32_MAX : start - 10 + below(position - start + 20);
  }
  f->bounds = c.bounds;
  return c;
}

static void discard(test_case *c) {
  for (int i = 0; i < c->fold.pages; i++) {
    free(c->memory[i]);
  }
  free(c->queries);
  free(c->bounds);
}

/* max [rows], sum [rows], out [rows][value_dim]; a row that is not the run's keeps this mark. */
static const float MARK = -12345.5f;

static float *new_state(const test_case *c) {
  const kv_fold *f = &c->fold;
  const int64_t floats = c->rows * (2 + f->value_dim);
  float *state = malloc((size_t)floats * sizeof *state);
  for (int64_t i = 0; i < floats; i++) {
    const int64_t row = i < 2 * c->rows ? i % c->rows : (i - 2 * c->rows) / f->value_dim;
    const int64_t at = row % f->state_stride - f->first_row;
    state[i] = at < 0 || at >= f->heads * f->group ? MARK : i < c->rows ? -1e30f : 0;
  }
  return state;
}

static void fold_into(kv_fold_function *kernel, const test_case *c, float *state, int from_token,
                      int tokens, int from_page, int pages) {
  kv_fold f = c->fold;
  f.query_tokens = tokens;
  f.pages = pages;
  f.queries += from_token * f.query_stride;
  f.bounds += 2 * from_token;
  f.max = state;
  f.sum = state + c->rows;
  f.out = state + 2 * c->rows;
  f.first_row += from_token * f.state_stride;
  if (kernel(c->key_format, c->value_format, &f, c->pages + from_page) != KV_OK) {
    fprintf(stderr, "refused\n");
    exit(1);
  }
}

static int sees(const kv_fold *f, const kv_page *page, int slot, int token) {
  const int64_t position = (int64_t)page->position + slot;
  return (page->live >> slot & 1) && position >= f->bounds[2 * token] &&
         position <= f->bounds[2 * token + 1];
}

/*
 * Largest error of any output, as a share of the largest value. Allowed, with u = 2^-24: a logit is
 * a sum of D products, wrong by at most (D + 3) u scale sum|q k|, and by 8 u of the soft cap; a
 * weight is wrong by that, by its exponent's rounding, u |logit - max| twice, and by 2e-7 for exp;
 * sums over n slots add n u. Weights enter the quotient twice.
 */
static double worst_error(const test_case *c, const float *state, const char *name) {
  const kv_fold *f = &c->fold;
  const double u = ldexp(1, -24);
  double worst = 0;
  static double logits[PAGES_MAX * TOKENS];
  static double out[CHANNELS];
  for (int64_t row = 0; row < c->rows; row++) {
    const int token = (int)(row / f->state_stride);
    const int64_t query_head = row % f->state_stride - f->first_row;
    const float *got = state + 2 * c->rows + row * f->value_dim;
    if (query_head < 0 || query_head >= f->heads * f->group) {
      for (int i = 0; i < f->value_dim; i++) {
        if (got[i] != MARK || state[row] != MARK || state[c->rows + row] != MARK) {
          fprintf(stderr, "%s wrote to a row that is not its own\n", name);
          exit(1);
        }
      }
      continue;
    }
    const int head = (int)(query_head / f->group);
    const float *query = f->queries + token * f->query_stride + query_head * f->key_dim;
    double max = -1e30, lowest = 1e30, spread = 0, value_max = 0;
    int seen = 0;
    for (int i = 0; i < f->pages * f->page_tokens; i++) {
      const kv_page *page = &c->pages[i / f->page_tokens];
      const int slot = i % f->page_tokens;
      if (!sees(f, page, slot, token)) {
        continue;
      }
      double dot = 0, sizes = 0;
      for (int d = 0; d < f->key_dim; d++) {
        const double product =
            query[d] * element(c->key_format, 1, page->address + head * f->key_tile_bytes,
                               f->page_tokens, f->key_dim, slot, d);
        dot += product;
        sizes += fabs(product);
      }
      double logit = dot * f->scale;
      if (f->soft_cap > 0) {
        logit = f->soft_cap * tanh(logit / f->soft_cap);
      }
      logits[i] = logit;
      max = logit > max ? logit : max;
      lowest = logit < lowest ? logit : lowest;
      spread = fmax(spread, sizes * f->scale);
      seen++;
    }
    double sum = 0;
    memset(out, 0, sizeof out);
    for (int i = 0; i < f->pages * f->page_tokens; i++) {
      const kv_page *page = &c->pages[i / f->page_tokens];
      if (!sees(f, page, i % f->page_tokens, token)) {
        continue;
      }
      const double weight = exp(logits[i] - max);
      sum += weight;
      for (int d = 0; d < f->value_dim; d++) {
        const double value =
            element(c->value_format, 0,
                    page->address + f->values_offset + head * f->value_tile_bytes, f->page_tokens,
                    f->value_dim, i % f->page_tokens, d);
        value_max = fmax(value_max, fabs(value));
        out[d] += weight * value;
      }
    }
    if (seen == 0) {
      if (state[row] != -1e30f || state[c->rows + row] != 0 || got[0] != 0) {
        fprintf(stderr, "%s changed a row that sees nothing\n", name);
        exit(1);
      }
      continue;
    }
    const double logit_error =
        (f->key_dim + 3) * u * spread + 8 * u * f->soft_cap + 2 * u * (max - lowest) + 2 * u;
    const double allowed = 2 * (logit_error + 3e-7) + (seen + 8) * u;
    const double lse = log(sum) + max - (log(state[c->rows + row]) + state[row]);
    if (!(fabs(lse) <= allowed + 4 * u * fabs(max))) {
      fprintf(stderr, "%s: formats %d/%d, dims %d/%d, T %d: log-sum-exp is off by %g, allowed %g\n", name,
              c->key_format, c->value_format, f->key_dim, f->value_dim, f->page_tokens, lse, allowed);
      exit(1);
    }
    for (int d = 0; d < f->value_dim; d++) {
      const double error = fabs(got[d] / (double)state[c->rows + row] - out[d] / sum);
      if (!(error <= allowed * value_max)) {
        fprintf(stderr,
                "%s: formats %d/%d, dims %d/%d, T %d, G %d, token %d, head %d, channel %d: off by "
                "%g, allowed %g\n",
                name, c->key_format, c->value_format, f->key_dim, f->value_dim, f->page_tokens,
                f->group, token, (int)query_head, d, error, allowed * value_max);
        exit(1);
      }
      worst = fmax(worst, value_max > 0 ? error / value_max : 0);
    }
  }
  return worst;
}

static void same(const test_case *c, const float *a, const float *b, const char *name,
                 const char *what) {
  if (memcmp(a, b, (size_t)(c->rows * (2 + c->fold.value_dim)) * sizeof *a) != 0) {
    fprintf(stderr, "%s: %s changed bits\n", name, what);
    exit(1);
  }
}

int main(int argc, char **argv) {
  const int cases = argc > 1 ? atoi(argv[1]) : CASES;
  seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
  const struct {
    const char *name;
    kv_fold_function *fold;
  } isas[] = {
      {"baseline", kv_fold_baseline},
#if defined(__x86_64__)
      {"avx2", kv_fold_avx2},
      {"avx512", kv_fold_avx512},
      {"avx512vnni", kv_fold_avx512vnni},
#elif defined(__aarch64__)
      {"neon", kv_fold_neon},
#endif
  };
  const int isa_count = (int)(sizeof isas / sizeof isas[0]);
  double worst[8] = {0};
  long folds = 0;
  for (int i = 0; i < cases * KV_FORMATS * KV_FORMATS; i++) {
    test_case c = make(i % KV_FORMATS, i / KV_FORMATS % KV_FORMATS);
    for (int isa = 0; isa < isa_count; isa++) {
      const char *name = isas[isa].name;
      if (kv_isa_supported(name) != 1) {
        continue;
      }
      const int tokens = c.fold.query_tokens;
      const int pages = c.fold.pages;
      float *whole = new_state(&c);
      fold_into(isas[isa].fold, &c, whole, 0, tokens, 0, pages);
      worst[isa] = fmax(worst[isa], worst_error(&c, whole, name));
      float *single = new_state(&c);
      for (int t = 0; t < tokens; t++) {
        fold_into(isas[isa].fold, &c, single, t, 1, 0, pages);
      }
      same(&c, whole, single, name, "one call for each query token");
      float *split = new_state(&c);
      const int at = below(pages + 1);
      fold_into(isas[isa].fold, &c, split, 0, tokens, 0, at);
      fold_into(isas[isa].fold, &c, split, 0, tokens, at, pages - at);
      same(&c, whole, split, name, "two calls for the pages");
      folds++;
      free(whole);
      free(single);
      free(split);
    }
    discard(&c);
  }
  for (int isa = 0; isa < isa_count; isa++) {
    printf("%-10s largest error / largest value = %.2g\n", isas[isa].name, worst[isa]);
  }
  printf("%ld folds checked\n", folds);
  return 0;
}
