// What every decoder throws on bytes that it cannot accept, and every encoder on a value that no decoder would accept.

/**
 * Bytes or a value outside the protocol. The message names the field, the value and the limit.
 * A frame is dropped and counted; a stored record is damage; a value that was to be encoded is its maker's mistake.
 */
export class CodecError extends Error {
  override readonly name = "CodecError";

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

const shownCharsMax = 40;

/** A value as an error message shows it: quoted, cut. Hostile text must not fill a log. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, shownCharsMax + 1)) : String(value);
  return text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}...` : text;
}
