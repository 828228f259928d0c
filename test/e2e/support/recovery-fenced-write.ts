// A program that writes as the owner of a group, and goes on with the token that it was given when another owner has taken over:
//   node recovery-fenced-write.ts ENDPOINT GROUP NODE     moves the group to NODE meanwhile

import { Client, DbError } from "../../../client/index.ts";

const [endpoint = "", group = "", to = ""] = process.argv.slice(2);

await using client = new Client({ endpoints: [endpoint], timeoutMs: 30_000 });

/** An application has the epoch under which it runs in BAILIWICK_EPOCH. */
async function write(epoch: number): Promise<string> {
  try {
    await client.put(group, { key: "ledger/last", value: `under ${epoch}` }, { fence: { group, epoch } });
    return "accepted";
  } catch (reason) {
    if (!(reason instanceof DbError)) throw reason;
    return `${reason.code} ${reason.effect}`;
  }
}

const before = (await client.group(group)).group.epoch;
console.log(await write(before));
const moved = await client.moveGroup({ group, to, wait: true });
console.log(await write(before));
console.log(await write(moved.group.epoch));
