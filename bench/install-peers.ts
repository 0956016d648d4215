/** Installs the compared libraries into folders of their own. The product does not depend on them. */
import { fileURLToPath } from "node:url";
import { installAsLocked } from "../scripts/install-as-locked.ts";

/** Installs the libraries of a folder in `bench/`, unless they are up to date with its lockfile. */
export function installPeers(folder: "peers" | "admin/peer"): void {
  installAsLocked(fileURLToPath(new URL(folder, import.meta.url)));
}
