package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;

/** f16 [channel / 32][token], on the next multiple of 64 bytes behind the codes. */
final class GroupScales implements Scales {

  static final Scales INSTANCE = new GroupScales();

  /** Channels that share a scale. */
  private static final int GROUP = 32;

  private GroupScales() {}

  @Override
  public void loadKeys(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    load(codes, slab, tile, tokens, channels, block);
  }

  @Override
  public void loadValues(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    load(codes, slab, tile, tokens, channels, block);
  }

  private static void load(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    // Values have theirs where keys have them, though their codes may be fewer bytes.
    int offset = Scales.offset(codes.bytes(channels, tokens));
    block.loadScales(slab, tile + offset, Lanes.roundUp(channels, GROUP) / GROUP * tokens);
  }

  @Override
  public void dot(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    for (int token = 0; token < tokens; token += Lanes.PAIR) {
      for (int from = 0; from < channels; from += GROUP) {
        int to = Math.min(channels, from + GROUP);
        codes.multiply(slab, tile, channels, tokens, token, from, to, block);
        block.addScaled(token, from / GROUP * tokens + token);
      }
    }
  }

  @Override
  public void sum(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block) {
    for (int channel = 0; channel < channels; channel += Lanes.PAIR) {
      if (channel % GROUP == 0) {
        block.useScaledWeights(channel / GROUP * tokens, tokens);
      }
      codes.multiply(slab, tile, tokens, channels, channel, 0, tokens, block);
      block.add(channel);
    }
  }
}
