/** `npm run bench`: all benchmarks, or `npm run bench -- NAME` one. Nothing here fails: it measures. */
import { benchAnswer } from "./answer.ts";
import { benchStart } from "./start.ts";

const BENCHES = { start: benchStart, answer: benchAnswer };

const wanted = process.argv[2];
if (wanted !== undefined && !(wanted in BENCHES)) {
  console.error(`There is no benchmark ${wanted}. There are: ${Object.keys(BENCHES).join(", ")}.`);
  process.exitCode = 1;
} else {
  for (const [name, run] of Object.entries(BENCHES)) {
    if (wanted === undefined || wanted === name) await run();
  }
}
