// Keys in q4_0: u8 [dim/8][token][4], low nibble dim 8r + i, high nibble dim 8r + 4 + i, a value
// being scale * (code - 8); then from the next multiple of 64 f16 scales [dim/32][token].
#define KEY_STEP 8          // channels that one load brings
#define KEY_SCALED 1
#define KEY_GROUP GROUP     // channels that share a scale
#define KEY_LANE_BYTES 4    // bytes of a token in a load

typedef int8 key_raw8;
typedef int16 key_raw16;

// Where the scales of a group of channels start, in bytes.
inline int key_scales_place(int tokens, int dims, int group) {
  return round_up(round_up(dims, 8) * tokens / 2, 64) + 2 * group * tokens;
}

// Flipping the top bit of a nibble makes code - 8 of it once its sign is extended.
#define KEY_VECTORS(N)                                                                 \
  inline int##N key_load##N(bytes tile, int tokens, int dims, int step, int token) {\
    return vload##N(0, (__global const int*)tile + step * tokens + token) ^ (int)0x88888888;\
  }                                                                                    \
  inline float##N key_part##N(int##N raw, int part) {                                  \
    return convert_float##N((raw << (28 - 8 * (part & 3) - (part & 4))) >> 28);        \
  }                                                                                    \
  inline float##N key_scale##N(bytes tile, int tokens, int dims, int group, int token) {\
    return vload_half##N(0, (__global const half*)(tile                                \
                                + key_scales_place(tokens, dims, group)) + token);     \
  }

inline float key_at(bytes tile, int tokens, int dims, int token, int dim) {
  float scale = vload_half(
      token, (__global const half*)(tile + key_scales_place(tokens, dims, dim / GROUP)));
  int pair = tile[((dim >> 3) * tokens + token) * 4 + (dim & 3)];
  return scale * (((pair >> (dim & 4)) & 15) - 8);
}
