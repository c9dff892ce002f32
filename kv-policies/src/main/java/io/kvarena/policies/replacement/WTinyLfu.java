package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * A small LRU window through which all newcomers pass, and an SLRU main part that takes a page from
 * the window only if it was used more often lately than the page it would replace.
 *
 * <p>Source: Einziger, Friedman, Manes, TinyLFU: a highly efficient cache admission policy, ACM
 * Transactions on Storage 13(4), 2017, sections 3 and 4. Without the doorkeeper, and the window
 * stays as large as it is given.
 */
public final class WTinyLfu implements ReplacementPolicy {

  private final double windowShare;
  private final double protectedShare;
  private final Books books = new Books();
  private final Books.Order window = books.order();
  private final Books.Order probation = books.order();
  private final Books.Order safe = books.order();
  private final FrequencySketch sketch = new FrequencySketch();

  /** The paper's parameters. */
  public WTinyLfu() {
    this(0.01, 0.8);
  }

  /**
   * @param windowShare of the capacity for the window; 0.01 in the paper
   * @param protectedShare of the main part for its protected segment; 0.8 in the paper
   */
  public WTinyLfu(double windowShare, double protectedShare) {
    if (!(windowShare > 0 && windowShare < 1) || !(protectedShare > 0 && protectedShare < 1)) {
      throw new IllegalArgumentException(
          "window and protected segment are shares: windowShare="
              + windowShare
              + ", protectedShare="
              + protectedShare
              + "; 0.01 and 0.8 are the paper's");
    }
    this.windowShare = windowShare;
    this.protectedShare = protectedShare;
  }

  @Override
  public String name() {
    return "w-tinylfu";
  }

  @Override
  public void capacity(long bytes) {
    books.capacity(bytes);
  }

  // on use of x: count x; in the window: to its newest end;
  //   in the main part: to the newest end of the protected segment, whose surplus is on probation
  @Override
  public void touch(PageKey page) {
    int x = books.used(page);
    sketch.count(page);
    if (window.holds(x)) {
      window.append(x);
      return;
    }
    safe.append(x);
    while (safe.bytes() > protectedShare * (1 - windowShare) * books.capacity()) {
      probation.append(safe.oldest());
    }
  }

  // on a miss: victim = the oldest of the main part, on probation first
  //   if the window is full: candidate = its oldest;
  //     if frequency(candidate) > frequency(victim): candidate on probation, victim goes
  //     else candidate goes
  //   else victim goes
  @Override
  public @Nullable PageKey victim() {
    int victim = probation.isEmpty() ? safe.oldest() : probation.oldest();
    // the newcomer's size is not known: it is taken for a usual one
    long usual = books.bytes() / Math.max(1, books.count());
    boolean full = window.bytes() + usual > windowShare * books.capacity();
    int candidate = full || victim == Books.NONE ? window.oldest() : Books.NONE;
    if (candidate == Books.NONE || victim == Books.NONE) {
      return books.drop(candidate == Books.NONE ? victim : candidate);
    }
    if (sketch.frequency(books.page(candidate)) > sketch.frequency(books.page(victim))) {
      probation.append(candidate);
      return books.drop(victim);
    }
    return books.drop(candidate);
  }

  // count x; x to the newest end of the window, whose surplus is on probation while there is room
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    int x = books.admit(page, bytes);
    window.append(x);
    sketch.reserve(books.count());
    sketch.count(page);
    while (window.count() > 1 && window.bytes() > windowShare * books.capacity()) {
      probation.append(window.oldest());
    }
  }

  @Override
  public void remove(PageKey page) {
    books.drop(books.there(page));
  }
}
