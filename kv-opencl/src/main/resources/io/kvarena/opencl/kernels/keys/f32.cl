// Keys in f32: f32 [dim][token].
#define KEY_STEP 1          // channels that one load brings
#define KEY_SCALED 0
#define KEY_LANE_BYTES 4    // bytes of a token in a load

typedef float8 key_raw8;
typedef float16 key_raw16;

#define KEY_VECTORS(N)                                                                 \
  inline float##N key_load##N(bytes tile, int tokens, int dims, int step, int token) {\
    return vload##N(0, (__global const float*)tile + step * tokens + token);           \
  }                                                                                    \
  inline float##N key_part##N(float##N raw, int part) { return raw; }

inline float key_at(bytes tile, int tokens, int dims, int token, int dim) {
  return ((__global const float*)tile)[dim * tokens + token];
}
