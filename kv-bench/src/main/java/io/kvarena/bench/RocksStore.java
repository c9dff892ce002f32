package io.kvarena.bench;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.rocksdb.ByteBufferGetStatus;
import org.rocksdb.CompressionType;
import org.rocksdb.FlushOptions;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * RocksDB as it suits large values best: blob files, no log but a flush at a sync, no compression,
 * direct I/O, no block cache to speak of.
 */
final class RocksStore implements PageStore {
  static {
    RocksDB.loadLibrary();
  }

  private final Options options;
  private final RocksDB db;
  private final WriteOptions writes = new WriteOptions().setDisableWAL(true);
  private final ReadOptions reads = new ReadOptions().setAsyncIo(true).setVerifyChecksums(true);

  RocksStore(Path directory) throws RocksDBException {
    options =
        new Options()
            .setCreateIfMissing(true)
            .setEnableBlobFiles(true)
            .setMinBlobSize(4096)
            .setCompressionType(CompressionType.NO_COMPRESSION)
            .setBlobCompressionType(CompressionType.NO_COMPRESSION)
            .setWriteBufferSize(64 << 20)
            .setMaxBackgroundJobs(4)
            .setUseDirectReads(true)
            .setUseDirectIoForFlushAndCompaction(true);
    db = RocksDB.open(options, directory.toString());
  }

  private static ByteBuffer key(int id) {
    return ByteBuffer.allocateDirect(16).putLong(1).putLong(id).flip();
  }

  @Override
  public void store(List<Integer> ids, List<MemorySegment> pages) throws RocksDBException {
    try (WriteBatch batch = new WriteBatch()) {
      for (int i = 0; i < ids.size(); i++) {
        batch.put(key(ids.get(i)), pages.get(i).asByteBuffer());
      }
      db.write(writes, batch);
    }
  }

  @Override
  public void sync() throws RocksDBException {
    try (FlushOptions flush = new FlushOptions().setWaitForFlush(true)) {
      db.flush(flush);
    }
  }

  @Override
  public void load(List<Integer> ids, List<MemorySegment> pages) throws RocksDBException {
    List<ByteBuffer> keys = new ArrayList<>();
    List<ByteBuffer> values = new ArrayList<>();
    for (int i = 0; i < ids.size(); i++) {
      keys.add(key(ids.get(i)));
      values.add(pages.get(i).asByteBuffer());
    }
    List<ByteBufferGetStatus> found = db.multiGetByteBuffers(reads, keys, values);
    for (int i = 0; i < found.size(); i++) {
      PageStore.check(found.get(i).requiredSize, pages.get(i).byteSize());
    }
  }

  @Override
  public void close() {
    db.close();
    reads.close();
    writes.close();
    options.close();
  }
}
