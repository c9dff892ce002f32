package io.kvarena.bench.simulate;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.List;

/**
 * One line of the table.
 *
 * @param trace its name
 * @param policy its name
 * @param capacity blocks that fit
 * @param tiers that blocks lay in
 * @param counts what was counted
 * @param regret the clairvoyant's block hit rate less this one's
 * @param savedSeconds of prefill by prefix hits, less the seconds it took to load them
 */
record SimulationRow(
    String trace,
    String policy,
    long capacity,
    List<TierSpec> tiers,
    Replay.Counts counts,
    double regret,
    double savedSeconds) {

  JsonObject json(boolean withTiers) {
    JsonObject row = new JsonObject();
    row.addProperty("trace", trace);
    row.addProperty("policy", policy);
    row.addProperty("capacity", capacity);
    row.addProperty("blockHitRate", counts.blockHitRate());
    row.addProperty("prefixBlockHitRate", counts.prefixBlockHitRate());
    row.addProperty("prefixTokenHitRate", counts.prefixTokenHitRate());
    row.addProperty("regret", regret);
    row.addProperty("blockUses", counts.uses());
    row.addProperty("blockHits", counts.hits());
    if (withTiers) {
      row.addProperty("loadSeconds", counts.loadSeconds());
      row.addProperty("savedSeconds", savedSeconds);
      JsonArray all = new JsonArray();
      for (int i = 0; i < tiers.size(); i++) {
        JsonObject tier = new JsonObject();
        tier.addProperty("name", tiers.get(i).name());
        tier.addProperty("blocks", tiers.get(i).blocks());
        tier.addProperty("prefixHits", i < counts.loads().length ? counts.loads()[i] : 0);
        all.add(tier);
      }
      row.add("tiers", all);
    }
    return row;
  }
}
