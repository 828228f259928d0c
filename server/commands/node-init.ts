// `bailiwick node init NAME`: makes a node's key, and prints what others need to know of it.

import { join } from "node:path";
import type { Command } from "commander";
import type { CommandTools } from "../../client/cli/run.ts";
import { DbError, failure } from "../../proto/errors.ts";
import { isName, nameRule } from "../../proto/ids.ts";

const help = `
Makes the secret key of a node in DIR/node.key, readable by its owner only, and prints the public identity that
cluster.yaml lists. The key stays on its machine for ever; it is never overwritten.

Examples:
  $ bailiwick node init n208
  $ bailiwick node init n208 --dir /etc/bailiwick -o json
`;

/** @param node the command \`node\`, whose other subcommands are the client's */
export function registerNodeInit(node: Command, deps: CommandTools): void {
  node
    .command("init")
    .description("make a node's key and print its public identity")
    .argument("<name>", "the node's name in cluster.yaml")
    .option("--dir <dir>", "where the key goes", ".")
    .addHelpText("after", help)
    .action((name: string, { dir }: { dir: string }) => nodeInit(name, dir, deps));
}

async function nodeInit(name: string, directory: string, { print }: CommandTools): Promise<void> {
  if (!isName(name)) {
    const message = `Node name "${name}" must be ${nameRule}`;
    throw new DbError(failure("invalid_argument", message, { field: "name" }));
  }
  const { createNodeKey } = await import("../adapters/node-key.ts");
  const keyFile = join(directory, "node.key");
  const { identity } = await createNodeKey(keyFile);
  print(
    { node: name, identity, keyFile },
    () => `Key made in ${keyFile}. For cluster.yaml:\n\n  - name: ${name}\n    identity: ${identity}\n`,
  );
}
