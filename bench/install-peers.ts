/** The compared libraries, installed from npm into folders of their own: nothing of the product depends on them. */
import { fileURLToPath } from "node:url";
import { installAsLocked } from "../scripts/install-as-locked.ts";

/** Installs the libraries of a folder of `bench/` unless they are there as its lockfile says. */
export function installPeers(folder: "peers" | "admin/peer"): void {
  installAsLocked(fileURLToPath(new URL(folder, import.meta.url)));
}
