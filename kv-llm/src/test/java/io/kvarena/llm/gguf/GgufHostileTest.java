package io.kvarena.llm.gguf;

import static io.kvarena.llm.gguf.GgufBuilder.ARRAY;
import static io.kvarena.llm.gguf.GgufBuilder.STRING;
import static io.kvarena.llm.gguf.GgufBuilder.UINT64;
import static io.kvarena.llm.gguf.GgufBuilder.UINT8;
import static io.kvarena.llm.gguf.GgufBuilder.arrayHead;
import static io.kvarena.llm.gguf.GgufBuilder.int32;
import static io.kvarena.llm.gguf.GgufBuilder.int64;
import static io.kvarena.llm.gguf.GgufBuilder.join;
import static io.kvarena.llm.gguf.GgufBuilder.string;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that are damaged or made to harm: each is refused with a message that says the way out. */
class GgufHostileTest {
  private static final String FILE = "hostile.gguf";
  private static final String FETCH = "; the file is damaged, fetch it again";
  private static final String INCOMPLETE =
      "; the file is damaged or its download incomplete, fetch it again";
  private static final byte[] FOUR_FLOATS = new byte[16];
  private static final int F32 = 0;
  private static final int Q8_0 = 8;

  private static GgufBuilder sound() {
    return new GgufBuilder()
        .text("general.architecture", "llama")
        .u32("n", 7)
        .tensor("a", F32, FOUR_FLOATS, 4)
        .tensor("b", F32, FOUR_FLOATS, 2, 2);
  }

  private static byte[] cut(byte[] bytes, int length) {
    return Arrays.copyOf(bytes, length);
  }

  static Stream<Arguments> files() {
    int whole = sound().build().length;
    return Stream.of(
        arguments("empty", new byte[0], ends("the magic number", 0, 4, 0)),
        arguments("one byte", new byte[1], ends("the magic number", 0, 4, 1)),
        arguments(
            "text",
            "<!DOCTYPE html>.........".getBytes(StandardCharsets.US_ASCII),
            "not a GGUF file: file=hostile.gguf, magic=4f44213c; give a model in GGUF format"),
        arguments("magic only", cut(sound().build(), 4), ends("the version", 4, 4, 0)),
        arguments(
            "version 1",
            sound().version(1).build(),
            "GGUF version not supported: file=hostile.gguf, version=1, supported=2..3;"
                + " convert the model again with a current converter"),
        arguments(
            "version 4 billion",
            sound().version(-2).build(),
            "GGUF version not supported: file=hostile.gguf, version=4294967294, supported=2..3;"
                + " convert the model again with a current converter"),
        arguments(
            "big endian",
            sound().version(3 << 24).build(),
            "big-endian GGUF is not supported: file=hostile.gguf;"
                + " convert the model to little endian"),
        arguments("no counts", cut(sound().build(), 8), ends("the tensor count", 8, 8, 0)),
        arguments(
            "tensor count beyond the file",
            sound().tensorCount(1000).build(),
            impossible("the tensor count", 8, "1000", (whole - 16) / 33)),
        arguments(
            "tensor count of 2^64 - 1",
            sound().tensorCount(-1).build(),
            impossible("the tensor count", 8, "18446744073709551615", (whole - 16) / 33)),
        arguments(
            "pair count of 2^63",
            sound().pairCount(Long.MIN_VALUE).build(),
            impossible("the metadata count", 16, "9223372036854775808", (whole - 24) / 14)),
        arguments(
            "one pair too many declared",
            new GgufBuilder().u32("n", 7).pairCount(2).build(),
            // the padding that follows reads as a key of length 0
            "a metadata key has an impossible length: file=hostile.gguf, offset=41, bytes=0,"
                + " limit=65535"
                + FETCH),
        arguments(
            "key length of 2^40",
            new GgufBuilder().rawPair(join(int64(1L << 40), new byte[32])).build(),
            "a metadata key has an impossible length: file=hostile.gguf, offset=24,"
                + " bytes=1099511627776, limit=65535"
                + FETCH),
        arguments(
            "key length negative",
            new GgufBuilder().rawPair(join(int64(-5), new byte[32])).build(),
            "a metadata key has an impossible length: file=hostile.gguf, offset=24,"
                + " bytes=18446744073709551611, limit=65535"
                + FETCH),
        arguments(
            "key past the end",
            new GgufBuilder().rawPair(join(int64(1000), new byte[24])).build(),
            ends("a metadata key", 32, 1000, 32)),
        arguments(
            "key not UTF-8",
            new GgufBuilder()
                .rawPair(join(int64(2), new byte[] {(byte) 0xc3, 0x28}, int32(UINT8), new byte[1]))
                .build(),
            "a metadata key is not UTF-8: file=hostile.gguf, offset=32" + FETCH),
        arguments(
            "key with a line break",
            new GgufBuilder().u32("a\nb", 1).build(),
            "a metadata key holds control characters: file=hostile.gguf, offset=32" + FETCH),
        arguments(
            "unknown value type",
            new GgufBuilder().pair("k", 13, new byte[8]).build(),
            "unknown metadata type: file=hostile.gguf, key=k, type=13;"
                + " the file is damaged or newer than this reader"),
        arguments(
            "negative value type",
            new GgufBuilder().pair("k", -1, new byte[8]).build(),
            "unknown metadata type: file=hostile.gguf, key=k, type=4294967295;"
                + " the file is damaged or newer than this reader"),
        arguments(
            "key given twice",
            new GgufBuilder().u32("k", 1).u32("k", 2).build(),
            "metadata key given twice: file=hostile.gguf, offset=41, key=k" + FETCH),
        arguments(
            "text past the end",
            new GgufBuilder().pair("k", STRING, join(int64(99), new byte[8])).build(),
            ends("the value of k", 45, 99, 19)),
        arguments(
            "text of 2^64 - 1 bytes",
            new GgufBuilder().pair("k", STRING, join(int64(-1), new byte[8])).build(),
            ends("the value of k", 45, -1, 19)),
        arguments(
            "array of arrays",
            new GgufBuilder().pair("k", ARRAY, arrayHead(ARRAY, 1)).build(),
            "arrays of arrays are not supported: file=hostile.gguf, key=k;"
                + " convert the model again with a current converter"),
        arguments(
            "array of an unknown type",
            new GgufBuilder().pair("k", ARRAY, arrayHead(77, 1)).build(),
            "unknown metadata type: file=hostile.gguf, key=k, type=77;"
                + " the file is damaged or newer than this reader"),
        arguments(
            "array of 2^61 longs",
            new GgufBuilder().pair("k", ARRAY, arrayHead(UINT64, 1L << 61)).build(),
            impossible("the length of array k", 41, "2305843009213693952", 1)),
        arguments(
            "array of more strings than bytes",
            new GgufBuilder().pair("k", ARRAY, arrayHead(STRING, 1_000_000)).build(),
            impossible("the length of array k", 41, "1000000", 1)),
        arguments(
            "array whose string runs out",
            new GgufBuilder()
                .pair("k", ARRAY, join(arrayHead(STRING, 2), string("x"), int64(1 << 30)))
                .build(),
            ends("a string of array k", 66, 1 << 30, 30)),
        arguments(
            "alignment 0",
            new GgufBuilder().u32("general.alignment", 0).build(),
            "alignment must be a power of two: file=hostile.gguf, alignment=0, min=8, max=65536"
                + FETCH),
        arguments(
            "alignment 24",
            new GgufBuilder().u32("general.alignment", 24).build(),
            "alignment must be a power of two: file=hostile.gguf, alignment=24, min=8, max=65536"
                + FETCH),
        arguments(
            "alignment of 4 GiB",
            new GgufBuilder().u32("general.alignment", -1).build(),
            "metadata value out of range: file=hostile.gguf, key=general.alignment,"
                + " value=4294967295, min=0, max=2147483647;"
                + " the file is damaged or not a model this library runs"),
        arguments(
            "alignment as text",
            new GgufBuilder().text("general.alignment", "32").build(),
            "metadata value is not an integer: file=hostile.gguf, key=general.alignment,"
                + " type=STRING; convert the model again with a current converter"),
        arguments(
            "tensor without a name",
            new GgufBuilder().tensor("", F32, FOUR_FLOATS, 4).build(),
            "a tensor name has an impossible length: file=hostile.gguf, offset=24, bytes=0,"
                + " limit=64"
                + FETCH),
        arguments(
            "tensor name of 65 bytes",
            new GgufBuilder().tensor("x".repeat(65), F32, FOUR_FLOATS, 4).build(),
            "a tensor name has an impossible length: file=hostile.gguf, offset=24, bytes=65,"
                + " limit=64"
                + FETCH),
        arguments(
            "tensor without dimensions",
            new GgufBuilder().tensor("a", F32, FOUR_FLOATS).build(),
            tensor("tensor has an impossible dimension count", "a", "dimensions=0")),
        arguments(
            "tensor of five dimensions",
            new GgufBuilder().tensor("a", F32, FOUR_FLOATS, 1, 1, 1, 1, 4).build(),
            tensor("tensor has an impossible dimension count", "a", "dimensions=5")),
        arguments(
            "tensor of length 0",
            new GgufBuilder().tensor("a", F32, FOUR_FLOATS, 4, 0).build(),
            tensor("tensor has an impossible shape", "a", "shape=[4, 0]")),
        arguments(
            "tensor of negative length",
            new GgufBuilder().tensor("a", F32, FOUR_FLOATS, -4).build(),
            tensor("tensor has an impossible shape", "a", "shape=[-4]")),
        arguments(
            "tensor whose size overflows",
            new GgufBuilder().tensor("a", F32, FOUR_FLOATS, 1L << 32, 1L << 32).build(),
            tensor("tensor has an impossible shape", "a", "shape=[4294967296, 4294967296]")),
        arguments(
            "tensor of a type not read",
            new GgufBuilder().tensor("a", 12, FOUR_FLOATS, 256).build(),
            "tensor type not supported: file=hostile.gguf, tensor=a, type=12 (Q4_K);"
                + " use a model in F32, F16, BF16, Q8_0 or Q4_0"),
        arguments(
            "tensor of no known type",
            new GgufBuilder().tensor("a", -9, FOUR_FLOATS, 256).build(),
            "tensor type not supported: file=hostile.gguf, tensor=a, type=4294967287 (unknown);"
                + " use a model in F32, F16, BF16, Q8_0 or Q4_0"),
        arguments(
            "tensor of half a block",
            new GgufBuilder().tensor("a", Q8_0, FOUR_FLOATS, 16).build(),
            tensor("tensor row is not whole blocks", "a", "shape=[16], type=Q8_0, blockValues=32")),
        arguments(
            "tensor off its alignment",
            sound().declared("c", F32, 4, 1).build(),
            tensor("tensor offset is not aligned", "c", "offset=4, alignment=32")),
        arguments(
            "tensor at a negative offset",
            sound().declared("c", F32, -32, 1).build(),
            tensor(
                "tensor offset is not aligned", "c", "offset=18446744073709551584, alignment=32")),
        arguments(
            "tensor past the end",
            sound().declared("c", F32, 64, 1).build(),
            tensor(
                "tensor reaches past the end of the file",
                "c",
                "offset=64, bytes=4, available=64")),
        arguments(
            "tensor at the largest offset",
            sound().declared("c", F32, Long.MAX_VALUE - 31, 1).build(),
            tensor(
                "tensor reaches past the end of the file",
                "c",
                "offset=9223372036854775776, bytes=4, available=64")),
        arguments(
            "tensor larger than the file",
            sound().declared("c", F32, 0, 1L << 58).build(),
            tensor(
                "tensor reaches past the end of the file",
                "c",
                "offset=0, bytes=1152921504606846976, available=64")),
        arguments(
            "tensor data cut off",
            cut(sound().build(), whole - 32),
            tensor(
                "tensor reaches past the end of the file",
                "b",
                "offset=32, bytes=16, available=32")),
        arguments(
            "tensor given twice",
            sound().tensor("a", F32, FOUR_FLOATS, 4).build(),
            tensor("tensor given twice", "a", "tensors=3")),
        arguments(
            "tensors overlap",
            new GgufBuilder().tensor("a", F32, new byte[128], 32).declared("b", F32, 96, 8).build(),
            tensor("tensors overlap", "b", "offset=96, other=a, otherEnd=128")));
  }

  private static String ends(String what, int offset, long needs, int remaining) {
    return "file ends inside "
        + what
        + ": file=hostile.gguf, offset="
        + offset
        + ", needs="
        + Long.toUnsignedString(needs)
        + ", remaining="
        + remaining
        + INCOMPLETE;
  }

  private static String impossible(String what, int offset, String count, int limit) {
    return what
        + " is impossible: file=hostile.gguf, offset="
        + offset
        + ", count="
        + count
        + ", limit="
        + limit
        + FETCH;
  }

  private static String tensor(String problem, String name, String facts) {
    return problem + ": file=hostile.gguf, tensor=" + name + ", " + facts + FETCH;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("files")
  void open_hostileFile_saysWhatIsWrongAndTheWayOut(String name, byte[] bytes, String message) {
    GgufException e =
        assertThrows(
            GgufException.class, () -> Gguf.of(MemorySegment.ofArray(bytes), FILE).close());
    assertEquals(message, e.getMessage());
  }

  @Test
  void open_soundFile_isAccepted() {
    try (Gguf gguf = Gguf.of(MemorySegment.ofArray(sound().build()), FILE)) {
      assertEquals(2, gguf.tensors().size());
    }
  }

  @Test
  void open_everyPrefixOfASoundFile_isRefused() {
    byte[] bytes = sound().build();
    // the padding after the last tensor may be missing
    int needed = bytes.length - 16;
    for (int length = 0; length < needed; length++) {
      MemorySegment prefix = MemorySegment.ofArray(cut(bytes, length));
      assertThrows(GgufException.class, () -> Gguf.of(prefix, FILE).close());
    }
    assertTrue(needed > 100);
  }
}
