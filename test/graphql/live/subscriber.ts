/** A subscriber of the admin API over SSE, read event by event. */
import { ADMIN_TOKEN, type AdminClient } from "../admin-client.ts";

/** The result in one `next` event. The shape of `data` depends on the document of the test. */
export interface EventResult {
  // biome-ignore lint/suspicious/noExplicitAny: the shape depends on the document, and tests have no code generation.
  data?: any;
  errors?: { message: string; extensions: Record<string, unknown> }[];
}

export interface Subscriber {
  readonly status: number;
  /** The next result; undefined when the server has ended the stream. */
  next(): Promise<EventResult | undefined>;
  /** The activity in the next result. @throws for an error or the end */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  event(): Promise<any>;
  /** Reads events up to and including the one for which `isLast` returns true. */
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

/** Reads an SSE response of `api.fetch` or of a real server. */
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
  const next = async (): Promise<EventResult | undefined> => {
    for (;;) {
      const lines = (await block())?.split("\n");
      if (!lines || lines.includes("event: complete")) return undefined;
      if (!lines.includes("event: next")) continue;
      const data = lines.find((line) => line.startsWith("data: "));
      return JSON.parse(data?.slice("data: ".length) ?? "null") as EventResult;
    }
  };
  const event = async () => {
    const result = await next();
    if (!result?.data) throw new Error(`expected an event, got ${JSON.stringify(result)}`);
    return Object.values(result.data)[0];
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
