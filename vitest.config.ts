import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Real servers and a real database: generous, because a test asserts an outcome and never a time.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
