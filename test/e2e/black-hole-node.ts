// A node whose publications reach nobody: gossip black-holed by a decorator around the network port (architecture.md,
// invariant 8). Takes the arguments of `bailiwick serve`, in place of which tests start it.

import { loadNodeConfig } from "../../server/config/node-file.ts";
import type { Network } from "../../server/node/ports.ts";
import { startNode } from "../../server/serve.ts";
import { softwareVersion } from "../../server/version.ts";

/** Its log tells of the first publication that was swallowed, so that tests can tell a black hole from silence. */
function blackHoled(network: Network): Network {
  let hasSwallowed = false;
  return {
    send: (to, message) => network.send(to, message),
    publish: (topic) => {
      if (!hasSwallowed) process.stderr.write(`${JSON.stringify({ msg: "Swallowed", topic })}\n`);
      hasSwallowed = true;
    },
    configure: (peers, topics) => network.configure(peers, topics),
  };
}

const file = process.argv[process.argv.indexOf("-c") + 1] ?? "";
const config = await loadNodeConfig({ file, environment: process.env, insecure: false });
const node = await startNode({
  config,
  version: softwareVersion(),
  decorateNetwork: blackHoled,
  onFatal: (reason) => {
    process.stderr.write(`${reason.stack}\n`);
    process.exit(1);
  },
});
const stop = () => {
  void node.stop().then(() => process.exit(0));
};
process.once("SIGTERM", stop);
process.stdin.once("end", stop).once("error", stop).resume();
process.stdout.write(`${JSON.stringify({ ready: true, node: node.node, api: node.api, peer: node.peer })}\n`);
