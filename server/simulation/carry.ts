// What happens to a message between two nodes: it is encoded and decoded as on the wire, and lost there if it is too long for
// it; or handed over frozen, so that a
// node that changes what it has sent or received is caught; or just handed over, which costs nothing.

import { decodeEnvelope, encodeEnvelope } from "../../proto/codec/envelope.ts";
import { wireLimits } from "../../proto/codec/wire-limits.ts";
import type { Envelope } from "../../proto/messages.ts";

export type CarryMode = "codec" | "frozen" | "handed";

export type Carry = (envelope: Envelope) => Envelope | null;

export function carryOf(mode: CarryMode): Carry {
  switch (mode) {
    case "codec":
      return carryBytes;
    case "frozen":
      return freeze;
    case "handed":
      return (envelope) => envelope;
  }
}

/** As a real sender does it. What no receiver would take either is the mistake of whoever made it, and ends the run. */
function carryBytes(envelope: Envelope): Envelope | null {
  const bytes = encodeEnvelope(envelope);
  return bytes.byteLength > wireLimits.sentBytesMax ? null : decodeEnvelope(bytes);
}

/** Bytes cannot be frozen; everything around them is. */
function freeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const field of Object.values(value)) freeze(field);
  return value;
}
