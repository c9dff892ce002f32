package io.kvarena.llm.gguf;

import static io.kvarena.llm.gguf.GgufBuilder.UINT64;
import static io.kvarena.llm.gguf.GgufBuilder.int64;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is written is read back: metadata of every kind, tensors of every type. */
class GgufTest {

  private static Gguf of(GgufBuilder builder) {
    return Gguf.of(MemorySegment.ofArray(builder.build()), "test.gguf");
  }

  @Test
  void metadata_ofEveryKind_isReadBack() {
    Metadata metadata =
        of(new GgufBuilder()
                .u32("count", 4_000_000)
                .pair("long", UINT64, int64(5))
                .real("real", 0.25f)
                .flag("yes", true)
                .text("text", "grüß 字")
                .texts("texts", List.of("a", "", "b c"))
                .integers("ints", List.of(-1, 2))
                .reals("reals", List.of(1.5f, -2f)))
            .metadata();
    assertEquals(4_000_000, metadata.integer("count", 0, Integer.MAX_VALUE));
    assertEquals(5, metadata.integer("long", 0, 10));
    assertEquals(0.25, metadata.real("real", 9));
    assertTrue(metadata.flag("yes", false));
    assertEquals("grüß 字", metadata.text("text"));
    assertEquals(List.of("a", "", "b c"), metadata.texts("texts"));
    assertArrayEquals(new int[] {-1, 2}, metadata.integers("ints", 2, -5, 5));
    assertArrayEquals(new int[] {5, 5, 5}, metadata.integers("long", 3, 0, 9));
    assertArrayEquals(new float[] {1.5f, -2f}, metadata.reals("reals"));
    assertEquals(7, metadata.integer("absent", 0, 9, 7));
    assertFalse(metadata.flag("absent", false));
    assertTrue(metadata.isArray("ints"));
  }

  @Test
  void metadata_missingKey_isNamed() {
    GgufException e =
        assertThrows(
            GgufException.class, () -> of(new GgufBuilder()).metadata().text("general.name"));
    assertEquals(
        "metadata key missing: file=test.gguf, key=general.name;"
            + " convert the model again with a current converter",
        e.getMessage());
  }

  @Test
  void metadata_unsignedBeyondTheSignedRange_isShownUnsigned() {
    Metadata metadata = of(new GgufBuilder().pair("n", UINT64, int64(-1))).metadata();
    GgufException e = assertThrows(GgufException.class, () -> metadata.integer("n", 0, 9));
    assertEquals(
        "metadata value out of range: file=test.gguf, key=n, value=18446744073709551615, min=0,"
            + " max=9; the file is damaged or not a model this library runs",
        e.getMessage());
  }

  @Test
  void metadata_realThatIsNotFinite_isRefused() {
    Metadata metadata = of(new GgufBuilder().real("eps", Float.NaN)).metadata();
    GgufException e = assertThrows(GgufException.class, () -> metadata.real("eps", 1));
    assertEquals(
        "metadata value is not finite: file=test.gguf, key=eps, value=NaN;"
            + " the file is damaged, fetch it again",
        e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 32, 64, 4096})
  void tensors_underEveryAlignment_areFound(int alignment) {
    byte[] first = floats(1, 2, 3);
    byte[] second = floats(4, 5);
    Gguf gguf =
        of(
            new GgufBuilder()
                .alignment(alignment)
                .tensor("first", 0, first, 3)
                .tensor("second", 0, second, 1, 2));
    GgufTensor tensor = gguf.tensor("second");
    assertNotNull(tensor);
    assertEquals(2, tensor.rows());
    float[] row = new float[1];
    tensor.decodeRow(1, row);
    assertArrayEquals(new float[] {5}, row);
    assertNull(gguf.tensor("third"));
  }

  @Test
  void tensors_ofHalves_decodeExactly() {
    float[] values = {0, -0f, 1.5f, -2, 65504, 0x1p-24f, 0x1p-14f};
    ByteBuffer half = ByteBuffer.allocate(14).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer brain = ByteBuffer.allocate(14).order(ByteOrder.LITTLE_ENDIAN);
    float[] brainValues = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      half.putShort(Float.floatToFloat16(values[i]));
      short upper = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
      brain.putShort(upper);
      brainValues[i] = Float.intBitsToFloat(upper << 16);
    }
    assertArrayEquals(values, decoded(TensorType.F16, half.array(), values.length));
    assertArrayEquals(brainValues, decoded(TensorType.BF16, brain.array(), values.length));
  }

  @Test
  void tensors_ofQ8Blocks_areScaledCodes() {
    ByteBuffer block = ByteBuffer.allocate(34).order(ByteOrder.LITTLE_ENDIAN);
    block.putShort(Float.floatToFloat16(0.5f));
    float[] expected = new float[32];
    for (int i = 0; i < 32; i++) {
      block.put((byte) (i * 8 - 128));
      expected[i] = 0.5f * (i * 8 - 128);
    }
    assertArrayEquals(expected, decoded(TensorType.Q8_0, block.array(), 32));
  }

  @Test
  void tensors_ofQ4Blocks_haveTheFirstHalfInTheLowNibbles() {
    ByteBuffer block = ByteBuffer.allocate(18).order(ByteOrder.LITTLE_ENDIAN);
    block.putShort(Float.floatToFloat16(-2f));
    float[] expected = new float[32];
    for (int i = 0; i < 16; i++) {
      int high = 15 - i;
      block.put((byte) (i | high << 4));
      expected[i] = -2f * (i - 8);
      expected[16 + i] = -2f * (high - 8);
    }
    assertArrayEquals(expected, decoded(TensorType.Q4_0, block.array(), 32));
  }

  private static float[] decoded(TensorType type, byte[] bytes, int values) {
    Gguf gguf = of(new GgufBuilder().tensor("t", type.id(), bytes, values));
    GgufTensor tensor = gguf.tensor("t");
    assertNotNull(tensor);
    float[] out = new float[values];
    tensor.decodeRow(0, out);
    return out;
  }

  private static byte[] floats(float... values) {
    ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      buffer.putFloat(value);
    }
    return buffer.array();
  }

  @Test
  void open_mappedFile_readsTheSame(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("m.gguf");
    Files.write(file, new GgufBuilder().version(2).tensor("t", 0, floats(3, 4), 2).build());
    try (Gguf gguf = Gguf.open(file)) {
      assertEquals(2, gguf.version());
      GgufTensor tensor = gguf.tensor("t");
      assertNotNull(tensor);
      float[] row = new float[2];
      tensor.decodeRow(0, row);
      assertArrayEquals(new float[] {3, 4}, row);
    }
  }

  @Test
  void open_missingFile_saysSo() {
    GgufException e =
        assertThrows(GgufException.class, () -> Gguf.open(Path.of("no/such.gguf")).close());
    assertEquals(
        "no such model file: file=no/such.gguf; give the path of a .gguf file", e.getMessage());
  }

  @Test
  void open_folder_isRefused(@TempDir Path folder) {
    assertThrows(GgufException.class, () -> Gguf.open(folder).close());
  }
}
