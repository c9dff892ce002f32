/*
 * What a format is to a kernel, and nothing else differs between formats. Every parameter marked
 * `const int` is a constant where these functions are inlined.
 */

typedef struct {
  const uint8_t *bytes;
  int64_t ahead; /* distance to a tile that will be wanted next, prefetched at the same places */
  int tokens;
  int channels;
} kv_tile;

/* Channels that share a scale: of q8_0 and q4_0; of kivi's values. */
enum { GROUP = 32, KIVI_GROUP = 64 };

INLINE int is_coded(const int format) { return format >= KV_Q8_0; }
INLINE int is_kivi(const int format) { return format == KV_KIVI4 || format == KV_KIVI2; }
INLINE int is_ggml(const int format) { return format == KV_Q8_0 || format == KV_Q4_0; }

INLINE int code_bits(const int format) {
  switch (format) {
    case KV_Q4_0:
    case KV_TURBO4:
    case KV_KIVI4: return 4;
    case KV_TURBO3: return 3;
    case KV_TURBO2:
    case KV_KIVI2: return 2;
    default: return 8;
  }
}

/* Elements of a lane in one step; codes of 3 bits are read in steps of their low plane. */
INLINE int per_step(const int format) {
  return !is_coded(format) ? 1 : code_bits(format) == 3 ? 16 : 32 / code_bits(format);
}

INLINE int lane_bytes(const int format) {
  return format == KV_F16 || format == KV_BF16 ? 2 : 4;
}

INLINE int steps(const int format, int elements) {
  return (elements + per_step(format) - 1) / per_step(format);
}

/* Bytes of the codes but for a plane of third bits, and of that plane. */
INLINE int64_t low_bytes(const int format, const int keys, const kv_tile *tile) {
  if (keys || is_ggml(format)) {
    return INT64_C(4) * steps(format, tile->channels) * tile->tokens;
  }
  return INT64_C(4) * steps(format, tile->tokens) * tile->channels;
}
INLINE int64_t high_bytes(const int format, const int keys, const kv_tile *tile) {
  const int elements = keys ? tile->channels : tile->tokens;
  const int lanes = keys ? tile->tokens : tile->channels;
  return code_bits(format) == 3 ? INT64_C(4) * ((elements + 31) / 32) * lanes : 0;
}

/* Where the f16 numbers of a tile start. */
INLINE const uint8_t *numbers(const int format, const int keys, const kv_tile *tile) {
  return tile->bytes +
         (low_bytes(format, keys, tile) + high_bytes(format, keys, tile) + 63) / 64 * 64;
}

/* Channels whose codes are multiplied with the same number of a token. */
INLINE int group_channels(const int format, const int keys, int channels) {
  return is_ggml(format) ? GROUP : is_kivi(format) && !keys ? KIVI_GROUP : channels;
}

/*
 * Levels of the turbo formats in their order, as whole numbers: the centroids that quantise a normal
 * distribution with the least squared error, the largest being 127. Tables of 16, so that bits of
 * an index above its code do no harm.
 */
#define LEVELS_4(F)                                                                           \
  F(-127), F(-96), F(-75), F(-58), F(-44), F(-31), F(-18), F(-6), F(6), F(18), F(31), F(44), \
      F(58), F(75), F(96), F(127)
#define LEVELS_3(F)                                                                       \
  F(-127), F(-79), F(-45), F(-14), F(14), F(45), F(79), F(127), F(-127), F(-79), F(-45), \
      F(-14), F(14), F(45), F(79), F(127)
#define LEVELS_2(F)                                                                       \
  F(-127), F(-38), F(38), F(127), F(-127), F(-38), F(38), F(127), F(-127), F(-38), F(38), \
      F(127), F(-127), F(-38), F(38), F(127)

#define LEVEL(x) x
static const float LEVELS_OF_4[16] = {LEVELS_4(LEVEL)};
static const float LEVELS_OF_3[16] = {LEVELS_3(LEVEL)};
static const float LEVELS_OF_2[16] = {LEVELS_2(LEVEL)};
#undef LEVEL
