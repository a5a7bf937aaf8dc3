import { defineConfig } from "vitest/config";

const source = { conditions: ["@trunkline/source", "node", "import", "module", "default"] };
const ssr = { resolve: { ...source, externalConditions: ["node"] } };

export default defineConfig({
  test: {
    projects: [
      {
        resolve: source,
        ssr,
        test: {
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "playground/**/*.test.ts",
            "test/architecture/**/*.test.ts",
            "test/guide/**/*.test.ts",
            "verify/**/*.test.ts",
          ],
          testTimeout: 15_000,
        },
      },
      {
        resolve: source,
        ssr,
        test: { name: "system", include: ["test/system/**/*.test.ts"], testTimeout: 30_000 },
      },
      {
        resolve: source,
        ssr,
        test: { name: "browser", include: ["test/browser/**/*.test.ts"], testTimeout: 60_000, fileParallelism: false },
      },
    ],
  },
});
