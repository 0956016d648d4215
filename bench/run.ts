/**
 * `npm run bench` runs all benchmarks, `npm run bench -- NAME` one. Further arguments belong to the benchmark. A slow result
 * is not a failure: benchmarks only measure.
 */
import { benchAdmin } from "./admin/admin.ts";
import { benchAnswer } from "./answer.ts";
import { benchLive } from "./live/live.ts";
import { benchLoad } from "./load.ts";
import { benchStart } from "./start.ts";
import { benchStream } from "./stream/stream.ts";

const BENCHES = {
  start: benchStart,
  answer: benchAnswer,
  load: benchLoad,
  stream: benchStream,
  admin: benchAdmin,
  live: benchLive,
};

const [selected, ...args] = process.argv.slice(2);
if (selected !== undefined && !(selected in BENCHES)) {
  console.error(`Unknown benchmark ${selected}. Choose one of: ${Object.keys(BENCHES).join(", ")}.`);
  process.exitCode = 1;
} else {
  for (const [name, run] of Object.entries(BENCHES)) {
    if (selected === undefined || selected === name) await run(args);
  }
}
