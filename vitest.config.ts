import { defineConfig } from "vitest/config";

/**
 * Three suites: `unit` runs in Node and needs no build; `browser` drives real browsers over the built site; `packaging`
 * installs the packed package into small apps.
 */
export default defineConfig({
  test: {
    projects: [
      {
        define: { INGLENOOK_VERSION: '"0.0.0"', INGLENOOK_COMMIT: "null" },
        test: { name: "unit", include: ["tests/unit/**/*.test.ts"], environment: "node" },
      },
      {
        test: {
          name: "browser",
          include: ["tests/browser/**/*.test.ts"],
          environment: "node",
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: "packaging",
          include: ["tests/packaging/*.test.ts"],
          environment: "node",
          globalSetup: "tests/packaging/harness/pack.ts",
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
