// What happens to a message between two nodes: it is encoded and decoded as on the wire, or handed over frozen, so that a
// node that changes what it has sent or received is caught; or just handed over, which costs nothing.

import { decodeEnvelope, encodeEnvelope } from "../../proto/codec/envelope.ts";
import type { Envelope } from "../../proto/messages.ts";

export type CarryMode = "codec" | "frozen" | "handed";

export function carryOf(mode: CarryMode): (envelope: Envelope) => Envelope {
  switch (mode) {
    case "codec":
      return (envelope) => decodeEnvelope(encodeEnvelope(envelope));
    case "frozen":
      return freeze;
    case "handed":
      return (envelope) => envelope;
  }
}

/** Bytes cannot be frozen; everything around them is. */
function freeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const field of Object.values(value)) freeze(field);
  return value;
}
