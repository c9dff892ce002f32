package io.kvarena.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.lmdbjava.ByteArrayProxy;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.Txn;

/**
 * LMDB: a transaction a call, synced at a sync alone. Its pages go through a Java array, since its
 * other bindings need the JVM's packages opened.
 */
final class LmdbStore implements PageStore {
  private final Env<byte[]> env;
  private final Dbi<byte[]> pages;

  LmdbStore(Path directory, long bytes) {
    env =
        Env.create(ByteArrayProxy.PROXY_BA)
            .setMapSize(4 * bytes)
            .setMaxDbs(1)
            .open(directory.toFile(), EnvFlags.MDB_NOSYNC);
    pages = env.openDbi("pages", DbiFlags.MDB_CREATE);
  }

  private static byte[] key(int id) {
    return ByteBuffer.allocate(16).putLong(1).putLong(id).array();
  }

  @Override
  public void store(List<Integer> ids, List<MemorySegment> content) {
    try (Txn<byte[]> txn = env.txnWrite()) {
      for (int i = 0; i < ids.size(); i++) {
        pages.put(txn, key(ids.get(i)), content.get(i).toArray(ValueLayout.JAVA_BYTE));
      }
      txn.commit();
    }
  }

  @Override
  public void sync() {
    env.sync(true);
  }

  @Override
  public void load(List<Integer> ids, List<MemorySegment> into) {
    try (Txn<byte[]> txn = env.txnRead()) {
      for (int i = 0; i < ids.size(); i++) {
        byte[] found = pages.get(txn, key(ids.get(i)));
        PageStore.check(found.length, into.get(i).byteSize());
        MemorySegment.copy(found, 0, into.get(i), ValueLayout.JAVA_BYTE, 0, found.length);
      }
    }
  }

  @Override
  public void close() {
    env.close();
  }
}
