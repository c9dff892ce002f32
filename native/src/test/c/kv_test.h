/* What the tests in C share: random numbers that are the same everywhere, and the sizes of tiles. */
#include <stdint.h>

#include "kv_fold.h"

static uint64_t seed = 1;

static inline uint32_t bits(void) {
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(seed >> 32);
}

static inline int below(int n) { return (int)(bits() % (uint32_t)n); }
static inline float number(void) { return (float)bits() / 2147483648.0f - 1; }
static inline int one_of(const int *values, int count) { return values[below(count)]; }

/* A number of channels, mostly one that is not a multiple of anything, below a limit. */
static inline int channels_below(int limit) {
  static const int dims[] = {1,  2,  3,  4,  5,   7,   8,   9,   15,  16,  17, 24,
                             31, 32, 33, 40, 48,  63,  64,  65,  80,  96,  127, 128,
                             129, 160, 192, 255, 256, 257, 512, 575, 576, 1023, 1024};
  int count = 0;
  while (count < (int)(sizeof dims / sizeof dims[0]) && dims[count] < limit) {
    count++;
  }
  return one_of(dims, count);
}

static inline int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

static inline int bits_of(int format) {
  static const int bits[KV_FORMATS] = {0, 0, 0, 8, 4, 8, 8, 4, 3, 2, 4, 2};
  return bits[format];
}

static inline int is_ggml(int format) { return format == KV_Q8_0 || format == KV_Q4_0; }
static inline int is_kivi(int format) { return format == KV_KIVI4 || format == KV_KIVI2; }

static inline int64_t words_of(int bits, int elements, int lanes) {
  const int per_word = 32 / bits;
  return INT64_C(4) * ((elements + per_word - 1) / per_word) * lanes;
}

static inline int64_t code_bytes(int format, int keys, int tokens, int channels) {
  const int by_channels = keys || is_ggml(format);
  const int elements = by_channels ? channels : tokens;
  const int lanes = by_channels ? tokens : channels;
  switch (bits_of(format)) {
    case 0: return INT64_C(1) * (format == KV_F32 ? 4 : 2) * tokens * channels;
    case 3: return words_of(2, elements, lanes) + words_of(1, elements, lanes);
    default: return words_of(bits_of(format), elements, lanes);
  }
}

static inline int64_t number_count(int format, int keys, int tokens, int channels) {
  switch (format) {
    case KV_F32:
    case KV_F16:
    case KV_BF16: return 0;
    case KV_Q8_0:
    case KV_Q4_0: return round_up(channels, 32) / 32 * tokens;
    case KV_KIVI4:
    case KV_KIVI2: return keys ? 2 * channels : 2 * round_up(channels, 64) / 64 * tokens;
    default: return tokens;
  }
}

static inline int64_t tile_bytes(int format, int keys, int tokens, int channels) {
  const int64_t bytes = code_bytes(format, keys, tokens, channels);
  const int64_t numbers = number_count(format, keys, tokens, channels);
  return round_up(numbers ? round_up(bytes, 64) + 2 * numbers : bytes, 128);
}
