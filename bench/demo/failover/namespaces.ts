// Three machines, a client and a switch, each a network namespace of Linux: nothing leaves them, and nothing outside changes.
// Whatever has to be removed has a name that begins with `bw-demo-`; where such a name is there already, nothing is touched.

import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addressSpans } from "./address-log.ts";
import { run } from "./command.ts";
import type { Span } from "./gaps.ts";
import { nodeHeader } from "./observer.ts";
import { killAll } from "./processes.ts";
import { type CommandLine, type NodeName, nodes, type World } from "./world.ts";

const namePrefix = "bw-demo-";
const places = ["switch", "client", ...nodes] as const;
type Place = (typeof places)[number];

/** Addresses of TEST-NET-1, which no network uses (RFC 5737). */
const addresses: Readonly<Record<Exclude<Place, "switch">, string>> = {
  n1: "192.0.2.1",
  n2: "192.0.2.2",
  n3: "192.0.2.3",
  client: "192.0.2.9",
};
const serviceAddress = "192.0.2.100";
const servicePort = 8080;
const prefixLength = 24;
/** Of iproute2. */
const ipProgram = "ip";
const bridge = "bridge0";
const adapter = "eth0";

const needed = [
  { file: "/usr/sbin/nginx", debianPackage: "nginx" },
  { file: "/usr/lib/ocf/resource.d/heartbeat/IPaddr2", debianPackage: "resource-agents" },
  { file: "/usr/bin/arping", debianPackage: "iputils-arping" },
];
/** Where resource agents keep notes on running processes: of each machine its own. */
const agentNotes = "/run/resource-agents";
const withOwnNotes = `[ ! -d ${agentNotes} ] || mount -t tmpfs none ${agentNotes}; exec "$0" "$@"`;

interface AddressLog {
  readonly node: NodeName;
  readonly file: string;
  /** When its machine was switched off; null: it is on. */
  endedMs: number | null;
}

/** @returns why there can be none here; null: there can */
export async function whyNoNamespaces(): Promise<string | null> {
  if (process.platform !== "linux") return "this is not Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const missing = needed.filter(({ file }) => !existsSync(file)).map(({ debianPackage }) => debianPackage);
  if (missing.length > 0) return `these Debian packages are missing: ${missing.join(", ")}`;
  try {
    await run(ipProgram, "netns", "list");
  } catch {
    return "the command `ip` is missing (Debian package iproute2)";
  }
  const name = `${namePrefix}try-${process.pid}`;
  try {
    await run(ipProgram, "netns", "add", name);
    await run(ipProgram, "netns", "exec", name, "true").finally(() => run(ipProgram, "netns", "del", name));
    return null;
  } catch (reason) {
    return `network namespaces are not permitted (${reason instanceof Error ? reason.message : String(reason)})`;
  }
}

/** @returns the names that a demo uses and that are there now */
export async function namespacesThere(): Promise<readonly string[]> {
  const lines = (await run(ipProgram, "netns", "list")).split("\n").map((line) => line.split(" ")[0] ?? "");
  return places.map(namespaceOf).filter((name) => lines.includes(name));
}

/** Ends what runs in them and removes them, whoever made them. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await killAll(() => pidsIn(name));
    await run(ipProgram, "netns", "del", name);
  }
}

export class Namespaces implements World {
  readonly description = "three network namespaces on a bridge, IPaddr2 and nginx";
  readonly url = `http://${serviceAddress}:${servicePort}/`;
  readonly cutWords = "its network is cut off";
  readonly isBeyondLoopback = true;
  readonly allow: object;
  readonly resources: object;
  readonly #directory: string;
  readonly #program: string;
  readonly #made = new Set<string>();
  readonly #logs: AddressLog[] = [];

  /** @param directory of this run, for the files of nginx and what the kernel says of addresses */
  constructor(directory: string) {
    this.#directory = directory;
    this.#program = join(directory, "nginx");
    this.allow = { exec: [this.#program], ocf: ["heartbeat:IPaddr2"] };
    this.resources = resourcesWith(this.#program);
  }

  peerOf(node: NodeName): string {
    return `${addresses[node]}:7501`;
  }

  apiOf(node: NodeName): string {
    return `${addresses[node]}:7401`;
  }

  async prepare(): Promise<void> {
    const there = await namespacesThere();
    if (there.length > 0) throw new Error(`There are already: ${there.join(", ")}; see --clean`);
    await this.#writeFiles();
    await this.#add("switch");
    await ip("switch", "link", "add", "name", bridge, "type", "bridge");
    await ip("switch", "link", "set", bridge, "up");
    await this.#add("client");
    await connect("client");
  }

  async switchOn(node: NodeName): Promise<void> {
    await this.#add(node);
    this.#watchAddresses(node);
    await connect(node);
  }

  /** The network first: a machine without power says goodbye to nobody. */
  async switchOff(node: NodeName): Promise<void> {
    await ip("switch", "link", "del", portOf(node));
    for (const log of this.#logs) if (log.node === node) log.endedMs ??= Date.now();
    await this.#drop(namespaceOf(node));
  }

  async cutOff(node: NodeName): Promise<void> {
    await ip("switch", "link", "set", portOf(node), "down");
  }

  async reconnect(node: NodeName): Promise<void> {
    await ip("switch", "link", "set", portOf(node), "up");
  }

  on(place: NodeName | "client", command: CommandLine): CommandLine {
    return [ipProgram, "netns", "exec", namespaceOf(place), "/bin/sh", "-c", withOwnNotes, ...command];
  }

  held({ toMs }: { readonly toMs: number }): readonly Span[] {
    return this.#logs.flatMap(({ node, file, endedMs }) =>
      addressSpans(readFileSync(file, "utf8"), { node, address: serviceAddress, endMs: endedMs ?? toMs }),
    );
  }

  async remove(): Promise<void> {
    const results = await Promise.allSettled([...this.#made].map((name) => this.#drop(name)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  async #add(place: Place): Promise<void> {
    const name = namespaceOf(place);
    await run(ipProgram, "netns", "add", name);
    this.#made.add(name);
    await ip(place, "link", "set", "lo", "up");
  }

  async #drop(name: string): Promise<void> {
    await removeNamespaces([name]);
    this.#made.delete(name);
  }

  /** The kernel says on a node when the service address comes and goes. */
  #watchAddresses(node: NodeName): void {
    const file = join(this.#directory, `${node}-addresses-${this.#logs.length}.log`);
    const output = openSync(file, "a");
    const watching = spawn(ipProgram, ["-n", namespaceOf(node), "-ts", "-o", "monitor", "address"], {
      env: { ...process.env, TZ: "UTC" },
      stdio: ["ignore", output, "ignore"],
    });
    closeSync(output);
    watching.on("error", () => undefined); // Then there is nothing to draw.
    this.#logs.push({ node, file, endedMs: null });
  }

  /** nginx with a prefix of its own on each node: nothing of the system's is read but the program. */
  async #writeFiles(): Promise<void> {
    for (const node of nodes) {
      const prefix = join(this.#directory, "web", node);
      await mkdir(prefix, { recursive: true });
      await writeFile(join(prefix, "nginx.conf"), nginxConfig(node));
    }
    const prefix = `${join(this.#directory, "web")}/$BAILIWICK_NODE`;
    await writeFile(
      this.#program,
      `#!/bin/sh\nexec /usr/sbin/nginx -e stderr -p "${prefix}" -c "${prefix}/nginx.conf"\n`,
    );
    await chmod(this.#program, 0o755);
  }
}

function resourcesWith(program: string): object {
  const parameters = {
    ip: serviceAddress,
    cidr_netmask: String(prefixLength),
    nic: adapter,
    arp_sender: "iputils_arping",
  };
  return {
    resources: [
      {
        name: "address",
        address: { address: `${serviceAddress}/${prefixLength}` },
        run: { ocf: { agent: "heartbeat:IPaddr2", parameters } },
        stopTimeoutMs: 1_200,
        monitor: { intervalMs: 2_000, timeoutMs: 5_000 },
      },
      {
        name: "nginx",
        application: {},
        run: { exec: { start: [program], foreground: true } },
        stopTimeoutMs: 600,
      },
    ],
    dependencies: [{ resource: "nginx", needs: ["address"] }],
  };
}

function nginxConfig(node: NodeName): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `  ${name}_temp_path ${name};`);
  return [
    "daemon off;",
    "worker_processes 1;",
    "pid nginx.pid;",
    "error_log stderr warn;",
    "events { worker_connections 256; }",
    "http {",
    "  access_log off;",
    ...temporary,
    `  server { listen ${serviceAddress}:${servicePort}; add_header ${nodeHeader} ${node}; return 200 "${node}\\n"; }`,
    "}",
    "",
  ].join("\n");
}

async function connect(place: Exclude<Place, "switch">): Promise<void> {
  const [port, there] = [portOf(place), namespaceOf(place)];
  await ip("switch", "link", "add", "name", port, "type", "veth", "peer", "name", adapter, "netns", there);
  await ip("switch", "link", "set", port, "master", bridge, "up");
  await ip(place, "addr", "add", `${addresses[place]}/${prefixLength}`, "dev", adapter);
  await ip(place, "link", "set", adapter, "up");
}

function ip(place: Place, ...args: readonly string[]): Promise<string> {
  return run(ipProgram, "-n", namespaceOf(place), ...args);
}

async function pidsIn(name: string): Promise<readonly number[]> {
  return (await run(ipProgram, "netns", "pids", name))
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

function namespaceOf(place: Place): string {
  return `${namePrefix}${place}`;
}

function portOf(place: Place): string {
  return `port-${place}`;
}
