package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * Three FIFO queues: a small one through which newcomers pass, a main one for those used twice
 * there or remembered, and one of ghosts, the names of those that were used less.
 *
 * <p>Source: Yang et al., FIFO queues are all you need for cache eviction, SOSP 2023, algorithm 1;
 * uses are forgotten on the way from the small to the main queue (section 4.1). Ghosts take as
 * much, in bytes of their pages, as the main queue may. One page goes at a time: where one that
 * moves overfills the main queue and another goes from there, the pseudocode would go on and take
 * one from the small queue too.
 */
public final class S3Fifo implements ReplacementPolicy {

  private static final int USES_MAX = 3;

  private final double smallShare;
  private final int usesMin;
  private final Books books = new Books();
  private final Books.Order small = books.order();
  private final Books.Order main = books.order();
  private final Books.Order ghosts = books.ghosts();

  /** The paper's parameters. */
  public S3Fifo() {
    this(0.1, 2);
  }

  /**
   * @param smallShare of the capacity for the small queue; 0.1 in the paper
   * @param usesMin uses after coming that bring a page into the main queue, 1 to 3; 2 in the paper
   */
  public S3Fifo(double smallShare, int usesMin) {
    if (!(smallShare > 0 && smallShare < 1) || usesMin < 1 || usesMin > USES_MAX) {
      throw new IllegalArgumentException(
          "the small queue is a share of the whole, and uses count to 3: smallShare="
              + smallShare
              + ", usesMin="
              + usesMin
              + "; 0.1 and 2 are the paper's");
    }
    this.smallShare = smallShare;
    this.usesMin = usesMin;
  }

  @Override
  public String name() {
    return "s3-fifo";
  }

  @Override
  public void capacity(long bytes) {
    books.capacity(bytes);
  }

  // READ(x): if x in S or x in M: x.freq = min(x.freq + 1, 3)
  @Override
  public void touch(PageKey page) {
    int x = books.used(page);
    books.mark(x, Math.min(books.mark(x) + 1, USES_MAX));
  }

  // EVICT: if S.size >= 0.1 * cache size: EVICTS, else EVICTM
  @Override
  public @Nullable PageKey victim() {
    PageKey evicted = small.bytes() >= smallShare * books.capacity() ? evictSmall() : evictMain();
    // with sizes that differ, or a keeper that is not full, that queue may be empty or become so
    if (evicted == null) {
      evicted = evictSmall();
    }
    return evicted == null ? evictMain() : evicted;
  }

  // EVICTS: while not evicted and S.size > 0:
  //   t = tail of S
  //   if t.freq > 1: insert t to M; if M is full: EVICTM
  //   else: insert t to G; evicted = true
  //   remove t from S
  private @Nullable PageKey evictSmall() {
    while (!small.isEmpty()) {
      int t = small.oldest();
      if (books.mark(t) >= usesMin) {
        books.mark(t, 0);
        main.append(t);
        if (main.bytes() > (1 - smallShare) * books.capacity()) {
          return evictMain();
        }
      } else {
        ghosts.append(t);
        PageKey evicted = books.page(t);
        trimGhosts();
        return evicted;
      }
    }
    return null;
  }

  // EVICTM: while not evicted and M.size > 0:
  //   t = tail of M
  //   if t.freq > 0: insert t to head of M; t.freq = t.freq - 1
  //   else: remove t from M; evicted = true
  private @Nullable PageKey evictMain() {
    while (!main.isEmpty()) {
      int t = main.oldest();
      if (books.mark(t) > 0) {
        main.append(t);
        books.mark(t, books.mark(t) - 1);
      } else {
        return books.drop(t);
      }
    }
    return null;
  }

  private void trimGhosts() {
    while (ghosts.bytes() > (1 - smallShare) * books.capacity()) {
      books.drop(ghosts.oldest());
    }
  }

  // INSERT(x): if x in G: insert x to head of M, else to head of S; x.freq = 0
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    boolean remembered = books.ghost(page) != Books.NONE;
    int x = books.admit(page, bytes);
    if (remembered) {
      main.append(x);
    } else {
      small.append(x);
    }
  }

  @Override
  public void remove(PageKey page) {
    books.drop(books.there(page));
  }
}
