package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The library of C kernels: {@code libkvarena}, found and loaded once for the process, or the
 * reason why there is none.
 *
 * <p>It comes out of this module's jar, by way of a private directory, unless the system property
 * {@value #PROPERTY} names a file.
 */
public final class NativeLibrary {

  /** System property that names the library's file. */
  public static final String PROPERTY = "kvarena.native.library";

  private static final String REBUILD = "; build kv-native with cmake and a C compiler installed";

  private final SymbolLookup symbols;
  private final MethodHandle isaSupported;

  private NativeLibrary(SymbolLookup symbols) {
    this.symbols = symbols;
    isaSupported =
        Linker.nativeLinker()
            .downcallHandle(symbol("kv_isa_supported"), FunctionDescriptor.of(JAVA_INT, ADDRESS));
    FoldStruct.check(symbol("kv_abi"));
  }

  /** What came of looking for the library: it, or null; and where it is, or why it is not. */
  record Found(@Nullable NativeLibrary library, String report) {}

  private static final class Holder {
    static final Found FOUND = find(System.getProperty(PROPERTY), platform());
  }

  /** Whether the library is loaded. */
  public static boolean isLoaded() {
    return Holder.FOUND.library() != null;
  }

  /** Where the library came from or, where there is none, the reason and the cure. */
  public static String report() {
    return Holder.FOUND.report();
  }

  static Optional<NativeLibrary> loaded() {
    return Optional.ofNullable(Holder.FOUND.library());
  }

  /** Operating system and processor as the resource folders call them, such as linux-x86_64. */
  static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String family =
        os.startsWith("linux") ? "linux" : os.startsWith("mac") ? "macos" : os.replace(' ', '-');
    String arch = System.getProperty("os.arch");
    return family + "-" + (arch.equals("amd64") ? "x86_64" : arch);
  }

  static Found find(@Nullable String forced, String platform) {
    try {
      if (forced != null) {
        Path file = Path.of(forced).toAbsolutePath();
        if (!Files.isRegularFile(file)) {
          return new Found(
              null, "no such library: file=" + file + "; correct or unset -D" + PROPERTY);
        }
        return new Found(load(file), file.toString());
      }
      String resource = platform + "/" + System.mapLibraryName("kvarena");
      byte[] bytes = resource(resource);
      if (bytes == null) {
        return new Found(null, "no C library in the jar: resource=" + resource + REBUILD);
      }
      return extractAndLoad(bytes, LibraryFile.directories());
    } catch (IllegalCallerException denied) {
      return new Found(
          null,
          "native access is denied; start Java with --enable-native-access="
              + (NativeLibrary.class.getModule().isNamed() ? "io.kvarena.ffi" : "ALL-UNNAMED"));
    } catch (IllegalArgumentException | IllegalStateException | LinkageError broken) {
      return new Found(null, "the C library does not load: " + broken.getMessage() + REBUILD);
    } catch (UnsupportedOperationException unsupported) {
      return new Found(
          null, "this Java calls no C here: platform=" + platform + "; use the Java kernels");
    } catch (IOException failed) {
      return new Found(null, "the C library cannot be read: " + failed + REBUILD);
    }
  }

  private static byte @Nullable [] resource(String name) throws IOException {
    try (var stream = NativeLibrary.class.getResourceAsStream(name)) {
      return stream == null ? null : stream.readAllBytes();
    }
  }

  /** Tries each directory, as any of them may be read-only, full, or mounted without execution. */
  static Found extractAndLoad(byte[] bytes, List<Path> directories) {
    List<String> failures = new ArrayList<>();
    for (Path directory : directories) {
      try (LibraryFile file = LibraryFile.write(bytes, directory)) {
        return new Found(load(file.path()), "from the jar, by way of " + directory);
      } catch (IOException | IllegalArgumentException failed) {
        failures.add(directory + " (" + failed.getMessage() + ")");
      }
    }
    return new Found(
        null,
        "the C library cannot be extracted and loaded: tried="
            + String.join(", ", failures)
            + "; set -Djava.io.tmpdir to a directory that allows execution, or -D"
            + PROPERTY
            + " to the library");
  }

  // Never unloaded: kernels may run until the process ends.
  private static NativeLibrary load(Path file) {
    return new NativeLibrary(SymbolLookup.libraryLookup(file, Arena.global()));
  }

  /** Address of an exported function. */
  MemorySegment symbol(String name) {
    return symbols
        .find(name)
        .orElseThrow(() -> new IllegalStateException("a function is missing: name=" + name));
  }

  /** Whether this processor runs the kernels of an instruction set that the library has. */
  boolean supports(String isa) {
    try (Arena arena = Arena.ofConfined()) {
      return (int) isaSupported.invokeExact(arena.allocateFrom(isa)) == 1;
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  /** Whether the library has kernels of an instruction set at all. */
  boolean has(String isa) {
    return symbols.find("kv_fold_" + isa).isPresent();
  }
}
