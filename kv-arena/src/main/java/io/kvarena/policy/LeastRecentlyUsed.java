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
    order.put(page, true);
  }

  @Override
  public void touch(PageKey page) {
    order.get(page);
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
