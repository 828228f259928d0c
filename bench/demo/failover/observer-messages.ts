// What the demo and its observer, a process where the client is, tell each other.

import type { Sample } from "./gaps.ts";

export interface ObserverOptions {
  /** Of the service. */
  readonly url: string;
  /** Of the nodes. */
  readonly endpoints: readonly string[];
  readonly group: string;
}

export type ToObserver =
  | { readonly type: "look"; readonly id: number }
  | { readonly type: "move"; readonly id: number; readonly to: string };

export type FromObserver =
  | { readonly type: "samples"; readonly samples: readonly Sample[] }
  | { readonly type: "answer"; readonly id: number; readonly view: GroupView | null; readonly error: string };

export interface GroupView {
  readonly owner: string;
  readonly state: string;
  readonly manager: string;
  readonly epoch: number;
  /** Owners that the group counts as up. */
  readonly up: readonly string[];
  /** For people: why the owner and its state are so. */
  readonly why: string;
}
