import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  // graphql has a development build, which Vite would load for our files while Yoga and Pothos load the plain one: then no
  // `instanceof` holds between them. Node itself knows nothing of that condition.
  ssr: { resolve: { conditions: ["node", "module-sync"] } },
  test: {
    include: ["test/**/*.test.ts"],
    // On packages of their own, which an `npm ci` of the product leaves out: `npm run test:clients`, `npm run test:servers`.
    exclude: [...configDefaults.exclude, "test/clients/**", "test/servers/**"],
    // More than there are cores: most tests wait for a server most of the time.
    maxWorkers: 4,
    globalSetup: ["test/support/global-setup.ts"],
    // Real servers and a real database: generous, because a test asserts an outcome and never a time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000, interval: 20 } },
  },
});
