package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;

/** f16 [token], on the next multiple of 64 bytes behind the codes. */
final class TokenScales implements Scales {

  static final Scales INSTANCE = new TokenScales();

  private TokenScales() {}

  @Override
  public void loadKeys(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    block.loadScales(slab, tile + Scales.offset(codes.bytes(channels, tokens)), tokens);
  }

  @Override
  public void loadValues(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    block.loadScales(slab, tile + Scales.offset(codes.bytes(tokens, channels)), tokens);
  }

  @Override
  public void dot(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    for (int token = 0; token < tokens; token += Lanes.PAIR) {
      codes.multiply(slab, tile, channels, tokens, token, 0, channels, block);
      block.addScaled(token, token);
    }
  }

  @Override
  public void sum(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    block.useScaledWeights(0, tokens);
    for (int channel = 0; channel < channels; channel += Lanes.PAIR) {
      codes.multiply(slab, tile, tokens, channels, channel, 0, tokens, block);
      block.add(channel);
    }
  }
}
