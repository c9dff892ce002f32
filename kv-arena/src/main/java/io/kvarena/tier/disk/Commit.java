package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Makes all that counts durable: page files first, their names, then the manifest that lists them.
 */
final class Commit {
  private final FileIo io;
  private final Path directory;
  private final ReentrantLock lock;
  private final SlotIndex index;
  private final PageFiles files;
  private final ManifestFiles manifests;
  private final byte[] fingerprint;
  private final byte[] keyCheck;
  private final boolean encrypted;

  /** One sync at a time. */
  private final ReentrantLock turn = new ReentrantLock();

  private long epoch;

  Commit(
      FileIo io,
      Path directory,
      ReentrantLock lock,
      SlotIndex index,
      PageFiles files,
      ManifestFiles manifests,
      byte[] fingerprint,
      byte[] keyCheck,
      boolean encrypted) {
    this.io = io;
    this.directory = directory;
    this.lock = lock;
    this.index = index;
    this.files = files;
    this.manifests = manifests;
    this.fingerprint = fingerprint;
    this.keyCheck = keyCheck;
    this.encrypted = encrypted;
  }

  /** Epoch of the manifest that a restart found. */
  void found(long newest) {
    epoch = newest;
  }

  /** Does it if anything changed. */
  void run() throws IOException {
    turn.lock();
    try {
      List<PageFile> all = new ArrayList<>();
      List<PageFile> dirty = new ArrayList<>();
      Manifest manifest = begin(all, dirty);
      if (manifest == null) {
        return;
      }
      boolean done = false;
      try {
        sync(all, dirty);
        manifests.write(manifest);
        done = true;
      } finally {
        end(all, dirty, done);
      }
    } finally {
      turn.unlock();
    }
  }

  private @Nullable Manifest begin(List<PageFile> all, List<PageFile> dirty) {
    lock.lock();
    try {
      Optional<Long> generation = index.beginCommit();
      if (generation.isEmpty()) {
        return null;
      }
      all.addAll(files.all());
      List<Manifest.File> listed = new ArrayList<>();
      for (PageFile file : all) {
        file.syncing = true;
        if (file.dirty) {
          dirty.add(file);
          file.dirty = false;
        }
        int[] marks = file.marks();
        if (marks.length > 0) {
          listed.add(
              new Manifest.File(file.number, file.slotBytes, file.slotsMax, file.retired, marks));
        }
      }
      return new Manifest(
          ++epoch,
          generation.orElseThrow(),
          files.nextFile(),
          fingerprint,
          keyCheck,
          encrypted,
          listed);
    } finally {
      lock.unlock();
    }
  }

  /** Leaves in {@code dirty} what was not tried. */
  private void sync(List<PageFile> all, List<PageFile> dirty) throws IOException {
    @Nullable IOException failure = null;
    for (PageFile file : List.copyOf(dirty)) {
      dirty.remove(file);
      try {
        file.io.sync();
      } catch (IOException e) {
        lose(List.of(file));
        failure = e;
      }
    }
    List<PageFile> unnamed = all.stream().filter(file -> !file.named).toList();
    if (failure == null && !unnamed.isEmpty()) {
      try {
        io.syncDirectory(directory);
      } catch (IOException e) {
        lose(unnamed);
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void lose(List<PageFile> failed) {
    lock.lock();
    try {
      failed.forEach(index::lose);
    } finally {
      lock.unlock();
    }
  }

  private void end(List<PageFile> all, List<PageFile> untried, boolean done) {
    lock.lock();
    try {
      for (PageFile file : all) {
        file.syncing = false;
        file.named |= done;
      }
      if (done) {
        index.committed();
      } else {
        untried.forEach(file -> file.dirty = true);
        index.notCommitted();
      }
    } finally {
      lock.unlock();
    }
  }
}
