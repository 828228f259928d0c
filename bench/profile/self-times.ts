// Reads what V8's sampling profiler writes: how long each function ran itself, and on whose behalf where it is native.

import { fileURLToPath } from "node:url";

/** What V8 writes; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  /** Ids of nodes, one a sample. */
  readonly samples: readonly number[];
  /** Time before each sample, since the one before; V8 may give samples out of order, and then a negative one. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export interface Frame {
  readonly name: string;
  /** Relative to the repository; empty for native code, and for what V8 itself does. */
  readonly file: string;
  readonly line: number;
}

export interface SelfTime {
  readonly frame: Frame;
  /** Of a native frame the next frame below it that is neither native nor part of Node.js; null when there is none. */
  readonly script: Frame | null;
  readonly us: number;
}

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** The time between two moments, by node of the tree of calls: a function may come several times. */
export function selfTimes(
  profile: CpuProfile,
  { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number },
): readonly SelfTime[] {
  const times = new Map<number, number>();
  let atUs = profile.startTime;
  for (const [position, id] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[position] ?? 0;
    atUs += deltaUs;
    if (atUs >= fromUs && atUs < toUs) times.set(id, (times.get(id) ?? 0) + deltaUs);
  }
  const tree = new Tree(profile.nodes);
  return [...times].map(([id, us]) => ({ frame: tree.frame(id), script: tree.script(id), us }));
}

class Tree {
  readonly #nodes: ReadonlyMap<number, ProfileNode>;
  readonly #parents: ReadonlyMap<number, number>;

  constructor(nodes: readonly ProfileNode[]) {
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  }

  frame(id: number): Frame {
    const { functionName = "", url = "", lineNumber = -1 } = this.#nodes.get(id)?.callFrame ?? {};
    return { name: functionName || "(anonymous)", file: fileOf(url), line: lineNumber + 1 };
  }

  script(id: number): Frame | null {
    for (let at: number | undefined = id; at !== undefined; at = this.#parents.get(at)) {
      const frame = this.frame(at);
      if (frame.file !== "" && !frame.file.startsWith("node:")) return frame;
    }
    return null;
  }
}

function fileOf(url: string): string {
  if (!url.startsWith("file:")) return url;
  const path = fileURLToPath(url);
  return path.startsWith(repository) ? path.slice(repository.length) : path;
}
