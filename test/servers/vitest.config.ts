import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  // As in the project's own configuration: one build of graphql for all.
  ssr: { resolve: { conditions: ["node", "module-sync"] } },
  test: {
    include: ["*.test.ts"],
    globalSetup: ["../support/global-setup.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000, interval: 20 } },
  },
});
