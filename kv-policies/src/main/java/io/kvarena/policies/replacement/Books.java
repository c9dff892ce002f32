package io.kvarena.policies.replacement;

import io.kvarena.tier.PageKey;
import java.util.Arrays;
import org.agrona.collections.Object2IntHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The pages that a policy knows, each with a number, and the orders that they stand in. A page
 * stands in one order at a time, from the oldest to the newest. Orders of <em>ghosts</em> hold
 * pages that are no longer there and whose names a policy remembers.
 *
 * <p>Numbers are small and used again, so that policies keep what else they know of a page in
 * arrays. Nothing is allocated but to grow.
 */
final class Books {

  /** No page: the number that stands at the end of every order. */
  static final int NONE = -1;

  private final Object2IntHashMap<PageKey> numbers = new Object2IntHashMap<>(NONE);
  private @Nullable PageKey[] keys = new PageKey[16];
  private long[] bytes = new long[16];
  private int[] marks = new int[16];
  private @Nullable Order[] orders = new Order[16];
  private int[] older = new int[16];
  private int[] newer = new int[16]; // of free numbers: the next free one
  private int given;
  private int free = NONE;
  private long bytesThere;
  private int countThere;
  private long capacity;
  private boolean told;

  /** An order of pages that are there. */
  Order order() {
    return new Order(false);
  }

  /** An order of pages that are not there. */
  Order ghosts() {
    return new Order(true);
  }

  /** Bytes of the pages that are there. */
  long bytes() {
    return bytesThere;
  }

  /** Pages that are there. */
  int count() {
    return countThere;
  }

  /** What fits, in bytes: what the keeper said, or the most that was ever there. */
  long capacity() {
    return capacity;
  }

  void capacity(long now) {
    capacity = now;
    told = true;
  }

  /** The page's number if it is there, else {@link #NONE}. */
  int there(PageKey page) {
    int number = numbers.getValue(page);
    return number != NONE && !isGhost(number) ? number : NONE;
  }

  /** The number of a page that must be there. */
  int used(PageKey page) {
    int number = there(page);
    if (number == NONE) {
      throw new IllegalArgumentException(
          "page is not there: page=" + page + ", pages=" + countThere + "; admit it before use");
    }
    return number;
  }

  /** The page's number if it is a ghost, else {@link #NONE}. */
  int ghost(PageKey page) {
    int number = numbers.getValue(page);
    return number != NONE && isGhost(number) ? number : NONE;
  }

  private boolean isGhost(int number) {
    Order order = orders[number];
    return order != null && order.ofGhosts;
  }

  /** A number for a page that comes; a ghost keeps its own. The caller puts it into an order. */
  int admit(PageKey page, long size) {
    int number = numbers.getValue(page);
    if (number == NONE) {
      number = free();
      numbers.put(page, number);
      keys[number] = page;
    } else if (!isGhost(number)) {
      throw new IllegalArgumentException(
          "page is there already: page=" + page + ", pages=" + countThere + "; touch it");
    } else {
      unlink(number);
    }
    bytes[number] = size;
    marks[number] = 0;
    return number;
  }

  private int free() {
    if (free != NONE) {
      int number = free;
      free = newer[number];
      return number;
    }
    if (given == keys.length) {
      keys = Arrays.copyOf(keys, 2 * given);
      bytes = Arrays.copyOf(bytes, 2 * given);
      marks = Arrays.copyOf(marks, 2 * given);
      orders = Arrays.copyOf(orders, 2 * given);
      older = Arrays.copyOf(older, 2 * given);
      newer = Arrays.copyOf(newer, 2 * given);
    }
    return given++;
  }

  /** Forgets a page, ghost or not, and says which it was; null for {@link #NONE}. */
  @Nullable PageKey drop(int number) {
    if (number == NONE) {
      return null;
    }
    PageKey page = page(number);
    unlink(number);
    numbers.removeKey(page);
    keys[number] = null;
    newer[number] = free;
    free = number;
    return page;
  }

  PageKey page(int number) {
    PageKey page = keys[number];
    if (page == null) {
      throw new IllegalStateException("no page has this number: number=" + number + "; a bug");
    }
    return page;
  }

  /** The page's size, in bytes. */
  long bytes(int number) {
    return bytes[number];
  }

  /** A number that the policy may keep with a page; 0 when it comes. */
  int mark(int number) {
    return marks[number];
  }

  void mark(int number, int value) {
    marks[number] = value;
  }

  /** The next newer page of the order that the page stands in. */
  int newer(int number) {
    return newer[number];
  }

  private void unlink(int number) {
    Order order = orders[number];
    if (order == null) {
      return;
    }
    if (older[number] == NONE) {
      order.oldest = newer[number];
    } else {
      newer[older[number]] = newer[number];
    }
    if (newer[number] == NONE) {
      order.newest = older[number];
    } else {
      older[newer[number]] = older[number];
    }
    orders[number] = null;
    order.bytes -= bytes[number];
    order.count--;
    if (!order.ofGhosts) {
      bytesThere -= bytes[number];
      countThere--;
    }
  }

  /** Pages from the oldest to the newest. */
  final class Order {
    private final boolean ofGhosts;
    private int oldest = NONE;
    private int newest = NONE;
    private long bytes;
    private int count;

    private Order(boolean ofGhosts) {
      this.ofGhosts = ofGhosts;
    }

    int oldest() {
      return oldest;
    }

    long bytes() {
      return bytes;
    }

    boolean isEmpty() {
      return count == 0;
    }

    int count() {
      return count;
    }

    boolean holds(int number) {
      return number != NONE && orders[number] == this;
    }

    /** Puts a page at the newest end, wherever it stood before. */
    void append(int number) {
      unlink(number);
      link(number, newest, NONE);
    }

    /** Puts a page at the oldest end, wherever it stood before. */
    void prepend(int number) {
      unlink(number);
      link(number, NONE, oldest);
    }

    /** Puts a page beside one of this order, on the older side. */
    void insertOlder(int number, int than) {
      unlink(number);
      link(number, Books.this.older[than], than);
    }

    private void link(int number, int before, int after) {
      older[number] = before;
      newer[number] = after;
      if (before == NONE) {
        oldest = number;
      } else {
        newer[before] = number;
      }
      if (after == NONE) {
        newest = number;
      } else {
        older[after] = number;
      }
      orders[number] = this;
      bytes += Books.this.bytes[number];
      count++;
      if (!ofGhosts) {
        bytesThere += Books.this.bytes[number];
        countThere++;
        if (!told && bytesThere > capacity) {
          capacity = bytesThere;
        }
      }
    }
  }
}
