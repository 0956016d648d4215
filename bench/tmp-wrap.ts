import { Session } from "node:inspector";
import { writeFileSync } from "node:fs";
const s = new Session(); s.connect();
s.post("Profiler.enable"); s.post("Profiler.setSamplingInterval", { interval: 1000 } as never);
await import("./stream/ours.ts");
process.on("SIGUSR2", () => { s.post("Profiler.start"); });
process.on("SIGWINCH", () => { s.post("Profiler.stop", (e, r) => { if (r) writeFileSync("/tmp/prof.json", JSON.stringify((r as {profile: unknown}).profile)); }); });
