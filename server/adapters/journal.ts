// The node's log: one JSON object a line, on standard error unless another stream is given.

import { type DestinationStream, pino } from "pino";
import type { NodeId } from "../../proto/ids.ts";
import type { Journal } from "../node/ports.ts";

export interface JournalOptions {
  readonly node: NodeId;
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
}

/** Lines carry `level`, `time` (ISO 8601), `self`, `msg` and the fields of the note. Writes before it returns. */
export function createJournal(options: JournalOptions, stream: DestinationStream = pino.destination(2)): Journal {
  const logger = pino(
    {
      level: options.level,
      // Not `node`: notes have a field of that name, for the node that they are about.
      base: { self: options.node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return { note: (level, text, fields) => logger[level](fields, text) };
}
