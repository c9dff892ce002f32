// Codes of 2, 3, 4 or 8 bits and the numbers that they stand for; see CodePlanes.java. A lane's
// word holds elements 4 by 4: byte e % 4 of a word, there from the low bits on.

// The code of element `part` of a word, 0 up to 3, 7, 15 or 31 by bits.
#define CODE8(word, part) (((word) >> (8 * ((part) & 3))) & 255u)
#define CODE4(word, part) (((word) >> (8 * ((part) & 3) + 4 * ((part) >> 2 & 1))) & 15u)
#define CODE2(word, part) (((word) >> (8 * ((part) & 3) + 2 * ((part) >> 2 & 3))) & 3u)
#define CODE1(word, part) (((word) >> (8 * ((part) & 3) + ((part) >> 2 & 7))) & 1u)

// Elements of a load; a load of 3 bits is a word of two bits and half a word of the third.
#define CODES_OF_A_LOAD(bits) ((bits) == 8 ? 4 : (bits) == 4 ? 8 : 16)

// Bytes of the first plane, and where a format's scales start.
inline int first_plane_bytes(int bits, int elements, int lanes) {
  const int step = CODES_OF_A_LOAD(bits);
  return (elements + step - 1) / step * lanes * 4;
}

inline int metadata_place(int bits, int elements, int lanes) {
  const int third = bits == 3 ? (elements + 31) / 32 * lanes * 4 : 0;
  return round_up(first_plane_bytes(bits, elements, lanes) + third, 64);
}

// A code alone.
inline uint code_at(bytes tile, int bits, int elements, int lanes, int element, int lane) {
  const int step = CODES_OF_A_LOAD(bits);
  const uint byte = tile[(element / step * lanes + lane) * 4 + element % 4];
  if (bits == 8) {
    return byte;
  }
  if (bits == 4) {
    return byte >> (element & 4) & 15;
  }
  uint code = byte >> (element / 4 % 4 * 2) & 3;
  if (bits == 3) {
    bytes third = tile + first_plane_bytes(bits, elements, lanes);
    code |= (third[(element / 32 * lanes + lane) * 4 + element % 4] >> (element / 4 % 8) & 1u) << 2;
  }
  return code;
}

// What a code stands for before it is scaled, for a scalar and for vectors.
//
// The levels of turbo formats are odd polynomials of code - (levels - 1) / 2 that come within 0.46
// of the integers, rounded: cheaper than choosing among them.
#define LEVELS(N)                                                                      \
  inline float##N int8_level##N(uint##N code) {                                        \
    return convert_float##N(as_int##N(code << 24) >> 24);                              \
  }                                                                                    \
  inline float##N fp8_e4m3_level##N(uint##N code) {                                    \
    uint##N bits = (code & 127u) << 20;                                                \
    float##N normal = as_float##N(bits + (120u << 23));                                \
    float##N subnormal = as_float##N(bits + (121u << 23)) - 0.015625f;                 \
    float##N magnitude = select(normal, subnormal, bits < (1u << 23));                 \
    return as_float##N(as_uint##N(magnitude) | (code & 128u) << 24);                   \
  }                                                                                    \
  inline float##N turbo4_level##N(uint##N code) {                                      \
    float##N x = convert_float##N(as_int##N(code)) - 7.5f;                             \
    float##N y = x * x;                                                                \
    float##N p = fma(y, (float##N)(1.5198252e-3f), (float##N)(-3.8638262e-3f));        \
    return rint(x * fma(y, p, (float##N)(12.285043f)));                                \
  }                                                                                    \
  inline float##N turbo3_level##N(uint##N code) {                                      \
    float##N x = convert_float##N(as_int##N(code)) - 3.5f;                             \
    float##N y = x * x;                                                                \
    float##N p = fma(y, (float##N)(2.0833334e-2f), (float##N)(0.34375f));              \
    return rint(x * fma(y, p, (float##N)(28.819010f)));                                \
  }                                                                                    \
  inline float##N turbo2_level##N(uint##N code) {                                      \
    float##N x = convert_float##N(as_int##N(code)) - 1.5f;                             \
    return rint(x * fma(x * x, (float##N)(4.3333333f), (float##N)(74.916667f)));       \
  }

LEVELS()
LEVELS(8)
LEVELS(16)

// f16 number `index` behind `place`.
inline float half_at(bytes tile, int place, int index) {
  return vload_half(index, (__global const half*)(tile + place));
}
