/** Uses the sandbox's page like a browser: opens the link from the log, then sends the cookie. */
import type { StartedProcess } from "./process.ts";

export interface SandboxVisit {
  /** Opens the event stream of the owner's chat. */
  events(): Promise<Response>;
  /** Writes as the owner. */
  write(text: string): Promise<void>;
}

/** Waits for the link in the sandbox's log and opens the page. */
export async function visitSandbox(started: StartedProcess): Promise<SandboxVisit> {
  const [link, address] = await started.waitFor(/(?<=chat with the bot: )(http:\S+)\/sandbox\?key=[\w-]+/);
  const cookie = (await fetch(link)).headers.get("set-cookie")?.split(";")[0] ?? "";
  return {
    events: () => fetch(`${address}/sandbox/events?chat=owner`, { headers: { cookie } }),
    async write(text) {
      const response = await fetch(`${address}/sandbox/send`, {
        method: "POST",
        headers: { "content-type": "application/json", cookie },
        body: JSON.stringify({ chat: "owner", text }),
      });
      if (!response.ok) throw new Error(`the page answered ${response.status}: ${await response.text()}`);
    },
  };
}
