package io.kvarena;

import java.lang.foreign.MemorySegment;

/**
 * The cached tokens of one conversation, beam or draft, in every layer.
 *
 * <p>A step: {@link #extend} reserves room for its tokens everywhere; then for each layer {@link
 * #append} brings the keys and values and {@link #attend} answers the queries; the step is complete
 * when the last layer is appended, and {@link #length} moves. A query sees the tokens of its own
 * page raw and those of earlier pages as encoded, however the prompt was cut into steps.
 *
 * <p>One thread at a time: a second one is answered with SequenceBusyException. Keys, values,
 * queries and outputs may be heap arrays ({@code MemorySegment.ofArray}) or native memory.
 */
public interface KvSequence extends AutoCloseable {

  /** Number of this sequence, unique in its cache. */
  long id();

  /**
   * Opens a step for tokens at the next positions; reserves their room in every lane, or throws
   * OutOfPagesException with nothing changed. A policy, if there is one, forgets first. The ids are
   * the tokens' and go into no computation.
   */
  void extend(int... tokenIds);

  /**
   * Appends the keys and values of the step's tokens in one layer.
   *
   * @param layer each layer once in a step, in any order
   * @param keys f32 [tokens][kvHeads][keyDim], after RoPE
   * @param values f32 [tokens][kvHeads][valueDim]
   */
  void append(int layer, MemorySegment keys, MemorySegment values);

  /**
   * Causal attention of the newest tokens' queries over everything cached in a layer. Ask once,
   * before the next layer is appended: the raw rows of pages that the step has filled are then let
   * go, and a query whose own page is no longer raw is refused with IllegalStateException.
   *
   * @param layer a layer that has been appended in this step
   * @param queries f32 [n][queryHeads][keyDim], after RoPE, for the step's last n tokens, n ≥ 1
   * @param out f32 [n][queryHeads][valueDim], written
   */
  void attend(int layer, MemorySegment queries, MemorySegment out);

  /**
   * Attention of a step whose tokens are a tree: each sees what was cached before the step, its
   * ancestors and itself, all of the step's tokens raw. A token stands at the step's position plus
   * its depth; its key and query are turned by that. All layers of a step have one tree.
   *
   * @param layer a layer that has been appended in this step
   * @param queries f32 [tokens][queryHeads][keyDim], after RoPE, for all of the step's tokens
   * @param out f32 [tokens][queryHeads][valueDim], written
   * @param tree the step's tokens
   */
  void attend(int layer, MemorySegment queries, MemorySegment out, DraftTree tree);

  /**
   * Keeps a path of the newest step's tokens and drops the others, as if only the path had been
   * appended; {@link #length} is then the step's position plus the path's tokens. Comes after the
   * step's last append and before anything else changes. Needs a {@code rollback} of the step's
   * tokens, or more, and for a while the room of a step; throws OutOfPagesException with nothing
   * changed.
   *
   * @param acceptedPath indices of tokens of the step, each the child of the one before; the first
   *     has no parent in the step. A step that was not attended as a tree is a chain.
   */
  void commit(int... acceptedPath);

  /**
   * A second sequence with the same content: pages are shared, tails copied when one side writes.
   * Costs table entries, and at most one page of granules per lane later on.
   *
   * <p>Beams are reordered by forking the winners and closing the losers.
   */
  KvSequence fork();

  /**
   * Forgets the positions from {@code length} on; the next token gets position {@code length}. The
   * last {@code rollback} tokens (see the cache's builder) are undone exactly, as if they had never
   * been appended. Going back further into an encoded page keeps its codes for what remains.
   */
  void truncate(int length);

  /** Forgets the positions [from, to) and leaves a gap: no other position changes. */
  void remove(int from, int to);

  /**
   * Moves the tokens at positions [from, to) by {@code delta}, to places that are free; if the
   * range reaches the end, {@link #length} follows it. Costs no byte: the queries are turned
   * instead of the keys, which is exact on quantised pages.
   */
  void shift(int from, int to, int delta);

  /**
   * Moves the sealed pages to the cache's tier and gives their memory to others: for a conversation
   * that waits for its user. Those that forks share go for them too. It may go on at any time: what
   * is away is read from the tier, or comes back where there is room. Throws IllegalStateException
   * without a tier, TierException with nothing moved if it fails.
   */
  void offload();

  /**
   * Brings pages back that are away, the newest tokens' first; false if there was no room for all.
   * Need not be called: see {@link #offload}.
   */
  boolean recall();

  /**
   * Keeps the sequence under a name in the cache's durable tier, in place of what had the name:
   * sealed pages as they are, the raw rows of the tail and what a rollback needs. On return it
   * survives a crash of the process and of the machine. What was kept before is not written again.
   * Throws TierException, with the old still there, if that fails; IllegalStateException without a
   * durable tier or in the middle of a step.
   *
   * @param session letters, digits and {@code . _ -}, at most 100
   * @param note what the caller wants back with it, the conversation's text for example
   */
  void checkpoint(String session, byte[] note);

  /**
   * Makes the sequence what was kept under a name, whatever became of it since; false, with nothing
   * changed, if there is no such session or it cannot be had whole.
   */
  boolean rewind(String session);

  /** The next position. */
  int length();

  /** Live tokens of a KV head in a layer. */
  int cached(int layer, int kvHead);

  /** Releases everything. Closing twice does nothing. */
  @Override
  void close();
}
