// Values in q4_0: u8 [token/8][dim][4], low nibble token 8r + i, high nibble token 8r + 4 + i, a
// value being scale * (code - 8); then from the next multiple of 64 f16 scales [dim/32][token].
#define VALUE_STEP 8        // tokens that one load brings
#define VALUE_SCALED 1
#define VALUE_OFFSET 0
#define VALUE_GROUP GROUP   // channels that share a scale
#define VALUE_LANE_BYTES 4  // bytes of a channel in a load

typedef int16 value_raw16;

// Flipping the top bit of a nibble makes code - 8 of it once its sign is extended.
inline int16 value_load16(bytes tile, int tokens, int dims, int step, int dim) {
  return vload16(0, (__global const int*)tile + step * dims + dim) ^ (int)0x88888888;
}

inline float16 value_part16(int16 raw, int part) {
  return convert_float16((raw << (28 - 8 * (part & 3) - (part & 4))) >> 28);
}

// Where the scales of a group of channels start, in bytes; padded as those of keys are.
inline int value_scales_place(int tokens, int dims, int group) {
  return round_up(round_up(dims, 8) * tokens / 2, 64) + 2 * group * tokens;
}

inline float8 value_scale8(bytes tile, int tokens, int dims, int group, int token) {
  return vload_half8(
      0, (__global const half*)(tile + value_scales_place(tokens, dims, group)) + token);
}

// A value without its scale.
inline float value_code_at(bytes tile, int tokens, int dims, int token, int dim) {
  int pair = tile[((token >> 3) * dims + dim) * 4 + (token & 3)];
  return ((pair >> (token & 4)) & 15) - 8;
}

inline float value_at(bytes tile, int tokens, int dims, int token, int dim) {
  float scale = vload_half(
      token, (__global const half*)(tile + value_scales_place(tokens, dims, dim / GROUP)));
  return scale * value_code_at(tile, tokens, dims, token, dim);
}
