import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ["*.test.ts"],
    globalSetup: ["global-setup.ts"],
    // All files share one server, and some of them cut its connections.
    fileParallelism: false,
    // These packages are written for bundlers, and Node alone cannot resolve their imports. A dashboard is bundled, too.
    server: { deps: { inline: [/@refinedev/, /ra-data-graphql/, /@apollo/] } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
