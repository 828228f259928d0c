// When the application returns to an owner of higher precedence (D4): never, at once, when that owner has been up for a while,
// or in a time window. Whether one of them can take it is for candidates.ts.

import { type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { PlacementView } from "./placement-view.ts";
import { isOpen, nextOpeningMs, windowText } from "./time-window.ts";

/** When the policy lets the application return to this owner: now, or a moment to come; null: never, or it cannot be told. */
export function fallbackDueMs(view: PlacementView, node: NodeId): Millis | null {
  const { nowMs, wallMs, policies } = view;
  const { fallback } = policies;
  switch (fallback.type) {
    case "never":
      return null;
    case "immediate":
      return nowMs;
    case "delayed": {
      const sinceMs = view.upSinceMs.get(node);
      return sinceMs === undefined ? null : toMillis(Math.max(nowMs, sinceMs + fallback.delayMs));
    }
    case "window": {
      if (isOpen(fallback.window, wallMs)) return nowMs;
      const opensMs = nextOpeningMs(fallback.window, wallMs);
      return opensMs === null ? null : toMillis(nowMs + (opensMs - wallMs));
    }
  }
}

/** The policy in a sentence's words. */
export function fallbackText({ policies: { fallback } }: Pick<PlacementView, "policies">): string {
  switch (fallback.type) {
    case "never":
      return "fallback is never";
    case "immediate":
      return "fallback is immediate";
    case "delayed":
      return `fallback is delayed by ${fallback.delayMs} ms`;
    case "window":
      return `fallback is from ${windowText(fallback.window)}`;
  }
}
