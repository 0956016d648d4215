/** A subscriber of the admins' API over SSE, read event by event. */
import { ADMIN_TOKEN, type AdminClient } from "../admin-client.ts";

/** What the server said in one `next`: the shape of `data` depends on the document, which the test knows. */
export interface Said {
  // biome-ignore lint/suspicious/noExplicitAny: an answer's shape is its document's, and no code generation is at hand here.
  data?: any;
  errors?: { message: string; extensions: Record<string, unknown> }[];
}

export interface Subscriber {
  readonly status: number;
  /** The next event, once there is one; undefined when the server has ended the stream. */
  next(): Promise<Said | undefined>;
  /** The next event's activity, whatever field was subscribed to. @throws when it is an error, or the end. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  event(): Promise<any>;
  /** Events until one for which `isLast` holds, that one included. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  until(isLast: (event: any) => boolean): Promise<any[]>;
  close(): Promise<void>;
}

/** Subscribes through the API's `fetch`, without a port. */
export async function subscribe(
  { api }: Pick<AdminClient, "api">,
  query: string,
  { variables, token = ADMIN_TOKEN }: { variables?: object; token?: string } = {},
): Promise<Subscriber> {
  const response = await api.fetch("http://localhost/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query, variables }),
  });
  return readEvents(response);
}

/** The events of an SSE response, of `api.fetch` or of a real server's. */
export function readEvents(response: Pick<Response, "status" | "body">): Subscriber {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) throw new Error("the response has no body");
  let text = "";
  const block = async (): Promise<string | undefined> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end >= 0) {
        const found = text.slice(0, end);
        text = text.slice(end + 2);
        return found;
      }
      const { done, value } = await reader.read();
      if (done) return undefined;
      text += value;
    }
  };
  const next = async (): Promise<Said | undefined> => {
    for (;;) {
      const lines = (await block())?.split("\n");
      if (!lines || lines.includes("event: complete")) return undefined;
      if (!lines.includes("event: next")) continue;
      const data = lines.find((line) => line.startsWith("data: "));
      return JSON.parse(data?.slice("data: ".length) ?? "null") as Said;
    }
  };
  const event = async () => {
    const said = await next();
    if (!said?.data) throw new Error(`no event but ${JSON.stringify(said)}`);
    return Object.values(said.data)[0];
  };
  return {
    status: response.status,
    next,
    event,
    async until(isLast) {
      const events = [];
      for (;;) {
        const one = await event();
        events.push(one);
        if (isLast(one)) return events;
      }
    },
    close: () => reader.cancel(),
  };
}
