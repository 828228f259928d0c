// What a group's leader does for the group's membership: brings it to what owners and policy ask for, has members that lost
// their data begin anew, replaces a witness that stays away, and hands leadership to the owner of highest precedence. All of
// it level-triggered: a new leader begins from what the log says.

import { type Failure, failure } from "../../proto/errors.ts";
import { type MemberId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { Learner, Membership, QuorumPolicy, Voter } from "../../proto/membership.ts";
import { isJoint } from "../raft/changes.ts";
import type { RaftInput, RaftStatus, Target } from "../raft/types.ts";
import { policyFor, policyMisfit, refusePolicy, type WantedVoter, wantedVoters } from "../recovery/members.ts";
import { firstFit } from "./heirs.ts";
import { limits } from "./limits.ts";
import { nextTick } from "./millis.ts";
import { WitnessKeeper } from "./witness-keeper.ts";

/** Who was addressed as `member` has nothing of the group any more, and said so in the start of this nonce. */
export interface LossReport {
  readonly member: MemberId;
  readonly start: string;
}

/** What the manager looks at. */
export interface MembershipView {
  readonly status: RaftStatus;
  readonly policy: QuorumPolicy;
  /** Nodes that may witness for these owners, the best first. */
  readonly witnesses: (owners: readonly NodeId[]) => readonly NodeId[];
}

export interface LeaderView extends MembershipView {
  /** All that was decided for the group is applied: what it speaks for or against is known. */
  readonly isSettled: boolean;
  /** Whether the owner list that was asked for must not be begun after all; whoever waits for it has been told. */
  readonly isRefused: (owners: readonly NodeId[]) => boolean;
  /** Whoever leads is to go on leading for now. */
  readonly isTied: boolean;
}

export class MembershipManager {
  readonly #self: NodeId;
  readonly #precedence: Precedence | null;
  readonly #witnesses = new WitnessKeeper();
  /** Members that say that they have nothing of the group any more, by node. */
  readonly #lost = new Map<NodeId, LossReport & { readonly atMs: Millis }>();
  /** By node, the start that said so, and the least number that can have been given since. */
  readonly #renewed = new Map<NodeId, { readonly start: string; readonly from: MemberId }>();
  /** The owner list that was asked for last, until it is being put in force. */
  #asked: readonly NodeId[] | null = null;
  /** Since when the core refuses it; null: it does not. */
  #refusedMs: Millis | null = null;
  /** Owners of the change that was given up for it. */
  #givenUp: readonly NodeId[] | null = null;
  /** Owners of the change that was given up for another witness: it begins again when that one is there. */
  #later: readonly NodeId[] | null = null;
  /** What the last decision took from it. */
  #begun: readonly NodeId[] | null = null;
  /** Why the core did not take the last decision; null: it did. */
  #refusal: string | null = null;
  /** Why the policy is not in force as it is written; null: it is. */
  #misfit: string | null = null;
  #nextMs: Millis;

  /** @param precedence null: whoever leads goes on leading */
  constructor(self: NodeId, precedence: Precedence | null, nowMs: Millis) {
    this.#self = self;
    this.#precedence = precedence;
    this.#nextMs = nowMs;
  }

  /** Why the policy does not allow for the owner list; null: it does. */
  refusal(owners: readonly NodeId[], { policy }: MembershipView): Failure | null {
    const wrong = refusePolicy(owners, policy);
    return wrong === null ? null : failure("invalid_argument", wrong, { field: "owners" });
  }

  /** As {@link ask}, of what may be under way already: that goes on. */
  bringAbout(owners: readonly NodeId[], view: MembershipView): Failure | null {
    const pending = [this.#asked, this.#begun, this.#later, targetOwners(view.status.membership)];
    return pending.some((list) => list?.join() === owners.join()) ? null : this.ask(owners, view);
  }

  /** Why the owner list cannot be asked for now; null: it will be put in force, whatever is under way besides. */
  ask(owners: readonly NodeId[], view: MembershipView): Failure | null {
    const wrong = this.refusal(owners, view);
    if (wrong !== null) return wrong;
    if (this.#asked !== null) return failure("overloaded", "Another change of the owners waits to begin");
    this.#asked = owners;
    this.#refusedMs = null;
    this.#givenUp = null;
    return null;
  }

  /** The owner list that is to be put in force and is not in the log yet; null: there is none. */
  get asked(): readonly NodeId[] | null {
    return this.#asked;
  }

  /** Why the members are not as owners and policy ask for; empty: they are, or will be. */
  get hindrance(): string {
    return this.#refusal ?? this.#misfit ?? "";
  }

  /** What was asked for is not wanted after all. */
  withdraw(): void {
    this.#asked = null;
  }

  /** The owners are to stay as they are: what was to be begun again is not. */
  settle(): void {
    this.#asked = null;
    this.#later = null;
    this.#givenUp = null;
  }

  /** A member of the group has answered that it holds nothing as this member. */
  lost(node: NodeId, { member, start }: LossReport, nowMs: Millis): void {
    this.#lost.set(node, { member, start, atMs: nowMs });
    this.#nextMs = nowMs;
  }

  /** @returns nonce of the start whose loss was known here before the number was given, and only then */
  lossBehind(node: NodeId, member: MemberId): string | null {
    const renewed = this.#renewed.get(node);
    return renewed !== undefined && member >= renewed.from ? renewed.start : null;
  }

  /**
   * The core did not take the last decision. What it does not take for long keeps no other list from beginning, and does not
   * come about when nobody thinks of it any more: a change that was given up for it goes on.
   *
   * @returns the owner list that is not to be begun after all; null: there is none
   */
  refused(why: string, nowMs: Millis): readonly NodeId[] | null {
    this.#refusal = why;
    this.#asked ??= this.#begun;
    this.#begun = null;
    if (this.#asked === null) return null;
    this.#refusedMs ??= nowMs;
    if (nowMs < this.#refusedMs + limits.ownersPatienceMs) return null;
    const dropped = this.#asked;
    this.#asked = this.#givenUp;
    this.#refusedMs = null;
    this.#givenUp = null;
    return dropped;
  }

  /** Something has happened on which a decision may depend. */
  wake(nowMs: Millis): void {
    this.#nextMs = toMillis(Math.min(this.#nextMs, nowMs));
  }

  deadlineMs(): Millis {
    return this.#nextMs;
  }

  /** @returns what the Raft core is to be told now; null: nothing */
  decide(view: LeaderView, nowMs: Millis): RaftInput | null {
    if (nowMs < this.#nextMs) return null;
    this.#nextMs = nextTick(nowMs, limits.membershipCheckMs);
    const { status } = view;
    if (status.role !== "leader" || status.commit < status.membershipIndex) return null;
    if (isJoint(status.membership) || !this.#mayBegin(view)) return null;
    const change = this.#change(view, nowMs);
    if (change !== undefined) return { type: "reconfigure", target: change };
    if (view.isTied || this.#asked !== null) return null;
    const heir = this.#precedence?.heir(this.#self, status, nowMs) ?? null;
    return heir === null ? null : { type: "transfer", to: heir };
  }

  /** Somebody may have been chosen since the list was asked for whom it leaves out. */
  #mayBegin({ isSettled, isRefused }: LeaderView): boolean {
    if (this.#asked === null) return true;
    if (!isSettled) return false;
    if (isRefused(this.#asked)) this.#asked = null;
    return true;
  }

  /** `undefined`: the membership is as it should be, or on its way. */
  #change(view: MembershipView, nowMs: Millis): Target | null | undefined {
    const { membership } = view.status;
    const asked = this.#asked;
    this.#begun = null;
    this.#refusal = null;
    if (membership.target !== null) return this.#goOn(membership.target, view, nowMs);
    this.#begun = asked;
    this.#asked = null;
    if (asked !== null) {
      this.#givenUp ??= this.#later;
      this.#later = null;
    }
    const owners = asked ?? membership.owners;
    this.#misfit = policyMisfit(owners, view);
    const voters = this.#wanted(owners, view, nowMs);
    const renew = this.#renew(membership.voters, view.status);
    if (renew.length > 0 || !sameVoters(voters, membership)) return { voters, renew };
    this.#asked = this.#later;
    this.#refusedMs = null;
    this.#later = null;
    return undefined;
  }

  #goOn(target: readonly Voter[], view: MembershipView, nowMs: Millis): Target | null | undefined {
    const owners = targetOwners(view.status.membership);
    // What another list was to take the place of, and the core refused that: it was never given up.
    if (this.#asked?.join() === owners?.join()) this.#asked = null;
    if (this.#asked !== null) {
      this.#givenUp = owners;
      return null;
    }
    if (this.#isWitnessFirst(view, nowMs)) {
      this.#later = owners;
      return null;
    }
    const renew = this.#renew(target, view.status);
    return renew.length === 0 ? undefined : { voters: target, renew };
  }

  /**
   * A change may take days, until its last new owner is up: a witness that stays away meanwhile is replaced before it. Not
   * while an owner is renewed: whoever gives that up leaves it out.
   */
  #isWitnessFirst(view: MembershipView, nowMs: Millis): boolean {
    const { owners, voters, learners } = view.status.membership;
    const silent = this.#witnesses.silent(view.status, nowMs);
    const areWhole = owners.every((owner) => voters.some(({ node }) => node === owner));
    if (silent === null || learners.length === 0 || !areWhole) return false;
    const next = this.#wanted(owners, view, nowMs).find(({ isWitness }) => isWitness)?.node ?? silent;
    return next !== silent && !this.#witnesses.wasSilent(next, nowMs);
  }

  #wanted(owners: readonly NodeId[], view: MembershipView, nowMs: Millis): readonly WantedVoter[] {
    const { membership } = view.status;
    const all = [...owners, ...(this.#later ?? []), ...(targetOwners(membership) ?? [])];
    return wantedVoters({
      owners,
      policy: policyFor(owners, view.policy, membership),
      witness: witnessOf(membership),
      candidates: () => this.#witnesses.rank(view.witnesses(all), view.status, nowMs),
    });
  }

  /** Only those who said so themselves and are not heard as that member any more; never more than a quorum can spare. */
  #renew(members: readonly Learner[], { peers, membership }: RaftStatus): readonly NodeId[] {
    const heardMs = new Map(peers.map(({ peer, heardMs }) => [peer, heardMs ?? Number.NEGATIVE_INFINITY]));
    const lost = members.flatMap(({ node, member }) => {
      const report = this.#lost.get(node);
      const since = heardMs.get(node) ?? 0;
      if (report === undefined || report.member < member || report.atMs <= since) return [];
      // It has not heard yet that it has this number for this very loss.
      const isInvited = since === Number.NEGATIVE_INFINITY && this.lossBehind(node, member) === report.start;
      return isInvited ? [] : [{ node, start: report.start }];
    });
    for (const { node, start } of lost) this.#renewed.set(node, { start, from: membership.nextMember });
    return lost.map(({ node }) => node);
  }
}

/** When leadership goes to an owner of higher precedence, without flapping: remembered over leaderships. */
export class Precedence {
  /** By owner: not before. Doubles with each handover, and starts over when there was none for long. */
  readonly #pauses = new Map<NodeId, { readonly untilMs: Millis; readonly pauseMs: number }>();
  /** Since when the present heir has been fit without a break. */
  #fit: { readonly node: NodeId; readonly sinceMs: Millis } | null = null;

  /** The first owner of the list before this one that may lead, hears everything, and has been fit for a while. */
  heir(self: NodeId, status: RaftStatus, nowMs: Millis): NodeId | null {
    const { voters } = status.membership;
    const own = voters.findIndex((voter) => voter.node === self);
    const node = firstFit(own < 0 ? voters : voters.slice(0, own), status, nowMs);
    if (node === null) {
      this.#fit = null;
      return null;
    }
    if (this.#fit?.node !== node) this.#fit = { node, sinceMs: nowMs };
    const pause = this.#pauses.get(node);
    const isSettled = nowMs >= this.#fit.sinceMs + limits.precedenceSettleMs;
    if (!isSettled || (pause !== undefined && nowMs < pause.untilMs)) return null;
    const isLately = pause !== undefined && nowMs < pause.untilMs + limits.precedencePauseMsMax;
    this.#rest(node, isLately ? pause.pauseMs : limits.precedencePauseMs, nowMs);
    return node;
  }

  #rest(node: NodeId, lastPauseMs: number, nowMs: Millis): void {
    const pauseMs = Math.min(2 * lastPauseMs, limits.precedencePauseMsMax);
    this.#pauses.set(node, { untilMs: toMillis(nowMs + pauseMs), pauseMs });
    this.#fit = null;
  }
}

function targetOwners({ target }: Membership): readonly NodeId[] | null {
  return target?.filter(({ isWitness }) => !isWitness).map(({ node }) => node) ?? null;
}

function witnessOf({ voters }: Membership): NodeId | null {
  return voters.find(({ isWitness }) => isWitness)?.node ?? null;
}

function sameVoters(wanted: readonly WantedVoter[], { voters }: Membership): boolean {
  if (wanted.length !== voters.length) return false;
  return wanted.every(({ node, votes, isWitness }, at) => {
    const voter = voters[at];
    return voter?.node === node && voter.votes === votes && voter.isWitness === isWitness;
  });
}
