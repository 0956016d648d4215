/**
 * `npm run bench`: all benchmarks, or `npm run bench -- NAME` one; what follows is the benchmark's own. Nothing here
 * fails: it measures.
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

const [wanted, ...args] = process.argv.slice(2);
if (wanted !== undefined && !(wanted in BENCHES)) {
  console.error(`There is no benchmark ${wanted}. There are: ${Object.keys(BENCHES).join(", ")}.`);
  process.exitCode = 1;
} else {
  for (const [name, run] of Object.entries(BENCHES)) {
    if (wanted === undefined || wanted === name) await run(args);
  }
}
