// Many rounds on one cluster: three groups that share no node, each with rounds of its own at the same time. What is measured is
// gathered, and put into one line.

import { describeLife, overlapsOf } from "./application.ts";
import { type ClusterOptions, RecoveryCluster } from "./recovery-cluster.ts";
import { type RoundName, type RoundResult, Rounds } from "./recovery-rounds.ts";

const groups = [
  { name: "rg220", owners: ["n202", "n208", "n214"] },
  { name: "rg222", owners: ["n204", "n210", "n216"] },
  { name: "rg224", owners: ["n206", "n212", "n218"] },
] as const;

export interface RoundFailure {
  readonly name: RoundName;
  readonly group: string;
  readonly why: string;
}

export interface Gathered {
  readonly results: readonly RoundResult[];
  /** A group is left alone after its first one. */
  readonly failures: readonly RoundFailure[];
  readonly overlaps: readonly string[];
}

/** Over it a planned move is too long, without the application's own stop and start. */
const moveMsMax = 1_000;

/**
 * @param take the next round of the group with this position; null: it has had enough
 * @param tell each result as it comes
 */
export async function runLanes(
  take: (lane: number) => RoundName | null,
  tell: (result: RoundResult) => void = () => {},
  options: ClusterOptions = {},
): Promise<Gathered> {
  await using cluster = await RecoveryCluster.create("rounds", groups, options);
  await cluster.start();
  const results: RoundResult[] = [];
  const failures: RoundFailure[] = [];
  const lane = async (position: number, rounds: Rounds) => {
    for (let name = take(position); name !== null; name = take(position)) {
      try {
        const result = await rounds.run(name);
        results.push(result);
        tell(result);
      } catch (reason) {
        const why = await describeFailure(cluster, rounds.group, reason);
        failures.push({ name, group: rounds.group, why });
        return;
      }
    }
  };
  await Promise.all(groups.map((group, position) => lane(position, new Rounds(cluster, group))));
  return { results, failures, overlaps: overlapsOf(cluster.lives.all()) };
}

/** With what the group itself says, and how its applications lived lately. */
async function describeFailure(cluster: RecoveryCluster, group: string, reason: unknown): Promise<string> {
  const owners = groups.find(({ name }) => name === group)?.owners ?? [];
  const answers = owners.map((node) => cluster.clientOf(node).explainGroup(group, { timeoutMs: 2_000 }));
  const said = (await Promise.allSettled(answers)).map((answer) =>
    answer.status === "fulfilled" ? answer.value.explanation.summary : String(answer.reason),
  );
  const lives = cluster.lives.of(group).slice(-4).map(describeLife);
  const cause = reason instanceof Error && reason.cause instanceof Error ? [reason.cause.message] : [];
  return [String(reason), ...cause, ...said, ...lives].join("\n  ");
}

const kills: ReadonlySet<RoundName> = new Set(["power lost", "node killed"]);

/** One line. @param seconds how long it took */
export function summaryOf({ results, failures, overlaps }: Gathered, seconds: number): string {
  const killed = timesOf(results, (name) => kills.has(name));
  const byName = [...new Set(results.map(({ name }) => name))].map((name) => {
    const times = timesOf(results, (one) => one === name);
    const count = results.filter((result) => result.name === name).length;
    return times.length === 0 ? `${count} ${name}` : `${count} ${name} ${quantiles(times)}`;
  });
  return [
    `${results.length + failures.length} rounds in ${Math.round(seconds)} s`,
    `${overlaps.length} overlaps, ${failures.length} failed`,
    `fail-over after ${killed.length} kills ${quantiles(killed)}`,
    ...byName,
    movesOf(results),
  ].join("; ");
}

function movesOf(results: readonly RoundResult[]): string {
  const times = results.flatMap(({ beyondMs }) => beyondMs ?? []).sort((left, right) => left - right);
  return `${times.length} moves beyond the application's own stop and start ${quantiles(times)}, to be ${moveMsMax} ms at most`;
}

function timesOf(results: readonly RoundResult[], isMeant: (name: RoundName) => boolean): readonly number[] {
  const times = results.flatMap(({ name, tookMs }) => (isMeant(name) && tookMs !== null ? [tookMs] : []));
  return times.sort((left, right) => left - right);
}

/** @param times ascending */
function quantiles(times: readonly number[]): string {
  return `p50 ${quantile(times, 0.5)} p99 ${quantile(times, 0.99)} ms`;
}

/** @returns NaN when there is none */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.ceil(share * ascending.length) - 1)] ?? Number.NaN;
}
