package io.kvarena.opencl;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Programs as a driver has compiled them, kept in files for the processes to come.
 *
 * <p>A file is named by what its program was made of: source, options, device, driver. What is
 * damaged or refused is deleted and compiled anew, and a folder that cannot be written is no error:
 * a cache makes a start quicker and nothing else.
 *
 * <pre>
 * u64 magic | u32 CRC32C of the binary | u32 its length | the binary
 * </pre>
 */
final class ClBinaries {

  /** System property: a folder of its own, or {@code off}. */
  static final String PROPERTY = "kvarena.opencl.cache";

  private static final long BYTES_MAX = 64L << 20;
  private static final long MAGIC = 0x4b56434c42494e31L; // KVCLBIN1
  private static final int HEADER_BYTES = 16;
  private static final String SUFFIX = ".clbin";

  private final @Nullable Path folder;
  private final long bytesMax;

  /**
   * @param folder where files lie, made when it is needed; null keeps nothing
   * @param bytesMax the oldest files are deleted beyond that many bytes
   */
  ClBinaries(@Nullable Path folder, long bytesMax) {
    this.folder = folder;
    this.bytesMax = bytesMax;
  }

  /** The user's. */
  static ClBinaries ofUser() {
    return new ClBinaries(userFolder().orElse(null), BYTES_MAX);
  }

  /**
   * Where things are kept for a user: in {@code $XDG_CACHE_HOME} or {@code ~/.cache}, unless the
   * property says else; empty if nowhere.
   */
  static Optional<Path> userFolder() {
    String said = System.getProperty(PROPERTY);
    if (said != null) {
      return said.equals("off") ? Optional.empty() : Optional.of(Path.of(said));
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path cache =
        xdg != null && Path.of(xdg).isAbsolute()
            ? Path.of(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return Optional.of(cache.resolve("kvarena").resolve("opencl"));
  }

  /** The name of a program's binary. */
  static String key(ClDevice device, String options, String source) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String part :
          List.of(device.platform(), device.name(), device.version(), options, source)) {
        byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(4).putInt(bytes.length).flip());
        digest.update(bytes);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every Java has SHA-256", impossible);
    }
  }

  private Optional<Path> file(String key) {
    return Optional.ofNullable(folder).map(in -> in.resolve(key + SUFFIX));
  }

  /** The binary of that name, if there is a whole one. */
  Optional<byte[]> find(String key) {
    Path file = file(key).orElse(null);
    if (file == null || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    try {
      ByteBuffer kept = ByteBuffer.wrap(Files.readAllBytes(file));
      if (kept.remaining() >= HEADER_BYTES && kept.getLong() == MAGIC) {
        int sum = kept.getInt();
        int length = kept.getInt();
        byte[] binary = new byte[kept.remaining()];
        kept.get(binary);
        if (length == binary.length && sum == sumOf(binary)) {
          Files.setLastModifiedTime(file, FileTime.fromMillis(System.currentTimeMillis()));
          return Optional.of(binary);
        }
      }
      drop(key);
    } catch (IOException unreadable) {
      say("cannot be read", file, unreadable);
    }
    return Optional.empty();
  }

  private static int sumOf(byte[] bytes) {
    CRC32C sum = new CRC32C();
    sum.update(bytes);
    return (int) sum.getValue();
  }

  /** Keeps a binary: whole under its name, or not at all. */
  void keep(String key, byte[] binary) {
    Path file = file(key).orElse(null);
    if (folder == null || file == null || binary.length == 0) {
      return;
    }
    Path half = null;
    try {
      makeFolder(folder);
      half = Files.createTempFile(folder, "half", ".tmp");
      ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + binary.length);
      bytes.putLong(MAGIC).putInt(sumOf(binary)).putInt(binary.length).put(binary);
      Files.write(half, bytes.array());
      Files.move(half, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      trim(folder);
    } catch (IOException | UncheckedIOException | SecurityException unwritable) {
      say("cannot be written", file, unwritable);
      if (half != null) {
        delete(half);
      }
    }
  }

  static void makeFolder(Path folder) throws IOException {
    if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } else {
      Files.createDirectories(folder);
    }
  }

  /** Deletes the files that were not used for longest, until the others fit. */
  private void trim(Path in) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.list(in)) {
      files =
          all.filter(file -> file.getFileName().toString().endsWith(SUFFIX))
              .sorted(Comparator.comparing(ClBinaries::used).reversed())
              .toList();
    }
    long bytes = 0;
    for (Path file : files) {
      bytes += Files.size(file);
      if (bytes > bytesMax) {
        delete(file);
      }
    }
  }

  private static FileTime used(Path file) {
    try {
      return Files.getLastModifiedTime(file);
    } catch (IOException gone) {
      return FileTime.fromMillis(0);
    }
  }

  /** Deletes a binary that the driver refuses. */
  void drop(String key) {
    file(key).ifPresent(ClBinaries::delete);
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException kept) {
      say("cannot be deleted", file, kept);
    }
  }

  private static void say(String what, Path file, Exception why) {
    System.getLogger("io.kvarena.opencl")
        .log(Level.DEBUG, "a compiled program {0}: file={1}; {2}", what, file, why);
  }
}
