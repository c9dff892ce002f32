package io.kvarena.policy;

import io.kvarena.tier.PageKey;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Gives up what was used longest ago: what a cache does if it is told nothing else. */
public final class LeastRecentlyUsed implements ReplacementPolicy {

  private final Map<PageKey, Boolean> order = new LinkedHashMap<>(16, 0.75f, true);

  @Override
  public String name() {
    return "lru";
  }

  @Override
  public void admit(PageKey page, long bytes, double cost) {
    if (order.putIfAbsent(page, true) != null) {
      throw new IllegalArgumentException("page is there: page=" + page + "; touch it instead");
    }
  }

  @Override
  public void touch(PageKey page) {
    if (order.get(page) == null) {
      throw new IllegalArgumentException("page is not there: page=" + page + "; admit it first");
    }
  }

  @Override
  public void remove(PageKey page) {
    order.remove(page);
  }

  @Override
  public @Nullable PageKey victim() {
    Map.Entry<PageKey, Boolean> eldest =
        order.isEmpty() ? null : order.entrySet().iterator().next();
    if (eldest == null) {
      return null;
    }
    order.remove(eldest.getKey());
    return eldest.getKey();
  }
}
