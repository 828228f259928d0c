// The part of the fake cluster that is asked about where a group's application runs: it keeps what it was asked, and answers as
// a test tells it to.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { DecisionType, Factor_Kind as FactorKind } from "../../../proto/gen/bailiwick/v1/explanation_pb.ts";
import type { GroupSchema } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import type { ExplainGroupResponseSchema } from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import { ComponentState } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { fakeGroup } from "./fake-answers.ts";

export type GroupInit = Exclude<MessageInitShape<typeof GroupSchema>, { $typeName: string }>;
type ExplainInit = Exclude<MessageInitShape<typeof ExplainGroupResponseSchema>, { $typeName: string }>;

const time = { seconds: 1_900_000_000n };

/** A group with resources, of which one has failed and been started anew. */
export const groupWithResources = fakeGroup({
  ownershipAdvisory: false,
  intent: { online: true },
  why: "Next in the list",
  resources: [
    { resource: "data", node: "n202", state: ComponentState.ONLINE, epoch: 5n, since: time },
    {
      ...{ resource: "postgres", node: "n202", state: ComponentState.FAILED, epoch: 5n, since: time },
      ...{ why: "port in use", exitStatus: 1, restarts: 2 },
    },
  ],
});

export const groupInError: GroupInit = {
  ...groupWithResources,
  ownershipState: 6,
  fault: { node: "n202", resource: "postgres", why: "did not stop within 20000 ms", since: time },
};

const explanation: NonNullable<ExplainInit["explanation"]> = {
  summary: "n202 is the first owner that is up",
  candidates: [
    {
      ...{ node: "n202", rank: 1, eligible: true },
      factors: [
        { kind: FactorKind.PRECEDENCE, why: "1 of 3 in the list" },
        { kind: FactorKind.CAPACITY, why: "cpu: 4 of 12 free" },
      ],
    },
    { node: "n208", rank: 0, factors: [{ kind: FactorKind.VERDICT, excludes: true, why: "down: silent for 2.1 s" }] },
    { node: "n214", rank: 2, eligible: true },
  ],
  triggers: [
    { event: "n202 fails", to: "n214" },
    { event: "n202 and n214 fail", to: "", at: time },
  ],
  decisions: [
    { index: 60n, time, epoch: 5n, from: "n208", to: "n202", who: "policy", why: "n208 is down" },
    { index: 41n, time, to: "n208", who: "operator", why: "Moved" },
  ],
};

/** Newest first: an operator's stop, and before it the decision that it was on n202. */
export const fakeDecisions: NonNullable<GroupInit["decisions"]> = [
  {
    ...{ index: 61n, time: { seconds: 1_900_000_060n }, type: DecisionType.STOP_WANTED, from: "n202" },
    ...{ who: "mona", why: "new disk", manager: "n214" },
  },
  {
    ...{
      index: 60n,
      time: { seconds: 1_899_999_940n },
      type: DecisionType.ASSIGNED,
      epoch: 5n,
      from: "n208",
      to: "n202",
    },
    ...{ who: "policy", why: "n208 is down", manager: "n214" },
  },
];

interface PlacementParts {
  /** Counts the call, and fails it when a test wants that. */
  readonly enter: (call: string) => void;
  readonly header: () => NonNullable<ExplainInit["header"]>;
  /** How the group stands, once that is to be told. */
  readonly placed: () => Promise<GroupInit>;
  readonly tell: (told: Told) => void;
}

interface Told {
  readonly who: string;
  readonly why: string;
}

export function placementHandlers({ enter, header, placed, tell }: PlacementParts) {
  const answer = async (call: string, ...words: readonly string[]) => {
    enter([call, ...words.filter((word) => word !== "")].join(" "));
    return { header: header(), group: await placed() };
  };
  const answerTold = (told: Told, call: string, ...words: readonly string[]) => {
    tell(told);
    return answer(call, ...words);
  };
  const flags = ({ wait, validateOnly }: { wait: boolean; validateOnly: boolean }) => [
    ...(wait ? ["wait"] : []),
    ...(validateOnly ? ["check"] : []),
  ];
  return {
    moveGroup: (asked: Told & { to: string; ifEpoch?: bigint | undefined; wait: boolean; validateOnly: boolean }) =>
      answerTold(
        asked,
        "moveGroup",
        asked.to,
        asked.ifEpoch === undefined ? "" : `if ${asked.ifEpoch}`,
        ...flags(asked),
      ),
    startGroup: (asked: Told & { on: string; wait: boolean; validateOnly: boolean }) =>
      answerTold(asked, "startGroup", asked.on, ...flags(asked)),
    stopGroup: (asked: Told & { wait: boolean; validateOnly: boolean }) =>
      answerTold(asked, "stopGroup", ...flags(asked)),
    freezeGroup: (asked: Told) => answerTold(asked, "freezeGroup", asked.why),
    unfreezeGroup: (asked: Told & { confirmedOnlyOn: string; ifEpoch?: bigint | undefined }) =>
      answerTold(
        asked,
        "unfreezeGroup",
        asked.confirmedOnlyOn,
        asked.ifEpoch === undefined ? "" : `if ${asked.ifEpoch}`,
        asked.why,
      ),
    clearGroupFault: (asked: Told & { forgetMoves: boolean }) =>
      answerTold(asked, "clearGroupFault", asked.forgetMoves ? "forget" : ""),
    explainGroup: async ({ decisions }: { decisions: number }) => ({
      ...(await answer("explainGroup", String(decisions))),
      explanation,
    }),
  };
}
