package io.kvarena.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {

  private static final String RESOURCE =
      NativeLibrary.platform() + "/" + System.mapLibraryName("kvarena");

  private static byte[] library() throws IOException {
    try (var stream = NativeLibrary.class.getResourceAsStream(RESOURCE)) {
      return stream.readAllBytes();
    }
  }

  @Test
  void isLoaded_whereTheLibraryWasBuilt_isTrue() {
    assertTrue(NativeLibrary.isLoaded(), NativeLibrary.report());
  }

  @Test
  void find_platformWithoutALibrary_saysWhatIsMissing() {
    var found = NativeLibrary.find(null, "plan9-mips");
    assertNull(found.library());
    assertEquals(
        "no C library in the jar: resource=plan9-mips/"
            + System.mapLibraryName("kvarena")
            + "; build kv-native with cmake and a C compiler installed",
        found.report());
  }

  @Test
  void find_forcedFileThatIsNotThere_saysSo() {
    var found = NativeLibrary.find("/nowhere/libkvarena.so", NativeLibrary.platform());
    assertNull(found.library());
    assertEquals(
        "no such library: file=/nowhere/libkvarena.so; correct or unset -Dkvarena.native.library",
        found.report());
  }

  @Test
  void find_forcedFile_isTheOneLoaded(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("mine.so");
    Files.write(file, library());
    var found = NativeLibrary.find(file.toString(), NativeLibrary.platform());
    assertNotNull(found.library());
    assertEquals(file.toString(), found.report());
  }

  @Test
  void find_forcedFileForAnotherProcessor_saysSo(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("other.so");
    byte[] other = library();
    other[18] ^= 0x55; // the machine in an ELF header
    Files.write(file, other);
    var found = NativeLibrary.find(file.toString(), NativeLibrary.platform());
    assertNull(found.library());
    assertEquals(
        "the C library does not load: Cannot open library: "
            + file
            + "; build kv-native with cmake and a C compiler installed",
        found.report());
  }

  @Test
  void extractAndLoad_directoryThatCannotBe_takesTheNextAndLeavesNothing(@TempDir Path directory)
      throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    Path good = directory.resolve("good");
    var found = NativeLibrary.extractAndLoad(library(), List.of(file.resolve("below"), good));
    assertNotNull(found.library(), found.report());
    assertEquals("from the jar, by way of " + good, found.report());
    try (Stream<Path> left = Files.list(good)) {
      assertEquals(List.of(), left.toList());
    }
  }

  @Test
  void extractAndLoad_noDirectoryServes_namesEachAndTheCure(@TempDir Path directory)
      throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    var found = NativeLibrary.extractAndLoad(library(), List.of(file));
    assertNull(found.library());
    assertEquals(
        "the C library cannot be extracted and loaded: tried="
            + file
            + " ("
            + file
            + "); set -Djava.io.tmpdir to a directory that allows execution, or"
            + " -Dkvarena.native.library to the library",
        found.report());
  }

  @Test
  void write_intoASharedDirectory_letsOnlyThisUserIn(@TempDir Path directory) throws IOException {
    byte[] bytes = {1, 2, 3};
    Path path;
    try (LibraryFile file = LibraryFile.write(bytes, directory)) {
      path = file.path();
      assertEquals(
          "rwx------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(path.getParent())));
      assertEquals(LibraryFile.sha256(bytes), LibraryFile.sha256(Files.readAllBytes(path)));
    }
    assertFalse(Files.exists(path.getParent()));
  }

  /** A kv_abi of another version: one number differs. */
  @SuppressWarnings("UnusedMethod") // C calls it, through a handle
  private static int otherAbi(MemorySegment numbers, int capacity) {
    int[] other = FoldStruct.expected();
    other[1]++;
    MemorySegment.copy(
        other, 0, numbers.reinterpret(4L * capacity), ValueLayout.JAVA_INT, 0, other.length);
    return other.length;
  }

  @Test
  void check_structsOfAnotherVersion_refusesTheLibrary() throws ReflectiveOperationException {
    var type =
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
    var handle =
        MethodHandles.lookup()
            .findStatic(
                NativeLibraryTest.class,
                "otherAbi",
                MethodType.methodType(int.class, MemorySegment.class, int.class));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stub = Linker.nativeLinker().upcallStub(handle, type, arena);
      var refused = assertThrows(IllegalStateException.class, () -> FoldStruct.check(stub));
      int[] found = FoldStruct.expected();
      found[1]++;
      assertEquals(
          "its structs are not those of this version: expected="
              + Arrays.toString(FoldStruct.expected())
              + ", found="
              + Arrays.toString(found),
          refused.getMessage());
    }
  }
}
