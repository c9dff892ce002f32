package io.kvarena.bench.formats;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.kvarena.DraftTree;
import io.kvarena.KvSequence;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A sequence that keeps a copy of what it is given, layer by layer. */
final class RecordingSequence implements KvSequence {

  /** What one layer was given, in the order of the tokens. */
  private static final class Layer {
    private final List<float[]> keys = new ArrayList<>();
    private final List<float[]> values = new ArrayList<>();
    private final List<float[]> queries = new ArrayList<>();
  }

  private final KvSequence sequence;
  private final List<Layer> layers = new ArrayList<>();

  RecordingSequence(KvSequence sequence, int layerCount) {
    this.sequence = sequence;
    for (int i = 0; i < layerCount; i++) {
      layers.add(new Layer());
    }
  }

  /** Keys of a layer, f32 [tokens][kvHeads][keyDim]. */
  float[] keys(int layer) {
    return join(layers.get(layer).keys);
  }

  /** Values of a layer, f32 [tokens][kvHeads][valueDim]. */
  float[] values(int layer) {
    return join(layers.get(layer).values);
  }

  /** Queries of a layer, f32 [queries][queryHeads][keyDim]. */
  float[] queries(int layer) {
    return join(layers.get(layer).queries);
  }

  private static float[] join(List<float[]> parts) {
    float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  @Override
  public long id() {
    return sequence.id();
  }

  @Override
  public void extend(int... tokenIds) {
    sequence.extend(tokenIds);
  }

  @Override
  public void append(int layer, MemorySegment keys, MemorySegment values) {
    sequence.append(layer, keys, values);
    layers.get(layer).keys.add(keys.toArray(JAVA_FLOAT));
    layers.get(layer).values.add(values.toArray(JAVA_FLOAT));
  }

  @Override
  public void attend(int layer, MemorySegment queries, MemorySegment out) {
    sequence.attend(layer, queries, out);
    layers.get(layer).queries.add(queries.toArray(JAVA_FLOAT));
  }

  @Override
  public void attend(int layer, MemorySegment queries, MemorySegment out, DraftTree tree) {
    throw changed("attend a tree");
  }

  @Override
  public void commit(int... acceptedPath) {
    throw changed("commit");
  }

  @Override
  public KvSequence fork() {
    throw changed("fork");
  }

  @Override
  public void truncate(int length) {
    throw changed("truncate");
  }

  @Override
  public void remove(int from, int to) {
    throw changed("remove");
  }

  @Override
  public void shift(int from, int to, int delta) {
    throw changed("shift");
  }

  private static UnsupportedOperationException changed(String operation) {
    return new UnsupportedOperationException(
        "a recording only grows: operation=" + operation + "; use the sequence itself");
  }

  @Override
  public void offload() {
    sequence.offload();
  }

  @Override
  public boolean rewind(String session) {
    return sequence.rewind(session);
  }

  @Override
  public boolean recall() {
    return sequence.recall();
  }

  @Override
  public void checkpoint(String session, byte[] note) {
    sequence.checkpoint(session, note);
  }

  @Override
  public int length() {
    return sequence.length();
  }

  @Override
  public int cached(int layer, int kvHead) {
    return sequence.cached(layer, kvHead);
  }

  @Override
  public void close() {
    sequence.close();
  }
}
