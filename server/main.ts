// The composition root of the program `bailiwick`: the client's command line, and the commands that need the server's code.

import { runCli } from "../client/cli/run.ts";
import { createSystemDeps } from "../client/cli/system-deps.ts";
import { registerCommands } from "./commands/register-commands.ts";
import { softwareVersion } from "./version.ts";

process.exitCode = await runCli(process.argv.slice(2), createSystemDeps(softwareVersion()), registerCommands);
