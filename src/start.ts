/**
 * The entry point of `npm start`, the image and the systemd unit: signal handlers first, then the product.
 *
 * The first process of a container gets only signals that it has a handler for, and loading the product takes a second on a
 * small machine. Nothing has started by then, so a signal may end the process at once.
 */
import { SIGNALS } from "./process/signals.ts";

for (const signal of SIGNALS) process.on(signal, () => process.exit(0));
await import("./main.ts");
