/** The sandbox's page as a browser opens it: by the link of the log, and from then on with the cookie. */
import type { StartedProcess } from "./process.ts";

export interface SandboxVisit {
  /** The stream of the owner's chat, from now on. */
  events(): Promise<Response>;
  /** Writes as the owner. */
  write(text: string): Promise<void>;
}

/** Opens the page of a sandbox, once its log has the link. */
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
      if (!response.ok) throw new Error(`the page answers ${response.status}: ${await response.text()}`);
    },
  };
}
