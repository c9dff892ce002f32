// Values in kivi of VALUE_BITS bits, 4 or 2, a value being scale * code + min with a scale and a min
// for 64 channels of a token: codes with tokens as elements and channels as lanes, then from the
// next multiple of 64 f16 scales [dim/64][token] and f16 mins [dim/64][token].
#define VALUE_STEP CODES_OF_A_LOAD(VALUE_BITS)
#define VALUE_SCALED 1
#define VALUE_OFFSET 1
#define VALUE_GROUP 64      // channels that share a scale and a min
#define VALUE_LANE_BYTES 4  // bytes of a channel in a load

typedef uint16 value_raw16;

inline value_raw16 value_load16(bytes tile, int tokens, int dims, int step, int dim) {
  return vload16(0, (__global const uint*)tile + step * dims + dim);
}

#if VALUE_BITS == 4
#define VALUE_CODE(raw, part) CODE4(raw, part)
#else
#define VALUE_CODE(raw, part) CODE2(raw, part)
#endif

inline float16 value_part16(value_raw16 raw, int part) {
  return convert_float16(as_int16(VALUE_CODE(raw, part)));
}

// Where the scales of a group of channels start, in bytes, and where its mins do.
inline int value_scales_place(int tokens, int dims, int group) {
  return metadata_place(VALUE_BITS, tokens, dims) + 2 * group * tokens;
}

inline int value_mins_place(int tokens, int dims, int group) {
  return value_scales_place(tokens, dims, (dims + VALUE_GROUP - 1) / VALUE_GROUP + group);
}

inline float8 value_scale8(bytes tile, int tokens, int dims, int group, int token) {
  return vload_half8(
      0, (__global const half*)(tile + value_scales_place(tokens, dims, group)) + token);
}

inline float8 value_min8(bytes tile, int tokens, int dims, int group, int token) {
  return vload_half8(
      0, (__global const half*)(tile + value_mins_place(tokens, dims, group)) + token);
}

// A value without its scale and its min.
inline float value_code_at(bytes tile, int tokens, int dims, int token, int dim) {
  return code_at(tile, VALUE_BITS, tokens, dims, token, dim);
}

inline float value_at(bytes tile, int tokens, int dims, int token, int dim) {
  const int group = dim / VALUE_GROUP;
  return fma(value_code_at(tile, tokens, dims, token, dim),
             half_at(tile, value_scales_place(tokens, dims, group), token),
             half_at(tile, value_mins_place(tokens, dims, group), token));
}
