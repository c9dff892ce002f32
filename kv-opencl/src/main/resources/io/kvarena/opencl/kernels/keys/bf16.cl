// Keys in bf16, the upper half of an f32: u16 [dim][token].
#define KEY_STEP 1          // channels that one load brings
#define KEY_SCALED 0
#define KEY_LANE_BYTES 2    // bytes of a token in a load

typedef float8 key_raw8;
typedef float16 key_raw16;

#define KEY_VECTORS(N)                                                                 \
  inline float##N key_load##N(bytes tile, int tokens, int dims, int step, int token) {\
    ushort##N bits = vload##N(0, (__global const ushort*)tile + step * tokens + token);\
    return as_float##N(convert_uint##N(bits) << 16);                                   \
  }                                                                                    \
  inline float##N key_part##N(float##N raw, int part) { return raw; }

inline float key_at(bytes tile, int tokens, int dims, int token, int dim) {
  return as_float((uint)((__global const ushort*)tile)[dim * tokens + token] << 16);
}
