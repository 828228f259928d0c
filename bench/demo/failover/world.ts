// Where the demo runs: machines of one network, as far as this machine can play them.

import type { Span, Window } from "./gaps.ts";

export const nodes = ["n1", "n2", "n3"] as const;
export type NodeName = (typeof nodes)[number];

/** A program and its arguments. */
export type CommandLine = readonly [file: string, ...args: string[]];

export interface World {
  /** One line for people. */
  readonly description: string;
  /** Of the service. */
  readonly url: string;
  /** What "cut off" means here. */
  readonly cutWords: string;
  readonly isBeyondLoopback: boolean;
  readonly resources: object;
  /** `allow` of agent.yaml. */
  readonly allow: object;
  peerOf(node: NodeName): string;
  apiOf(node: NodeName): string;
  /** Files that the application needs, and the network. */
  prepare(): Promise<void>;
  /** The machine of a node is there from now on. */
  switchOn(node: NodeName): Promise<void>;
  /** All that runs on it is killed, and what only its kernel knows is gone. */
  switchOff(node: NodeName): Promise<void>;
  cutOff(node: NodeName): Promise<void>;
  reconnect(node: NodeName): Promise<void>;
  /** The same command, to be run on a node, or where the client is. */
  on(place: NodeName | "client", command: CommandLine): CommandLine;
  /** When each node held the service; null: not known here but from the answers. */
  held(window: Window): readonly Span[] | null;
  /** Ends all processes and removes all that was made; also after half of `prepare`. */
  remove(): Promise<void>;
}
