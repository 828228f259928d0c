// A run as text, one line an event: virtual seconds, node, direction and kind, then what it says.
//   `   12.345678 n208 < peer     n202 rg220 append t3 after 3/16 +1 c16`
// `<` is an input, `>` an effect, `!` something that happened to the node, `-` what the node says of itself.

import type { NodeId } from "../../proto/ids.ts";
import { describeEffect, describeInput } from "./describe.ts";
import type { Observer, World } from "./world.ts";

/** @param print is given one line at a time, without its line feed */
export function traceOf(world: World, print: (line: string) => void): Observer {
  const line = (node: NodeId, mark: string, kind: string, text: string) => {
    const time = (world.nowMs / 1000).toFixed(6).padStart(12);
    print(`${time} ${node.padEnd(6)} ${mark} ${kind.padEnd(8)} ${text}`.trimEnd());
  };
  return {
    damaging: (node) => line(node, "!", "damaged", "something on its disk has rotted"),
    setAside: (node, reason) => line(node, "!", "set aside", reason),
    started: (node, boot) => line(node, "!", "started", `boot ${boot}`),
    crashed: (node, kind) => line(node, "!", "crashed", kind),
    failed: (node, reason) => line(node, "!", "failed", reason.message),
    stepped: (node, input, effects) => {
      line(node, "<", input.type, describeInput(input));
      for (const effect of effects) {
        if (effect.type !== "note") line(node, ">", effect.type, describeEffect(effect));
      }
    },
    noted: (node, level, text, fields) => line(node, "-", level, `${text} ${JSON.stringify(fields)}`),
  };
}
