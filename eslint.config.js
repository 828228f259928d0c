// Only what needs type information and biome cannot see: promises that nobody waits for, and switches that miss a case.
// Cores hold no promises, so the promise rules look at the code that does I/O; the switch rule looks at everything.

import tseslint from "typescript-eslint";

const parsing = {
  parser: tseslint.parser,
  parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
};
const plugins = { "@typescript-eslint": tseslint.plugin };

export default [
  { ignores: ["proto/gen/**", "dist/**", "node_modules/**", "**/*.js", "**/*.mjs"] },
  {
    files: ["proto/**/*.ts", "storage/**/*.ts", "server/**/*.ts", "client/**/*.ts"],
    languageOptions: parsing,
    plugins,
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ["storage/**/*.ts", "server/*.ts", "server/adapters/**/*.ts", "server/api/**/*.ts", "client/**/*.ts"],
    languageOptions: parsing,
    plugins,
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
    },
  },
];
