package io.kvarena.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.attention.ScalarRows;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class FoldPoolTest {

  private static Workspaces workspaces() {
    return new Workspaces(
        () -> {
          throw new AssertionError("no job is asked for");
        },
        ScalarRows::new,
        () -> null);
  }

  private static List<Thread> poolThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("kvarena-fold-"))
        .toList();
  }

  @Test
  void run_anyUnitsOnAnyThreads_doesEachUnitOnceBeforeItReturns() {
    Random random = new Random(1);
    for (int threads : new int[] {1, 2, 3, 7}) {
      Workspaces workspaces = workspaces();
      FoldPool pool = new FoldPool(threads, workspaces);
      Workspace own = workspaces.borrow();
      for (int round = 0; round < 2_000; round++) {
        int units = random.nextInt(40);
        AtomicIntegerArray done = new AtomicIntegerArray(units);
        if (round % 500 == 0) {
          // Long enough for every thread to park.
          LockSupport.parkNanos(2_000_000);
        }
        pool.run((unit, workspace) -> done.incrementAndGet(unit), units, own);
        for (int unit = 0; unit < units; unit++) {
          assertEquals(1, done.get(unit), "threads=" + threads + ", unit=" + unit);
        }
      }
      pool.close();
    }
  }

  @Test
  void run_fromManyThreadsAtOnce_doesEachCallersUnits() throws InterruptedException {
    Workspaces workspaces = workspaces();
    FoldPool pool = new FoldPool(3, workspaces);
    AtomicInteger done = new AtomicInteger();
    List<Thread> callers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Thread caller =
          new Thread(
              () -> {
                Workspace own = workspaces.borrow();
                for (int round = 0; round < 1_000; round++) {
                  AtomicInteger mine = new AtomicInteger();
                  pool.run((unit, workspace) -> mine.incrementAndGet(), 9, own);
                  done.addAndGet(mine.get());
                }
              });
      caller.start();
      callers.add(caller);
    }
    for (Thread caller : callers) {
      caller.join();
    }
    pool.close();
    assertEquals(4 * 1_000 * 9, done.get());
  }

  @Test
  void run_whenAUnitThrows_throwsItInTheCallerWithNoUnitUnderWay() {
    for (int threads : new int[] {1, 2, 3, 7}) {
      Workspaces workspaces = workspaces();
      FoldPool pool = new FoldPool(threads, workspaces);
      Workspace own = workspaces.borrow();
      for (int bad = 0; bad < 20; bad++) {
        int wrong = bad;
        AtomicInteger underWay = new AtomicInteger();
        RuntimeException thrown = new IllegalStateException("unit " + bad);
        RuntimeException caught =
            assertThrows(
                IllegalStateException.class,
                () ->
                    pool.run(
                        (unit, workspace) -> {
                          underWay.incrementAndGet();
                          try {
                            if (unit == wrong) {
                              throw thrown;
                            }
                            LockSupport.parkNanos(50_000);
                          } finally {
                            underWay.decrementAndGet();
                          }
                        },
                        20,
                        own));
        assertSame(thrown, caught);
        assertEquals(0, underWay.get(), "threads=" + threads);
        AtomicInteger after = new AtomicInteger();
        pool.run((unit, workspace) -> after.incrementAndGet(), 20, own);
        assertEquals(20, after.get(), "the pool works on after a failure");
      }
      pool.close();
    }
  }

  @Test
  void run_whenAnErrorIsThrownOnAPoolThread_throwsItInTheCaller() {
    Workspaces workspaces = workspaces();
    FoldPool pool = new FoldPool(2, workspaces);
    Workspace own = workspaces.borrow();
    Thread caller = Thread.currentThread();
    AtomicInteger elsewhere = new AtomicInteger();
    StackOverflowError caught =
        assertThrows(
            StackOverflowError.class,
            () ->
                pool.run(
                    (unit, workspace) -> {
                      if (Thread.currentThread() != caller) {
                        elsewhere.incrementAndGet();
                        throw new StackOverflowError("deep");
                      }
                      while (elsewhere.get() == 0) {
                        Thread.onSpinWait();
                      }
                    },
                    2,
                    own));
    assertEquals("deep", caught.getMessage());
    pool.close();
  }

  @Test
  void run_whileInterrupted_finishesAndLeavesTheThreadInterrupted() {
    Workspaces workspaces = workspaces();
    FoldPool pool = new FoldPool(2, workspaces);
    Workspace own = workspaces.borrow();
    AtomicInteger done = new AtomicInteger();
    Thread.currentThread().interrupt();
    pool.run(
        (unit, workspace) -> {
          long until = System.nanoTime() + 3_000_000;
          while (System.nanoTime() < until) {
            Thread.onSpinWait();
          }
          done.incrementAndGet();
        },
        3,
        own);
    assertEquals(3, done.get());
    assertEquals(true, Thread.interrupted());
    pool.close();
  }

  @Test
  void close_endsTheThreadsAndLeavesCallersToThemselves() {
    List<Thread> before = poolThreads();
    Workspaces workspaces = workspaces();
    FoldPool pool = new FoldPool(4, workspaces);
    Workspace own = workspaces.borrow();
    assertEquals(before.size(), poolThreads().size(), "threads start when they are needed");
    pool.run((unit, workspace) -> LockSupport.parkNanos(1_000), 8, own);
    List<Thread> started = new ArrayList<>(poolThreads());
    started.removeAll(before);
    assertEquals(3, started.size());
    started.forEach(thread -> assertEquals(true, thread.isDaemon()));
    pool.close();
    started.forEach(thread -> assertFalse(thread.isAlive()));
    AtomicInteger done = new AtomicInteger();
    pool.run((unit, workspace) -> done.incrementAndGet(), 5, own);
    assertEquals(5, done.get());
  }
}
