/** Percentiles of durations. */
import type { PercentileFigures } from "../../../db/queries/admin/usage.ts";
import { builder } from "../../builder.ts";

export const Percentiles = builder.objectRef<PercentileFigures>("Percentiles").implement({
  description: "How long things took, in milliseconds. Each percentile is a time that one of them took.",
  fields: (t) => ({
    count: t.exposeInt("count", { description: "How many there are whose time is known." }),
    p50Ms: t.int({
      nullable: true,
      description: "Half of them took this or less; null where there are none.",
      resolve: ({ values }) => values?.[0],
    }),
    p95Ms: t.int({
      nullable: true,
      description: "95 of 100 took this or less; null where there are none.",
      resolve: ({ values }) => values?.[1],
    }),
    p99Ms: t.int({
      nullable: true,
      description: "99 of 100 took this or less; null where there are none.",
      resolve: ({ values }) => values?.[2],
    }),
  }),
});
