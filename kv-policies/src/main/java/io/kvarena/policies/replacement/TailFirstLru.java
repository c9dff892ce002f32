package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * LRU for chains of pages: of those that were last used together the last one of the chain goes
 * first, as a page is of use only with all before it.
 *
 * <p>A page that is used goes to the older side of the page before it in its chain. A chain is used
 * from its first page on, so that one comes out newest and the last one oldest, and a page is never
 * newer than the one before it: what goes has nothing behind it. A page whose predecessor is not
 * there goes next.
 *
 * <p>Source: the order in which vLLM's prefix cache (docs, Automatic Prefix Caching) and SGLang's
 * RadixAttention (Zheng et al., arXiv 2312.07104) free pages.
 */
public final class TailFirstLru implements ReplacementPolicy {

  private final Books books = new Books();
  private final Books.Order queue = books.order();
  private @Nullable PageKey[] parents = new PageKey[16]; // by number

  @Override
  public String name() {
    return "lru-tail-first";
  }

  // on use of x: if x begins a chain, to the newest end;
  //   else if its parent is there, next to that on the older side;
  //   else to the oldest end
  @Override
  public void touch(PageKey page) {
    place(books.used(page));
  }

  private void place(int number) {
    PageKey parent = parents[number];
    if (parent == null) {
      queue.append(number);
      return;
    }
    int before = books.there(parent);
    if (before == Books.NONE) {
      queue.prepend(number);
    } else {
      queue.insertOlder(number, before);
    }
  }

  // on a miss: the oldest goes
  @Override
  public @Nullable PageKey victim() {
    return books.drop(queue.oldest());
  }

  // on a miss of x: if x would be the oldest, x itself does not come
  @Override
  public @Nullable PageKey victimFor(PageKey newcomer, @Nullable PageKey parent) {
    int oldest = queue.oldest();
    boolean last =
        oldest != Books.NONE
            && parent != null
            && !parent.equals(newcomer)
            && (books.there(parent) == Books.NONE || books.there(parent) == oldest);
    return last ? newcomer : books.drop(oldest);
  }

  @Override
  public void admit(PageKey page, @Nullable PageKey parent, long bytes, double cost) {
    int number = books.admit(page, bytes);
    if (number >= parents.length) {
      parents = Arrays.copyOf(parents, 2 * number);
    }
    // a page that names itself would stand beside itself
    parents[number] = page.equals(parent) ? null : parent;
    place(number);
  }

  @Override
  public void admit(PageKey page, long bytes, double cost) {
    admit(page, null, bytes, cost);
  }

  @Override
  public void remove(PageKey page) {
    books.drop(books.there(page));
  }
}
