import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ["*.test.ts"],
    globalSetup: ["global-setup.ts"],
    // All files share one server, whose connections some of them cut.
    fileParallelism: false,
    // Written for bundlers: they import what Node's own resolution does not find. A dashboard is bundled too.
    server: { deps: { inline: [/@refinedev/, /ra-data-graphql/, /@apollo/] } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
