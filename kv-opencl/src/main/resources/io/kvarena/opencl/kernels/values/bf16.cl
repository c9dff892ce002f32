// Values in bf16, the upper half of an f32: u16 [token][dim].
#define VALUE_STEP 1        // tokens that one load brings
#define VALUE_SCALED 0
#define VALUE_OFFSET 0
#define VALUE_LANE_BYTES 2  // bytes of a channel in a load

typedef float16 value_raw16;

inline float16 value_load16(bytes tile, int tokens, int dims, int step, int dim) {
  ushort16 bits = vload16(0, (__global const ushort*)tile + step * dims + dim);
  return as_float16(convert_uint16(bits) << 16);
}

inline float16 value_part16(float16 raw, int part) { return raw; }

inline float value_at(bytes tile, int tokens, int dims, int token, int dim) {
  return as_float((uint)((__global const ushort*)tile)[token * dims + dim] << 16);
}
