/** Percentiles of durations. */
import type { PercentileFigures } from "../../../db/queries/admin/usage.ts";
import { builder } from "../../builder.ts";

export const Percentiles = builder.objectRef<PercentileFigures>("Percentiles").implement({
  description: "Percentiles of durations, in milliseconds. Each one is an actual duration, without interpolation.",
  fields: (t) => ({
    count: t.exposeInt("count", { description: "The number of known durations." }),
    p50Ms: t.int({
      nullable: true,
      description: "Half of the durations are at most this long; null if there are none.",
      resolve: ({ values }) => values?.[0],
    }),
    p95Ms: t.int({
      nullable: true,
      description: "95 % of the durations are at most this long; null if there are none.",
      resolve: ({ values }) => values?.[1],
    }),
    p99Ms: t.int({
      nullable: true,
      description: "99 % of the durations are at most this long; null if there are none.",
      resolve: ({ values }) => values?.[2],
    }),
  }),
});
