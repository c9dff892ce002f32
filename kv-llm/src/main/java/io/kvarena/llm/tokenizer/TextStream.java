package io.kvarena.llm.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Text of tokens as they come, for a continuation: a character whose bytes are spread over tokens
 * is held back until it is whole. Not safe for use by more than one thread.
 */
public final class TextStream {
  private final Tokenizer tokenizer;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);

  /** Bytes of a character that is not whole yet; at most three. */
  private byte[] held = new byte[0];

  public TextStream(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** The text that this token completes, often of several characters, sometimes empty. */
  public String next(int id) {
    return decode(tokenizer.bytes(tokenizer.checked(id)), false);
  }

  /** What is left of a character that never became whole, as U+FFFD; usually empty. */
  public String end() {
    return decode(new byte[0], true);
  }

  private String decode(byte[] bytes, boolean last) {
    ByteBuffer in = ByteBuffer.allocate(held.length + bytes.length).put(held).put(bytes).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining());
    decoder.reset().decode(in, out, last);
    held = new byte[in.remaining()];
    in.get(held);
    return out.flip().toString();
  }
}
