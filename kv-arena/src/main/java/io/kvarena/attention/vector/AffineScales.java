package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;

/**
 * f16 scales and mins, of keys [channel] and of values [channel / 64][token]; the scales are on the
 * next multiple of 64 bytes behind the codes, the mins right behind them. A value is code · scale +
 * min, so that the mins add the same to every lane of a group.
 */
final class AffineScales implements Scales {

  /** Channels of a value that share a scale. */
  private static final int GROUP = 64;

  /** What codes have to be added to be what they stand for. */
  private final float zero;

  AffineScales(float zero) {
    this.zero = zero;
  }

  @Override
  public void loadKeys(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    block.loadScales(slab, tile + Scales.offset(codes.bytes(channels, tokens)), 2 * channels);
  }

  @Override
  public void loadValues(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    int count = 2 * tokens * (Lanes.roundUp(channels, GROUP) / GROUP);
    block.loadScales(slab, tile + Scales.offset(codes.bytes(tokens, channels)), count);
  }

  @Override
  public void dot(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    block.scaleQueries(channels, zero);
    for (int token = 0; token < tokens; token += Lanes.PAIR) {
      codes.multiply(slab, tile, channels, tokens, token, 0, channels, block);
      block.addBiased(token);
    }
  }

  @Override
  public void sum(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    int mins = tokens * (Lanes.roundUp(channels, GROUP) / GROUP);
    for (int channel = 0; channel < channels; channel += Lanes.PAIR) {
      if (channel % GROUP == 0) {
        int scale = channel / GROUP * tokens;
        block.biasWeights(scale, mins + scale, tokens, zero);
        block.useScaledWeights(scale, tokens);
      }
      codes.multiply(slab, tile, tokens, channels, channel, 0, tokens, block);
      block.addBiased(channel);
    }
  }
}
