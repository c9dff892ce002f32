/*
 * Writing pages under every instruction set of this processor: the same bytes as the baseline's, of
 * which the tests in Java show that they are the formats'. Built with the address and
 * undefined-behaviour sanitizers; all memory is allocated at exactly its size, so that a byte too
 * far is caught, and painted before, so that a byte too few is.
 *
 *   kv_rows_test [cases for each format and kind = 200] [seed = 1]
 *
 * The checksum that is printed covers all that was written. It depends on cases and seed alone: two
 * machines that print the same number wrote the same bytes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv_rows.h"
#include "kv_test.h"

static const int CASES = 200;

typedef struct {
  const char *name;
  kv_seal_function *seal;
  kv_put_function *put;
  kv_rotate_function *rotate;
  kv_bad_function *bad;
} isa;

/* The first is what the others are compared with. */
static const isa ISAS[] = {
    {"baseline", kv_seal_baseline, kv_put_baseline, kv_rotate_baseline, kv_bad_baseline},
#if defined(__x86_64__)
    {"avx2", kv_seal_avx2, kv_put_avx2, kv_rotate_avx2, kv_bad_avx2},
    {"avx512", kv_seal_avx512, kv_put_avx512, kv_rotate_avx512, kv_bad_avx512},
#elif defined(__aarch64__)
    {"neon", kv_seal_neon, kv_put_neon, kv_rotate_neon, kv_bad_neon},
#endif
};
enum { ISA_COUNT = sizeof ISAS / sizeof ISAS[0] };

static int runs_here(int i) { return kv_isa_supported(ISAS[i].name) == 1; }

/* ---- memory ---- */

enum { PAINT = 0xa5, OTHER_PAINT = 0x5a };

/* Exactly so many bytes, which aligned_alloc may not be asked for. */
static void *exactly(int64_t bytes, int paint) {
  void *memory;
  if (posix_memalign(&memory, 128, (size_t)bytes) != 0) {
    fprintf(stderr, "no memory: bytes=%lld\n", (long long)bytes);
    exit(1);
  }
  memset(memory, paint, (size_t)bytes);
  return memory;
}

static uint64_t checksum = UINT64_C(0xcbf29ce484222325);

/* FNV-1a. */
static void add_to_checksum(const void *memory, int64_t bytes) {
  const uint8_t *p = memory;
  for (int64_t i = 0; i < bytes; i++) {
    checksum = (checksum ^ p[i]) * UINT64_C(0x100000001b3);
  }
}

static void same(const char *name, const char *what, const void *expected, const void *found,
                 int64_t bytes) {
  const uint8_t *a = expected;
  const uint8_t *b = found;
  for (int64_t i = 0; i < bytes; i++) {
    if (a[i] != b[i]) {
      fprintf(stderr, "%s, %s: byte %lld of %lld is %02x, expected %02x\n", name, what,
              (long long)i, (long long)bytes, b[i], a[i]);
      exit(1);
    }
  }
}

/* ---- numbers ---- */

static float float_of(uint32_t word) {
  float x;
  memcpy(&x, &word, sizeof x);
  return x;
}

static uint32_t word_of(float x) {
  uint32_t word;
  memcpy(&word, &x, sizeof word);
  return word;
}

/* [channels] in (-size, size), or NULL as often as not. */
static float *perhaps(int channels, float size) {
  if (below(2)) {
    return NULL;
  }
  float *x = exactly(INT64_C(4) * channels, PAINT);
  for (int c = 0; c < channels; c++) {
    x[c] = size * number();
  }
  return x;
}

/* What the live numbers of a tile are like. Formats differ in where their ties are. */
enum { ANY, ONES, SUBNORMAL, COARSE, HALVES, ZEROS, HUGE_ONES, LIKENESSES };

/* A finite f16. */
static uint16_t half(int like) {
  const uint32_t word = bits();
  switch (like) {
    case ANY: return (uint16_t)((word & 0x7c00) == 0x7c00 ? word & 0xbfff : word);
    case SUBNORMAL: return (uint16_t)(word & 0x83ff);
    case COARSE: return (uint16_t)((word & 0x8e00) | 0x3000); // 1 or 1.5 times a power of two
    case HALVES: {
      // k / 2 for whole k up to 254: ties, where the scale is 1
      const uint32_t size = word_of((float)below(255) / 2);
      return (uint16_t)((word & 0x8000) | (size ? (size >> 13) - (112 << 10) : 0));
    }
    case ZEROS: return (uint16_t)(word & (word >> 16 & 7 ? 0x8000 : 0xb7ff));
    case HUGE_ONES: return (uint16_t)((word & 0x83ff) | 0x7800);
    default: return (uint16_t)((word & 0x87ff) | 0x3800);
  }
}

/* A finite f32 that stays so when 1024 of them are added up and multiplied. */
static uint32_t single(int like) {
  const uint32_t word = bits();
  const uint32_t exponent = like == ANY         ? (uint32_t)below(190)
                            : like == SUBNORMAL ? 0
                            : like == HUGE_ONES ? 180
                                                : (uint32_t)(120 + below(8));
  if (like == ZEROS && below(8)) {
    return word & 0x80000000;
  }
  const uint32_t fraction = like == COARSE ? 0x400000 : like == HALVES ? 0x7f8000 : 0x7fffff;
  return (word & (0x80000000 | fraction)) | exponent << 23;
}

static int raw_bytes(int raw_format) { return raw_format == KV_F32 ? 4 : 2; }

static void write_raw(int raw_format, int like, uint8_t *p) {
  const uint32_t word = raw_format == KV_F16 ? half(like) : single(like);
  const uint16_t two = (uint16_t)(raw_format == KV_F16 ? word : word >> 16);
  memcpy(p, raw_format == KV_F32 ? (const void *)&word : &two, (size_t)raw_bytes(raw_format));
}

/* ---- seal ---- */

/* Slots that live: all, any, few, none or one. */
static uint64_t live_slots(int tokens) {
  const uint64_t low = bits();
  const uint64_t random = (uint64_t)bits() << 32 | low;
  const uint64_t masks[] = {~UINT64_C(0), ~UINT64_C(0), random, random & random << 9, 0,
                            UINT64_C(1) << below(tokens)};
  return masks[below(6)] & ~UINT64_C(0) >> (64 - tokens);
}

/* A granule's tile: live rows as they may come, and in the others whatever bytes, NaN among them. */
static uint8_t *raw_tile(int keys, int raw_format, int channels, uint64_t live, int like) {
  const int bytes = raw_bytes(raw_format);
  uint8_t *tile = exactly((int64_t)bytes * KV_GRANULE * channels, PAINT);
  for (int slot = 0; slot < KV_GRANULE; slot++) {
    for (int c = 0; c < channels; c++) {
      uint8_t *p = tile + bytes * (keys ? c * KV_GRANULE + slot : slot * channels + c);
      if (live >> slot & 1) {
        write_raw(raw_format, like, p);
      } else {
        const uint32_t word = bits();
        memcpy(p, &word, (size_t)bytes);
      }
    }
  }
  return tile;
}

static uint8_t *sealed(int with, int keys, int format, kv_seal seal, int64_t bytes, int paint) {
  const int64_t floats = round_up(seal.tokens, 16) * seal.channels;
  seal.scratch = exactly(4 * floats, 0xff);
  seal.tile = exactly(bytes, paint);
  const int raw_format = format >= KV_Q8_0 ? KV_F16 : format;
  if (ISAS[with].seal(keys, format, raw_format, &seal) != KV_OK) {
    fprintf(stderr, "%s refused a seal\n", ISAS[with].name);
    exit(1);
  }
  free(seal.scratch);
  return seal.tile;
}

static void check_seal(int keys, int format) {
  const int raw_format = format >= KV_Q8_0 ? KV_F16 : format;
  kv_seal seal = {0};
  seal.tokens = 8 * (1 + below(8));
  seal.channels = channels_below(below(8) ? 129 : 1025);
  seal.live = live_slots(seal.tokens);
  const int like = below(LIKENESSES);
  if (below(2)) {
    seal.mean = perhaps(seal.channels, 2);
    seal.factors = perhaps(seal.channels, 4);
    seal.rotated = below(2);
  }
  seal.largest = below(4) ? 65504 : 2.5f;
  uint8_t *granules[KV_TOKENS_MAX / KV_GRANULE] = {0};
  for (int i = 0; i < seal.tokens / KV_GRANULE; i++) {
    const uint64_t live = seal.live >> (i * KV_GRANULE) & 0xff;
    if (live || below(2)) {
      granules[i] = raw_tile(keys, raw_format, seal.channels, live, like);
    }
    seal.granules[i] = granules[i];
  }
  const int64_t codes = code_bytes(format, keys, seal.tokens, seal.channels);
  const int64_t numbers = number_count(format, keys, seal.tokens, seal.channels);
  const int64_t bytes = numbers ? round_up(codes, 64) + 2 * numbers : codes;
  char what[160];
  snprintf(what, sizeof what, "seal of format %d, %s, %d tokens, %d channels, likeness %d%s%s%s",
           format, keys ? "keys" : "values", seal.tokens, seal.channels, like,
           seal.mean ? ", less a mean" : "", seal.factors ? ", times factors" : "",
           seal.rotated ? ", rotated" : "");

  uint8_t *expected = sealed(0, keys, format, seal, bytes, PAINT);
  add_to_checksum(expected, bytes);
  // Codes and numbers do not depend on what was there; the bytes between them are left alone.
  uint8_t *repainted = sealed(0, keys, format, seal, bytes, OTHER_PAINT);
  if (numbers) {
    // The codes of values in q8_0 and q4_0 have room for padded channels, which they do not use.
    const int64_t used = is_ggml(format) && !keys
                             ? words_of(bits_of(format), seal.tokens, seal.channels)
                             : codes;
    for (int64_t i = used; i < round_up(codes, 64); i++) {
      repainted[i] ^= PAINT ^ OTHER_PAINT;
    }
  }
  same(ISAS[0].name, what, expected, repainted, bytes);
  free(repainted);
  for (int i = 1; i < ISA_COUNT; i++) {
    if (runs_here(i)) {
      uint8_t *found = sealed(i, keys, format, seal, bytes, PAINT);
      same(ISAS[i].name, what, expected, found, bytes);
      free(found);
    }
  }
  free(expected);
  free((void *)seal.mean);
  free((void *)seal.factors);
  for (int i = 0; i < KV_TOKENS_MAX / KV_GRANULE; i++) {
    free(granules[i]);
  }
}

/* ---- put, rotate, bad ---- */

/* Any f32 but NaN, half of them where f16 has to round. */
static float *rows_to_put(int64_t count) {
  float *x = exactly(4 * count, PAINT);
  for (int64_t i = 0; i < count; i++) {
    uint32_t word = bits();
    if (below(2)) {
      word = (word & 0x807fffff) | (uint32_t)(100 + below(45)) << 23;
    }
    if (below(4) == 0) {
      word = (word & 0xffffe000) | 0x1000; // a tie
    }
    x[i] = float_of((word & 0x7f800000) == 0x7f800000 ? word & 0xff800000 : word);
  }
  return x;
}

static void check_put(void) {
  static const char *what = "put";
  const int key_format = below(3);
  const int value_format = below(3);
  kv_put put = {0};
  put.heads = 1 + below(3);
  put.first = below(KV_GRANULE);
  put.rows = below(KV_GRANULE - put.first + 1);
  put.key_dim = channels_below(129);
  put.value_dim = channels_below(129);
  put.key_stride = (int64_t)put.heads * put.key_dim + below(3) * 5;
  put.value_stride = (int64_t)put.heads * put.value_dim + below(3) * 5;
  put.key_tile_bytes = (int64_t)raw_bytes(key_format) * KV_GRANULE * put.key_dim;
  put.value_tile_bytes = (int64_t)raw_bytes(value_format) * KV_GRANULE * put.value_dim;
  const int last = put.rows ? put.rows - 1 : 0;
  float *keys = rows_to_put(last * put.key_stride + (int64_t)put.heads * put.key_dim);
  float *values = rows_to_put(last * put.value_stride + (int64_t)put.heads * put.value_dim);
  put.keys = keys;
  put.values = values;
  const int64_t bytes = put.heads * (put.key_tile_bytes + put.value_tile_bytes);
  uint8_t *expected = NULL;
  for (int i = 0; i < ISA_COUNT; i++) {
    if (!runs_here(i)) {
      continue;
    }
    put.granule = exactly(bytes, PAINT);
    if (ISAS[i].put(key_format, value_format, &put) != KV_OK) {
      fprintf(stderr, "%s refused a put\n", ISAS[i].name);
      exit(1);
    }
    if (i == 0) {
      expected = put.granule;
      add_to_checksum(expected, bytes);
    } else {
      same(ISAS[i].name, what, expected, put.granule, bytes);
      free(put.granule);
    }
  }
  free(expected);
  free(keys);
  free(values);
}

static void check_rotate(void) {
  const int channels = channels_below(below(8) ? 129 : 1025);
  const int64_t count = 1 + below(40);
  const int64_t bytes = 4 * count * channels;
  float *rows = exactly(bytes, PAINT);
  for (int64_t i = 0; i < count * channels; i++) {
    rows[i] = number();
  }
  float *before = perhaps(channels, 3);
  float *after = perhaps(channels, 3);
  float *expected = NULL;
  for (int i = 0; i < ISA_COUNT; i++) {
    if (!runs_here(i)) {
      continue;
    }
    float *found = exactly(bytes, PAINT);
    float *scratch = exactly(INT64_C(4) * 16 * channels, 0xff);
    memcpy(found, rows, (size_t)bytes);
    ISAS[i].rotate(found, count, channels, before, after, scratch);
    free(scratch);
    if (i == 0) {
      expected = found;
      add_to_checksum(expected, bytes);
    } else {
      same(ISAS[i].name, "rotate", expected, found, bytes);
      free(found);
    }
  }
  free(expected);
  free(rows);
  free(before);
  free(after);
}

static void check_bad(void) {
  const int64_t count = below(below(8) ? 200 : 40000);
  const float largest = below(2) ? 65504 : 3;
  float *numbers = exactly(4 * count, PAINT);
  const uint32_t strange[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffa00000,
                              word_of(nextafterf(largest, INFINITY)), word_of(largest),
                              word_of(-largest), 0x80000000};
  int64_t expected = 0;
  for (int64_t i = 0; i < count; i++) {
    numbers[i] = below(5) ? number() : float_of(strange[below(8)]);
    expected += !(fabsf(numbers[i]) <= largest);
  }
  for (int i = 0; i < ISA_COUNT; i++) {
    const int64_t found = runs_here(i) ? ISAS[i].bad(numbers, count, largest) : expected;
    if (found != expected) {
      fprintf(stderr, "%s counted %lld bad numbers of %lld, expected %lld\n", ISAS[i].name,
              (long long)found, (long long)count, (long long)expected);
      exit(1);
    }
  }
  free(numbers);
}

int main(int argc, char **argv) {
  const int cases = argc > 1 ? atoi(argv[1]) : CASES;
  seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
  for (int i = 0; i < cases; i++) {
    for (int format = 0; format < KV_FORMATS; format++) {
      check_seal(0, format);
      check_seal(1, format);
      check_put();
      check_rotate();
      check_bad();
    }
  }
  printf("the same bytes under");
  for (int i = 0; i < ISA_COUNT; i++) {
    if (runs_here(i)) {
      printf(" %s", ISAS[i].name);
    }
  }
  printf("\n%d tiles, %d granules, %d rotations; checksum %016llx\n", 2 * cases * KV_FORMATS,
         cases * KV_FORMATS, cases * KV_FORMATS, (unsigned long long)checksum);
  return 0;
}
