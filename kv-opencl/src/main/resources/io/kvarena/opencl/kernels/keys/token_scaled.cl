// Keys of KEY_BITS bits with one scale for a token: codes with channels as elements and tokens as
// lanes, then from the next multiple of 64 f16 scales [token]. KEY_LEVEL is the format's name.
#define KEY_STEP CODES_OF_A_LOAD(KEY_BITS)
#define KEY_SCALED 1
#define KEY_GROUP dims      // channels that share a scale
#define KEY_LANE_BYTES 4    // bytes of a token in a load

#define KEY_JOIN_(a, b, c) a##b##c
#define KEY_JOIN(a, b, c) KEY_JOIN_(a, b, c)

// Where the scales start, in bytes.
inline int key_scales_place(int tokens, int dims, int group) {
  return metadata_place(KEY_BITS, dims, tokens);
}

#if KEY_BITS == 3
// Two bits of 16 channels and the third of 32, of which the load's come first.
typedef struct { uint8 low; uint8 high; } key_raw8;
typedef struct { uint16 low; uint16 high; } key_raw16;

#define KEY_LOAD(N)                                                                    \
  inline key_raw##N key_load##N(bytes tile, int tokens, int dims, int step, int token) {\
    bytes third = tile + first_plane_bytes(3, dims, tokens);                           \
    key_raw##N raw;                                                                    \
    raw.low = vload##N(0, (__global const uint*)tile + step * tokens + token);         \
    raw.high =                                                                         \
        vload##N(0, (__global const uint*)third + step / 2 * tokens + token) >> (step % 2 * 4);\
    return raw;                                                                        \
  }
#define KEY_CODE(raw, part) (CODE2((raw).low, part) | CODE1((raw).high, part) << 2)
#else
typedef uint8 key_raw8;
typedef uint16 key_raw16;

#define KEY_LOAD(N)                                                                    \
  inline key_raw##N key_load##N(bytes tile, int tokens, int dims, int step, int token) {\
    return vload##N(0, (__global const uint*)tile + step * tokens + token);            \
  }
#if KEY_BITS == 8
#define KEY_CODE(raw, part) CODE8(raw, part)
#elif KEY_BITS == 4
#define KEY_CODE(raw, part) CODE4(raw, part)
#else
#define KEY_CODE(raw, part) CODE2(raw, part)
#endif
#endif

#define KEY_VECTORS(N)                                                                 \
  KEY_LOAD(N)                                                                          \
  inline float##N key_part##N(key_raw##N raw, int part) {                              \
    return KEY_JOIN(KEY_LEVEL, _level, N)(KEY_CODE(raw, part));                        \
  }                                                                                    \
  inline float##N key_scale##N(bytes tile, int tokens, int dims, int group, int token) {\
    return vload_half##N(0, (__global const half*)(tile                                \
                                + key_scales_place(tokens, dims, group)) + token);     \
  }

inline float key_at(bytes tile, int tokens, int dims, int token, int dim) {
  const uint code = code_at(tile, KEY_BITS, dims, tokens, dim, token);
  return half_at(tile, key_scales_place(tokens, dims, 0), token)
      * KEY_JOIN(KEY_LEVEL, _level, )(code);
}
