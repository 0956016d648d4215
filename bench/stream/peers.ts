/** The compared libraries, installed from npm into a folder of their own: nothing of the product depends on them. */
import { fileURLToPath } from "node:url";
import { installAsLocked } from "../../scripts/install-as-locked.ts";

export function installPeers(): void {
  installAsLocked(fileURLToPath(new URL("../peers", import.meta.url)));
}
