package io.kvarena.format;

/** IEEE binary16: 11 significant bits, largest value 65504. */
final class F16 extends HalfFormat {

  @Override
  public String name() {
    return "f16";
  }

  @Override
  public int code() {
    return 1;
  }

  @Override
  short toBits(float value) {
    return Float.floatToFloat16(value);
  }

  @Override
  float fromBits(short bits) {
    return Float.float16ToFloat(bits);
  }

  @Override
  float errorBound(float magnitude) {
    // Half a unit in the last place, or of the subnormals below it.
    return Math.max(magnitude * 0x1p-11f, 0x1p-25f);
  }

  @Override
  public float magnitudeMax() {
    return 65504f;
  }
}
