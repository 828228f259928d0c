import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../../proto/random.ts";
import { Rota } from "../../../server/sphere/rota.ts";
import { nodesOf } from "./reference-cluster.ts";

const peers = nodesOf("1 2 3 4 5 6 7");
const everybody = () => true;

function rotaOf(seed: number): Rota {
  const rota = new Rota(new Random(seed));
  rota.assign(peers);
  return rota;
}

test("everybody has one turn in a round, and the next round has another order", () => {
  const rota = rotaOf(1);
  const round = () => [1, 2, 4].flatMap((count) => rota.next(count, everybody));
  const first = round();
  assert.deepEqual(first.toSorted(), peers);
  const second = round();
  assert.deepEqual(second.toSorted(), peers);
  assert.notDeepEqual(first, second);
});

test("whoever is moved up comes first, and has no second turn in the round", () => {
  const rota = rotaOf(2);
  const [early] = rota.next(1, everybody);
  assert.ok(early !== undefined);
  rota.moveUp([early, ...nodesOf("99")]);
  assert.deepEqual(rota.next(1, everybody), [early]);
  assert.deepEqual([early, ...rota.next(6, everybody)].toSorted(), peers);
});

test("those who are absent lose their turn, and nobody has two at once", () => {
  const rota = rotaOf(3);
  const [present] = nodesOf("4");
  assert.deepEqual(
    rota.next(3, (peer) => peer === present),
    [present],
  );
  assert.deepEqual(
    rota.next(3, () => false),
    [],
  );
});

test("those who are gone have no turn", () => {
  const rota = rotaOf(4);
  rota.next(2, everybody);
  rota.assign(nodesOf("1 2"));
  assert.deepEqual(rota.next(7, everybody).toSorted(), nodesOf("1 2"));
});
