package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;

/** Raw formats: codes are values. */
final class NoScales implements Scales {

  static final Scales INSTANCE = new NoScales();

  private NoScales() {}

  @Override
  public void loadKeys(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {}

  @Override
  public void loadValues(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {}

  @Override
  public void dot(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    for (int token = 0; token < tokens; token += Lanes.PAIR) {
      codes.multiply(slab, tile, channels, tokens, token, 0, channels, block);
      block.add(token);
    }
  }

  @Override
  public void sum(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    block.useWeights(codes.unit(), tokens);
    for (int channel = 0; channel < channels; channel += Lanes.PAIR) {
      codes.multiply(slab, tile, tokens, channels, channel, 0, tokens, block);
      block.add(channel);
    }
  }
}
