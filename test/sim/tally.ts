// The sums of many seeds, and the line of the ledger that they become.

import type { OwnershipCounts } from "../../server/simulation/checkers/ownership.ts";
import type { ViolationKind } from "../../server/simulation/violation.ts";
import type { SeedLine } from "./report.ts";

/** One run of `torture`: one line of test/sim/ledger.jsonl. */
export interface LedgerLine {
  readonly name: string;
  readonly commit: string;
  /** Of its end. */
  readonly date: string;
  readonly seedFrom: number;
  readonly seeds: number;
  readonly virtualHours: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly operations: number;
  readonly acknowledged: number;
  /** Answers that were compared with what the groups ended with. */
  readonly checked: number;
  readonly invalid: number;
  /** Absent: nobody ran any application. */
  readonly ownership?: OwnershipCounts;
  readonly failures: readonly { readonly seed: number; readonly kind: ViolationKind; readonly checker: string }[];
}

/** Above this share the options prove too little, and the run counts as invalid itself. */
const invalidShareMax = 0.1;

export class Tally {
  readonly #faults = new Map<string, number>();
  readonly #failures: { seed: number; kind: ViolationKind; checker: string }[] = [];
  #seeds = 0;
  #virtualMs = 0;
  #operations = 0;
  #acknowledged = 0;
  #checked = 0;
  #invalid = 0;
  #ownership: OwnershipCounts | null = null;

  add(line: SeedLine): void {
    this.#seeds += 1;
    this.#virtualMs += line.virtualMs;
    this.#operations += line.operations;
    this.#acknowledged += line.acknowledged;
    this.#checked += line.checked;
    if (line.ownership !== null) this.#ownership = sumOf(this.#ownership, line.ownership);
    for (const [fault, count] of Object.entries(line.faults)) {
      this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + count);
    }
    if (line.kind === "invalid") this.#invalid += 1;
    else if (line.kind !== null) {
      this.#failures.push({ seed: line.seed, kind: line.kind, checker: line.checker ?? "" });
    }
  }

  /** Kinds that the exit code has to tell. A few seeds that proved nothing are no failure: they do not count as passed. */
  get kinds(): readonly ViolationKind[] {
    const isInvalid = this.#invalid > this.#seeds * invalidShareMax;
    return [...this.#failures.map(({ kind }) => kind), ...(isInvalid ? (["invalid"] as const) : [])];
  }

  ledgerLine(run: Pick<LedgerLine, "name" | "commit" | "date" | "seedFrom">): LedgerLine {
    return {
      ...run,
      seeds: this.#seeds,
      virtualHours: Number((this.#virtualMs / 3_600_000).toFixed(3)),
      faults: Object.fromEntries([...this.#faults].sort(([left], [right]) => (left < right ? -1 : 1))),
      operations: this.#operations,
      acknowledged: this.#acknowledged,
      checked: this.#checked,
      invalid: this.#invalid,
      ...(this.#ownership === null ? {} : { ownership: this.#ownership }),
      failures: this.#failures,
    };
  }

  describe(): string {
    const faults = [...this.#faults].map(([fault, count]) => `${fault} ${count}`).join(", ");
    const hours = (this.#virtualMs / 3_600_000).toFixed(2);
    const { grants = 0, failovers = 0, overlapsChecked = 0 } = this.#ownership ?? {};
    const owned = `${grants} rights granted, ${failovers} fail-overs, ${overlapsChecked} overlaps checked, `;
    return (
      `${this.#seeds} seeds, ${hours} virtual hours, ${this.#acknowledged} operations acknowledged, ${this.#checked} checked, ` +
      `${this.#ownership === null ? "" : owned}${this.#invalid} invalid, ${this.#failures.length} failed; faults: ${faults || "none"}`
    );
  }
}

function sumOf(left: OwnershipCounts | null, right: OwnershipCounts): OwnershipCounts {
  if (left === null) return right;
  return {
    grants: left.grants + right.grants,
    failovers: left.failovers + right.failovers,
    starts: left.starts + right.starts,
    overlapsChecked: left.overlapsChecked + right.overlapsChecked,
    overlapsExcused: left.overlapsExcused + right.overlapsExcused,
    refusals: left.refusals + right.refusals,
    fenced: left.fenced + right.fenced,
  };
}
