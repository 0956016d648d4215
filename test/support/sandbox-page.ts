/** Uses the sandbox's page like a browser: opens the link from the log, then sends the cookie. */
import type { StartedProcess } from "./process.ts";

export interface SandboxVisit {
  /** Opens the event stream of the owner's chat. */
  events(): Promise<Response>;
  /** Writes as the owner. */
  write(text: string): Promise<void>;
}

/** Waits for the link in the sandbox's log and opens the page; through a proxy when its address is given. */
export async function visitSandbox(started: StartedProcess, proxy?: string): Promise<SandboxVisit> {
  const [link, own = ""] = await started.waitFor(/(?<=chat with the bot: )(http:\S+)\/sandbox\?key=[\w-]+/);
  const address = proxy ?? own;
  const cookie = (await fetch(link.replace(own, address))).headers.get("set-cookie")?.split(";")[0] ?? "";
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
