package io.kvarena.policies.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.KvShape;
import io.kvarena.LayerKind;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.fixtures.policy.MadeUpStore;
import io.kvarena.policy.ColdestFirst;
import io.kvarena.policy.Move;
import io.kvarena.policy.MovePlan;
import io.kvarena.policy.PlacementPolicy;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What goes first, policy by policy, on stores that are made up. */
class PlacementOrderTest {

  private static final LayerShape FULL = LayerShape.of(1, 1, 4, Rope.NONE);
  private static final LayerShape SLIDING =
      new LayerShape(1, 1, 4, 4, new LayerKind.Sliding(17), Rope.NONE, FULL.params());

  /** A page of a layer: 8 tokens of 4 channels of keys and as many of values. */
  private static final long PAGE = 64;

  private static final long ALL = Long.MAX_VALUE;

  /** Four layers; 7 was attended last, 2 before, 5 first of all; 9 asks. */
  private static MadeUpStore store(long maxBytes) {
    return new MadeUpStore(KvShape.uniform(4, FULL), maxBytes, 0, 0)
        .with(7, 2, 1000)
        .with(2, 3, 2000)
        .with(5, 4, 3000)
        .asking(9, 5);
  }

  private static List<Long> sequences(MovePlan plan) {
    return plan.moves().stream().map(Move::sequence).toList();
  }

  @Test
  void coldestFirst_takesTheLongestIdle_andWhoAsksLast() {
    MadeUpStore store = store(1 << 20);
    assertEquals(List.of(5L, 2L, 7L, 9L), sequences(new ColdestFirst().out(store, ALL)));
    assertEquals(List.of(5L), sequences(new ColdestFirst().out(store, 16 * PAGE)));
    assertEquals(List.of(5L, 2L), sequences(new ColdestFirst().out(store, 16 * PAGE + 1)));
    assertEquals(
        new MovePlan(List.of(new Move(9, Move.ALL, 0, 6)), 10), new ColdestFirst().back(store, 10));
  }

  @Test
  void watermark_aboveHigh_goesDownToLow_andNothingComesBackAboveIt() {
    Watermark policy = new Watermark(new ColdestFirst(), 0.75, 0.5);
    long used = 4 * 14 * PAGE;
    assertEquals(MovePlan.NOTHING, policy.surplus(store(used * 2)));
    assertEquals(MovePlan.NOTHING, policy.surplus(store(used * 4 / 3 + 1)));
    MovePlan surplus = policy.surplus(store(used));
    assertEquals(used / 2, surplus.bytes());
    assertEquals(List.of(5L, 2L), sequences(surplus));
    assertEquals(MovePlan.NOTHING, policy.back(store(used * 2), 100));
    assertEquals(64, policy.back(store(used * 2 + 128), 100).bytes());
  }

  @Test
  void layerWise_keepsLayersAtEvenDistances() {
    assertEquals(List.of(3, 7), kept(2, 8));
    assertEquals(List.of(2, 5, 7), kept(3, 8));
    assertEquals(List.of(0, 1, 2), kept(8, 3));
    assertEquals(List.of(), kept(0, 8));
  }

  private static List<Integer> kept(int kept, int layers) {
    LayerWise policy = new LayerWise(kept);
    return IntStream.range(0, layers).filter(i -> policy.keeps(i, layers)).boxed().toList();
  }

  @Test
  void layerWise_takesAllOtherLayersBeforeAKeptOne() {
    List<Move> moves = new LayerWise(2).out(store(1 << 20), ALL).moves();
    // Layers 1 and 3 are kept; of the others the last goes first, of each sequence.
    assertEquals(
        List.of(2, 0, 2, 0, 2, 0, 2, 0, 3, 1, 3, 1, 3, 1, 3, 1),
        moves.stream().map(Move::layer).toList());
    assertEquals(
        List.of(5L, 5L, 2L, 2L, 7L, 7L, 9L, 9L, 5L, 5L, 2L, 2L, 7L, 7L, 9L, 9L),
        moves.stream().map(Move::sequence).toList());
    assertEquals(
        List.of(1, 3, 0, 2),
        new LayerWise(2).back(store(1 << 20), 1).moves().stream().map(Move::layer).toList());
  }

  @Test
  void lookAhead_sparesTheWindow_andBringsItBackInTurn() {
    LookAhead policy = new LookAhead(() -> List.of(5L, 8L, 7L), 2);
    // 2 has no turn, 7's is behind the window, 9 asks, 5's is next.
    assertEquals(List.of(2L, 7L, 9L, 5L), sequences(policy.out(store(1 << 20), ALL)));
    MadeUpStore between =
        new MadeUpStore(KvShape.uniform(1, FULL), 1 << 20, 0, 0)
            .with(5, 1, 1)
            .with(7, 1, 1)
            .with(8, 1, 1);
    assertEquals(List.of(5L, 8L), sequences(policy.back(between, 100)));
    assertEquals(List.of(9L), sequences(policy.back(store(1 << 20), 100)));
  }

  @Test
  void costBased_takesUnreadPagesFirst_thenWhatIsCopied_thenTheColdest() {
    MadeUpStore store =
        new MadeUpStore(new KvShape(List.of(FULL, SLIDING)), 1 << 20, 1e9, 1e9)
            .with(1, 4, 1000)
            .with(2, 4, 1500)
            .copied(1)
            .asking(3, 4);
    // 32 tokens behind a window of 17 leave 2 pages unread in layer 1. Copied pages cost nothing
    // to go; the others' storing is as dear as their loading.
    assertEquals(
        List.of(
            new Move(1, 1, 0, 2), // free
            new Move(2, 1, 0, 2), // storing: 1 in 1500 ns
            new Move(1, 0, 0, 5), // loading: 1 in 1000 ns
            new Move(1, 1, 2, 5),
            new Move(2, 0, 0, 5), // both: 2 in 1500 ns
            new Move(2, 1, 2, 5),
            new Move(3, 1, 0, 2), // attended now
            new Move(3, 0, 0, 5), // who asks comes last
            new Move(3, 1, 2, 5)),
        new CostBased().out(store, ALL).moves());
  }

  @Test
  void costBased_whereLoadingIsSlowerThanComputing_movesUnreadPagesOnly() {
    // A token has 8 bytes in each of two layers: 16 µs at 1 MB/s.
    MadeUpStore store =
        new MadeUpStore(new KvShape(List.of(FULL, SLIDING)), 1 << 20, 1e6, 1e6).with(1, 4, 1000);
    PlacementPolicy slow = new CostBased(62_000);
    PlacementPolicy quick = new CostBased(63_000);
    assertEquals(3, slow.out(store, ALL).moves().size());
    assertEquals(List.of(new Move(1, 1, 0, 2)), quick.out(store, ALL).moves());
  }
}
