package io.kvarena.format;

/** bfloat16: 8 significant bits, the exponents of f32. */
final class Bf16 extends HalfFormat {

  @Override
  public String name() {
    return "bf16";
  }

  @Override
  public int code() {
    return 2;
  }

  @Override
  short toBits(float value) {
    return Bfloat16.toBits(value);
  }

  @Override
  float fromBits(short bits) {
    return Bfloat16.fromBits(bits);
  }

  @Override
  float errorBound(float magnitude) {
    // Half a unit in the last place, or of the subnormals below it.
    return Math.max(magnitude * 0x1p-8f, 0x1p-134f);
  }

  @Override
  public float magnitudeMax() {
    return 0x1.fep127f;
  }
}
