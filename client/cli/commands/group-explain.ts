// `bailiwick group explain NAME`: why a group is where it is, and what would move it.

import type { GroupExplained } from "../../placement-calls.ts";
import type { CliCommand } from "../cli-command.ts";
import { errorText, nothing, orNothing, type PlainGroup, stateText, timeText } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";

interface GroupExplainOptions {
  readonly group: string;
  readonly decisions: number | undefined;
}

export const groupExplain: CliCommand<GroupExplainOptions> = {
  name: "explain",
  summary: "say why a group is where it is, and what would move it",
  arguments: [["<group>", "resource group"]],
  flags: [["--decisions <n>", "past decisions to tell, 1 to 100 (default: 10)"]],
  help: `
Tells every owner in the order in which the policies prefer it now, with what speaks for and against it (RANK - : it cannot take
the application), what would move the group, and what was decided lately, newest first. With -o json: {"header", "group",
"explanation"}.

Examples:
  $ bailiwick group explain rg220
  $ bailiwick group explain rg220 --decisions 50 -o json
`,
  isWrite: false,
  parse: ([group = ""], flags) => ({ group, decisions: flags.integer("decisions", { min: 1, max: 100 }) }),
  async run({ client, output, interrupted }, { group, decisions }) {
    const answer = await client.explainGroup(group, { decisions, signal: interrupted });
    output.print(answer, () => screenOf(answer, output));
    return exitCodes.ok;
  },
};

type Explanation = GroupExplained["explanation"];

function screenOf({ group, explanation }: GroupExplained, output: Output): string {
  const parts = [
    factsOf(group, explanation, output),
    candidatesOf(explanation, output),
    triggersOf(explanation, output),
    decisionsOf(explanation, output),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

function factsOf(group: PlainGroup, { summary }: Explanation, output: Output): string {
  const { colours } = output;
  const { intent } = group;
  const error = errorText(group);
  const frozen = intent?.frozen === true ? intent.frozenWhy || "yes" : "";
  return output.aligned(
    ["Group", group.name],
    [
      ["owner", group.currentOwner === "" ? nothing : `${group.currentOwner}, epoch ${group.epoch}`],
      ["state", stateText(group, colours)],
      ["because", orNothing(summary)],
      ...(error === "" ? [] : [["error", colours.red(error)]]),
      ...(frozen === "" ? [] : [["frozen", frozen]]),
      ...(intent === undefined || intent.pinnedTo === "" ? [] : [["moved to", `${intent.pinnedTo}, by an operator`]]),
    ],
  );
}

/** A line for each thing that was weighed; the owner stands in the first of its lines only. */
function candidatesOf({ candidates }: Explanation, output: Output): string {
  const rows = candidates.flatMap(({ node, rank, factors }) => {
    const lines = factors.map(({ kind, excludes, why }) => [kind, excludes ? output.colours.red(why) : why]);
    const [first = [nothing, nothing], ...rest] = lines;
    return [[node, rank === 0 ? nothing : String(rank), ...first], ...rest.map((line) => ["", "", ...line])];
  });
  return rows.length === 0 ? "" : output.aligned(["OWNER", "RANK", "FACTOR", "WHY"], rows);
}

function triggersOf({ triggers }: Explanation, output: Output): string {
  const rows = triggers.map(({ event, to, at }) => [event, to === "" ? "nowhere: it stops" : to, timeText(at)]);
  return rows.length === 0 ? "" : output.aligned(["WHAT WOULD MOVE IT", "TO", "AT"], rows);
}

function decisionsOf({ decisions }: Explanation, output: Output): string {
  const rows = decisions.map((one) => [
    String(one.index),
    timeText(one.time),
    one.epoch === 0 ? nothing : String(one.epoch),
    orNothing(one.from),
    orNothing(one.to),
    one.who,
    one.why,
  ]);
  return rows.length === 0 ? "" : output.aligned(["DECISION", "TIME", "EPOCH", "FROM", "TO", "WHO", "WHY"], rows);
}
