// Values in q8_0: i8 [token/4][dim][4], then from the next multiple of 64 f16 scales
// [dim/32][token].
#define VALUE_STEP 4        // tokens that one load brings
#define VALUE_SCALED 1
#define VALUE_OFFSET 0
#define VALUE_GROUP GROUP   // channels that share a scale
#define VALUE_LANE_BYTES 4  // bytes of a channel in a load

typedef int16 value_raw16;

inline int16 value_load16(bytes tile, int tokens, int dims, int step, int dim) {
  return vload16(0, (__global const int*)tile + step * dims + dim);
}

inline float16 value_part16(int16 raw, int part) {
  return convert_float16((raw << (24 - 8 * part)) >> 24);
}

// Where the scales of a group of channels start, in bytes; padded as those of keys are.
inline int value_scales_place(int tokens, int dims, int group) {
  return round_up(round_up(dims, 4) * tokens, 64) + 2 * group * tokens;
}

inline float8 value_scale8(bytes tile, int tokens, int dims, int group, int token) {
  return vload_half8(
      0, (__global const half*)(tile + value_scales_place(tokens, dims, group)) + token);
}

// A value without its scale.
inline float value_code_at(bytes tile, int tokens, int dims, int token, int dim) {
  return ((__global const char*)tile)[((token >> 2) * dims + dim) * 4 + (token & 3)];
}

inline float value_at(bytes tile, int tokens, int dims, int token, int dim) {
  float scale = vload_half(
      token, (__global const half*)(tile + value_scales_place(tokens, dims, dim / GROUP)));
  return scale * value_code_at(tile, tokens, dims, token, dim);
}
