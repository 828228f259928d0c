// Values as YAML, for the files that the program writes itself and for `-o yaml`.

import { stringify } from "yaml";

export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
