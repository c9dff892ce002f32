package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * Two LRU segments: newcomers are on probation, a second use brings protection, and what protection
 * has no room for is on probation again.
 *
 * <p>Source: Karedla, Love, Wherry, Caching strategies to improve disk system performance, IEEE
 * Computer 27(3), 1994.
 */
public final class Slru implements ReplacementPolicy {

  private final double protectedShare;
  private final Books books = new Books();
  private final Books.Order probation = books.order();
  private final Books.Order safe = books.order();

  /** Four fifths are protected. */
  public Slru() {
    this(0.8);
  }

  /**
   * @param protectedShare of the capacity for the protected segment; 0.8 is usual
   */
  public Slru(double protectedShare) {
    if (!(protectedShare > 0 && protectedShare < 1)) {
      throw new IllegalArgumentException(
          "the protected segment is a share of the whole: protectedShare="
              + protectedShare
              + "; 0.8 is usual");
    }
    this.protectedShare = protectedShare;
  }

  @Override
  public String name() {
    return "slru";
  }

  @Override
  public void capacity(long bytes) {
    books.capacity(bytes);
  }

  // on use of x: x to the newest end of the protected segment;
  //   while that is larger than its share: its oldest to the newest end of probation
  @Override
  public void touch(PageKey page) {
    safe.append(books.used(page));
    while (safe.bytes() > protectedShare * books.capacity()) {
      probation.append(safe.oldest());
    }
  }

  // on a miss: the oldest on probation goes
  @Override
  public @Nullable PageKey victim() {
    return books.drop(probation.isEmpty() ? safe.oldest() : probation.oldest());
  }

  // x to the newest end of probation
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    probation.append(books.admit(page, bytes));
  }

  @Override
  public void remove(PageKey page) {
    books.drop(books.there(page));
  }
}
