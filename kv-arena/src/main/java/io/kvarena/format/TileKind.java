package io.kvarena.format;

/** Which half of a head's page a tile is; it decides the order of the codes. */
public enum TileKind {
  /** Keys, dim-major: neighbouring bytes are neighbouring tokens of one channel. */
  KEYS,
  /** Values, token-major: neighbouring bytes are neighbouring channels of one token. */
  VALUES
}
