// Whom a leader invites, and when it stops.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toMillis as ms } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import { Invitations } from "../../../server/node/invitations.ts";
import { n1, n2, n3 } from "./cluster.ts";

function invited(peers: readonly object[]): readonly string[] {
  const sent: string[] = [];
  const { membership } = firstConfiguration([n1, n2, n3]);
  const group = { status: { peers, membership }, addressTo: () => ({}) };
  const out = { send: (to: string, { type }: { type: string }) => sent.push(`${type} ${to}`) };
  new Invitations(ms(0)).deadline({ group: group as never, lostIn: () => null }, out as never, ms(0));
  return sent;
}

test("a member that has not been heard is invited, once its number is committed", () => {
  assert.deepEqual(invited([{ peer: n2, heardMs: null, isNumbered: false }]), []);
  assert.deepEqual(invited([{ peer: n2, heardMs: null, isNumbered: true }]), ["invite n2"]);
});

test("a member that has been heard is not invited", () => {
  assert.deepEqual(invited([{ peer: n2, heardMs: ms(1), isNumbered: true }]), []);
});
