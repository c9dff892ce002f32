package io.kvarena.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.lwjgl.opencl.CL;
import org.lwjgl.system.Configuration;

/** The OpenCL library of this machine, loaded once, or why it could not be. */
final class ClLibrary {

  static final String CURE =
      "install an OpenCL driver, such as the package pocl-opencl-icd with ocl-icd-libopencl1";

  private static final @Nullable String PROBLEM = load();

  private ClLibrary() {}

  /** What is missing and how to get it; empty if OpenCL can be called. */
  static Optional<String> problem() {
    return Optional.ofNullable(PROBLEM);
  }

  private static @Nullable String load() {
    try {
      if (Configuration.MEMORY_BACKEND.get() == null) {
        Configuration.MEMORY_BACKEND.set("ffm");
      }
      if (Configuration.OPENCL_EXPLICIT_INIT.get() == null) {
        // Without this the class would load the library in its initialiser and stay broken.
        Configuration.OPENCL_EXPLICIT_INIT.set(true);
      }
      return create();
    } catch (LinkageError | RuntimeException broken) {
      return "LWJGL failed to load: "
          + firstLine(broken)
          + "; add org.lwjgl:lwjgl with this system's natives (on the module path also"
          + " --add-modules org.lwjgl.natives) and --enable-native-access";
    }
  }

  @SuppressWarnings("restricted") // a look-up by name, of no function
  private static @Nullable String create() {
    String configured = Configuration.OPENCL_LIBRARY_NAME.get();
    String name = configured != null ? configured : defaultName();
    // Looked for here first, because LWJGL writes to stderr when it does not find a library.
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup.libraryLookup(name, arena);
    } catch (IllegalArgumentException missing) {
      return "no OpenCL library: name=" + name + "; " + CURE;
    }
    try {
      CL.create(name);
    } catch (IllegalStateException loaded) {
      // The application was faster: its library serves.
    }
    return null;
  }

  /** The library's name where only drivers are installed, without their development packages. */
  private static String defaultName() {
    String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    if (system.contains("windows")) {
      return "OpenCL.dll";
    }
    return system.contains("mac")
        ? "/System/Library/Frameworks/OpenCL.framework/OpenCL"
        : "libOpenCL.so.1";
  }

  private static String firstLine(Throwable broken) {
    return broken.toString().lines().findFirst().orElse("");
  }
}
