// Values of VALUE_BITS bits with one scale for a token: codes with tokens as elements and channels as
// lanes, then from the next multiple of 64 f16 scales [token]. VALUE_LEVEL is the format's name.
#define VALUE_STEP CODES_OF_A_LOAD(VALUE_BITS)
#define VALUE_SCALED 1
#define VALUE_OFFSET 0
#define VALUE_GROUP 65536   // channels that share a scale: all
#define VALUE_LANE_BYTES 4  // bytes of a channel in a load

#define VALUE_JOIN_(a, b, c) a##b##c
#define VALUE_JOIN(a, b, c) VALUE_JOIN_(a, b, c)

#if VALUE_BITS == 3
// Two bits of 16 tokens and the third of 32, of which the load's come first.
typedef struct { uint16 low; uint16 high; } value_raw16;

inline value_raw16 value_load16(bytes tile, int tokens, int dims, int step, int dim) {
  bytes third = tile + first_plane_bytes(3, tokens, dims);
  value_raw16 raw;
  raw.low = vload16(0, (__global const uint*)tile + step * dims + dim);
  raw.high = vload16(0, (__global const uint*)third + step / 2 * dims + dim) >> (step % 2 * 4);
  return raw;
}
#define VALUE_CODE(raw, part) (CODE2((raw).low, part) | CODE1((raw).high, part) << 2)
#else
typedef uint16 value_raw16;

inline value_raw16 value_load16(bytes tile, int tokens, int dims, int step, int dim) {
  return vload16(0, (__global const uint*)tile + step * dims + dim);
}
#if VALUE_BITS == 8
#define VALUE_CODE(raw, part) CODE8(raw, part)
#elif VALUE_BITS == 4
#define VALUE_CODE(raw, part) CODE4(raw, part)
#else
#define VALUE_CODE(raw, part) CODE2(raw, part)
#endif
#endif

inline float16 value_part16(value_raw16 raw, int part) {
  return VALUE_JOIN(VALUE_LEVEL, _level, 16)(VALUE_CODE(raw, part));
}

// Where the scales start, in bytes.
inline int value_scales_place(int tokens, int dims, int group) {
  return metadata_place(VALUE_BITS, tokens, dims);
}

inline float8 value_scale8(bytes tile, int tokens, int dims, int group, int token) {
  return vload_half8(
      0, (__global const half*)(tile + value_scales_place(tokens, dims, group)) + token);
}

// A value without its scale.
inline float value_code_at(bytes tile, int tokens, int dims, int token, int dim) {
  return VALUE_JOIN(VALUE_LEVEL, _level, )(
      code_at(tile, VALUE_BITS, tokens, dims, token, dim));
}

inline float value_at(bytes tile, int tokens, int dims, int token, int dim) {
  return half_at(tile, value_scales_place(tokens, dims, 0), token)
      * value_code_at(tile, tokens, dims, token, dim);
}
