// Keys in kivi of KEY_BITS bits, 4 or 2, a value being scale * code + min with a scale and a min for
// a channel: codes with channels as elements and tokens as lanes, then from the next multiple of 64
// f16 scales [dim] and f16 mins [dim].
#define KEY_STEP CODES_OF_A_LOAD(KEY_BITS)
#define KEY_SCALED 0
#define KEY_LANE_BYTES 4    // bytes of a token in a load

#if KEY_BITS == 4
#define KEY_CODE(word, part) CODE4(word, part)
#define KEY_HALVES vload_half8
#define KEY_FLOATS float8
#define KEY_INTS int8
#define KEY_STORE vstore8
#define KEY_COUNT (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#else
#define KEY_CODE(word, part) CODE2(word, part)
#define KEY_HALVES vload_half16
#define KEY_FLOATS float16
#define KEY_INTS int16
#define KEY_STORE vstore16
#define KEY_COUNT (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#endif

// Scales or mins of a load's channels; 0 for those beyond the last, where other bytes lie. The
// mins end where a multiple of 64 does, or less than a load before it: it stays in the tile.
inline void key_halves(bytes tile, int place, int dims, int step, float* into) {
  KEY_FLOATS all = KEY_HALVES(step, (__global const half*)(tile + place));
  KEY_INTS beyond = KEY_COUNT + step * KEY_STEP >= (KEY_INTS)(dims);
  KEY_STORE(select(all, (KEY_FLOATS)(0.0f), beyond), 0, into);
}

#define KEY_VECTORS(N)                                                                 \
  typedef struct { uint##N word; float scale[KEY_STEP]; float min[KEY_STEP]; } key_raw##N;\
  inline key_raw##N key_load##N(bytes tile, int tokens, int dims, int step, int token) {\
    const int place = metadata_place(KEY_BITS, dims, tokens);                          \
    key_raw##N raw;                                                                    \
    raw.word = vload##N(0, (__global const uint*)tile + step * tokens + token);        \
    key_halves(tile, place, dims, step, raw.scale);                                    \
    key_halves(tile, place + 2 * dims, dims, step, raw.min);                           \
    return raw;                                                                        \
  }                                                                                    \
  inline float##N key_part##N(key_raw##N raw, int part) {                              \
    float##N code = convert_float##N(as_int##N(KEY_CODE(raw.word, part)));             \
    return fma(code, (float##N)(raw.scale[part]), (float##N)(raw.min[part]));          \
  }

inline float key_at(bytes tile, int tokens, int dims, int token, int dim) {
  const int place = metadata_place(KEY_BITS, dims, tokens);
  const float code = code_at(tile, KEY_BITS, dims, tokens, dim, token);
  return fma(code, half_at(tile, place, dim), half_at(tile, place, dims + dim));
}
