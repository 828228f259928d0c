// What the client's requests say of the service: who answered when, and how long nobody did.

/** One request. Times are of the wall clock, in ms. */
export interface Sample {
  readonly sentMs: number;
  readonly endedMs: number;
  /** The node that answered; null: none did. */
  readonly node: string | null;
}

/** A time in which one node does something. */
export interface Span {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A time without an answer. */
export interface Gap {
  /** When the last answer before it came. */
  readonly fromMs: number;
  /** When the first answer after it came; the end of the window if none did. */
  readonly toMs: number;
  /** Who answered last before, and first after; null: nobody. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The longest time between two answers that follow each other, the ends of the window included.
 *
 * @param samples in any order
 */
export function longestGap(samples: readonly Sample[], window: Window): Gap {
  const answers = answersIn(samples, window);
  const ends = [null, ...answers, null].map((answer, at) => ({
    atMs: answer?.endedMs ?? (at === 0 ? window.fromMs : window.toMs),
    node: answer?.node ?? null,
  }));
  let longest: Gap = { fromMs: window.fromMs, toMs: window.fromMs, before: null, after: null };
  for (const [at, next] of ends.entries()) {
    const last = ends[at - 1];
    if (last === undefined || next.atMs - last.atMs <= longest.toMs - longest.fromMs) continue;
    longest = { fromMs: last.atMs, toMs: next.atMs, before: last.node, after: next.node };
  }
  return longest;
}

/** Who answered from when to when: a span ends where another node answers, or nobody for longer than `patienceMs`. */
export function answeringSpans(samples: readonly Sample[], window: Window, patienceMs: number): readonly Span[] {
  const spans: Span[] = [];
  for (const { node, endedMs } of answersIn(samples, window)) {
    const last = spans.at(-1);
    if (last !== undefined && last.node === node && endedMs - last.toMs <= patienceMs) {
      spans[spans.length - 1] = { ...last, toMs: endedMs };
    } else spans.push({ node, fromMs: endedMs, toMs: endedMs });
  }
  return spans;
}

/** @returns the longest time in which two nodes did it at once, in ms; 0: never */
export function longestOverlap(spans: readonly Span[]): number {
  const overlaps = spans.flatMap((one, at) =>
    spans
      .slice(at + 1)
      .filter(({ node }) => node !== one.node)
      .map((other) => Math.min(one.toMs, other.toMs) - Math.max(one.fromMs, other.fromMs)),
  );
  return Math.max(0, ...overlaps);
}

/** Those that were answered within the window, in the order of the answers. */
function answersIn(samples: readonly Sample[], { fromMs, toMs }: Window): (Sample & { readonly node: string })[] {
  return samples
    .filter((sample): sample is Sample & { readonly node: string } => sample.node !== null)
    .filter(({ endedMs }) => endedMs >= fromMs && endedMs <= toMs)
    .sort((left, right) => left.endedMs - right.endedMs);
}
