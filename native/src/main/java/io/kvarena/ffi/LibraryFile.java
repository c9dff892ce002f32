package io.kvarena.ffi;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * A shared library on its way from a jar to the loader: a file in a directory of its own that only
 * this user may enter. Closing deletes both; what was loaded meanwhile stays.
 */
record LibraryFile(Path path) implements AutoCloseable {

  /** Where to try: the JVM's temporary directory, the user's cache, shared memory. */
  static List<Path> directories() {
    List<Path> directories = new ArrayList<>();
    directories.add(Path.of(System.getProperty("java.io.tmpdir")));
    String cache = System.getenv("XDG_CACHE_HOME");
    directories.add(
        cache == null || cache.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(cache));
    directories.add(Path.of("/dev/shm"));
    return directories;
  }

  /** Writes the library below {@code directory} and reads it back. */
  static LibraryFile write(byte[] bytes, Path directory) throws IOException {
    Files.createDirectories(directory);
    var onlyMe = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    Path own = Files.createTempDirectory(directory, "kvarena-", onlyMe);
    LibraryFile file = new LibraryFile(own.resolve(System.mapLibraryName("kvarena")));
    try {
      Files.write(file.path, bytes);
      String wanted = sha256(bytes);
      String found = sha256(Files.readAllBytes(file.path));
      if (!wanted.equals(found)) {
        throw new IOException(
            "the extracted library differs: sha256=" + found + ", wanted=" + wanted);
      }
      return file;
    } catch (IOException failed) {
      file.close();
      throw failed;
    }
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException missing) {
      throw new IllegalStateException("every Java platform has SHA-256", missing);
    }
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(path);
      Path own = path.getParent();
      if (own != null) {
        Files.deleteIfExists(own);
      }
    } catch (IOException leftBehind) {
      // The system clears its temporary directories; the library works all the same.
      System.getLogger("io.kvarena.ffi")
          .log(System.Logger.Level.DEBUG, "file left behind: " + path, leftBehind);
    }
  }
}
