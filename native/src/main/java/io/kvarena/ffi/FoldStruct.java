package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.Formats;
import io.kvarena.format.PageLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The C struct {@code kv_fold}: what a kernel in C is told. Structs are native memory that is
 * reused from call to call, so that a fold allocates nothing.
 */
final class FoldStruct {

  /** Largest keyDim and valueDim of the kernels in C. */
  static final int CHANNELS_MAX = 1024;

  private static final StructLayout PAGE =
      MemoryLayout.structLayout(
          ADDRESS.withName("address"),
          JAVA_LONG.withName("live"),
          JAVA_INT.withName("position"),
          JAVA_INT.withName("slab"));

  private static final StructLayout FOLD =
      MemoryLayout.structLayout(
          JAVA_INT.withName("query_tokens"),
          JAVA_INT.withName("heads"),
          JAVA_INT.withName("group"),
          JAVA_INT.withName("key_dim"),
          JAVA_INT.withName("value_dim"),
          JAVA_INT.withName("page_tokens"),
          JAVA_INT.withName("pages"),
          MemoryLayout.paddingLayout(4),
          JAVA_LONG.withName("key_tile_bytes"),
          JAVA_LONG.withName("value_tile_bytes"),
          JAVA_LONG.withName("values_offset"),
          ADDRESS.withName("queries"),
          JAVA_LONG.withName("query_stride"),
          ADDRESS.withName("bounds"),
          ADDRESS.withName("max"),
          ADDRESS.withName("sum"),
          ADDRESS.withName("out"),
          JAVA_LONG.withName("state_stride"),
          JAVA_LONG.withName("first_row"),
          JAVA_FLOAT.withName("scale"),
          JAVA_FLOAT.withName("soft_cap"));

  private static final long QUERY_TOKENS = offset("query_tokens");
  private static final long HEADS = offset("heads");
  private static final long GROUP = offset("group");
  private static final long KEY_DIM = offset("key_dim");
  private static final long VALUE_DIM = offset("value_dim");
  private static final long PAGE_TOKENS = offset("page_tokens");
  private static final long PAGES = offset("pages");
  private static final long KEY_TILE_BYTES = offset("key_tile_bytes");
  private static final long VALUE_TILE_BYTES = offset("value_tile_bytes");
  private static final long VALUES_OFFSET = offset("values_offset");
  private static final long QUERIES = offset("queries");
  private static final long QUERY_STRIDE = offset("query_stride");
  private static final long BOUNDS = offset("bounds");
  private static final long MAX = offset("max");
  private static final long SUM = offset("sum");
  private static final long OUT = offset("out");
  private static final long STATE_STRIDE = offset("state_stride");
  private static final long FIRST_ROW = offset("first_row");
  private static final long SCALE = offset("scale");
  private static final long SOFT_CAP = offset("soft_cap");

  private static final int KEPT = 64;
  private static final AtomicReferenceArray<@Nullable MemorySegment> FREE =
      new AtomicReferenceArray<>(KEPT);

  private FoldStruct() {}

  private static long offset(String field) {
    return FOLD.byteOffset(PathElement.groupElement(field));
  }

  /** A struct for this thread alone until it is given back. */
  static MemorySegment take() {
    int start = (int) Thread.currentThread().threadId();
    for (int i = 0; i < KEPT; i++) {
      MemorySegment struct = FREE.getAndSet((start + i) & (KEPT - 1), null);
      if (struct != null) {
        return struct;
      }
    }
    // Collected if more threads fold at once than structs are kept.
    return Arena.ofAuto().allocate(FOLD);
  }

  static void giveBack(MemorySegment struct) {
    int start = (int) Thread.currentThread().threadId();
    for (int i = 0; i < KEPT; i++) {
      if (FREE.compareAndSet((start + i) & (KEPT - 1), null, struct)) {
        return;
      }
    }
  }

  /**
   * Describes a fold in {@code struct}. The addresses in it are good only as long as the arguments
   * are reachable.
   */
  static void fill(MemorySegment struct, Queries queries, PageRun run, AttentionState state) {
    PageLayout layout = run.layout();
    int keyDim = layout.layer().keyDim();
    struct.set(JAVA_INT, QUERY_TOKENS, queries.tokens());
    struct.set(JAVA_INT, HEADS, layout.heads());
    struct.set(JAVA_INT, GROUP, layout.layer().group());
    struct.set(JAVA_INT, KEY_DIM, keyDim);
    struct.set(JAVA_INT, VALUE_DIM, layout.layer().valueDim());
    struct.set(JAVA_INT, PAGE_TOKENS, layout.pageTokens());
    struct.set(JAVA_INT, PAGES, run.size());
    struct.set(JAVA_LONG, KEY_TILE_BYTES, layout.keyTileBytes());
    struct.set(JAVA_LONG, VALUE_TILE_BYTES, layout.valueTileBytes());
    struct.set(JAVA_LONG, VALUES_OFFSET, layout.valuesOffset());
    struct.set(
        JAVA_LONG, QUERIES, queries.data().address() + queries.rowOffset(0, queries.firstHead()));
    struct.set(JAVA_LONG, QUERY_STRIDE, (long) queries.heads() * keyDim);
    struct.set(JAVA_LONG, BOUNDS, queries.bounds().address());
    long memory = state.segment().address();
    struct.set(JAVA_LONG, MAX, memory + Float.BYTES * state.maxIndex(0));
    struct.set(JAVA_LONG, SUM, memory + Float.BYTES * state.sumIndex(0));
    struct.set(JAVA_LONG, OUT, memory + Float.BYTES * state.outIndex(0));
    struct.set(JAVA_LONG, STATE_STRIDE, state.heads());
    struct.set(JAVA_LONG, FIRST_ROW, 0);
    struct.set(JAVA_FLOAT, SCALE, queries.scale());
    struct.set(JAVA_FLOAT, SOFT_CAP, queries.softCap());
  }

  /** Sizes and offsets in the order of {@code kv_abi}. */
  static int[] expected() {
    IntStream structs =
        Stream.of(PAGE, FOLD, RowStructs.SEAL, RowStructs.PUT, IoCalls.PIECE)
            .flatMapToInt(FoldStruct::numbers);
    IntStream limits = IntStream.of(Formats.all().size(), PageLayout.TOKENS_MAX, CHANNELS_MAX);
    return IntStream.concat(structs, limits).toArray();
  }

  private static IntStream numbers(StructLayout struct) {
    Stream<String> names = struct.memberLayouts().stream().flatMap(m -> m.name().stream());
    return IntStream.concat(
        IntStream.of((int) struct.byteSize()),
        names.mapToInt(name -> (int) struct.byteOffset(PathElement.groupElement(name))));
  }

  /** Refuses a library whose structs are not these, given its function {@code kv_abi}. */
  static void check(MemorySegment abi) {
    var handle =
        Linker.nativeLinker()
            .downcallHandle(abi, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    int[] expected = expected();
    int[] found;
    try (Arena arena = Arena.ofConfined()) {
      int capacity = 2 * expected.length;
      MemorySegment numbers = arena.allocate(JAVA_INT, capacity);
      int count = (int) handle.invokeExact(numbers, capacity);
      found = Arrays.copyOf(numbers.toArray(JAVA_INT), Math.min(count, capacity));
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    if (!Arrays.equals(expected, found)) {
      throw new IllegalStateException(
          "its structs are not those of this version: expected="
              + Arrays.toString(expected)
              + ", found="
              + Arrays.toString(found));
    }
  }
}
