/**
 * The page's stream of events (SSE): first the chat as it is, then each change.
 *
 * Whoever connects again gets the chat as it is by then, so nothing is missed and no event needs an id.
 */
import type { ServerResponse } from "node:http";
import type { TelegramStandIn } from "../stand-in.ts";
import { type PageEvent, type ViewedChat, viewChange, viewSnapshot } from "./page-view.ts";

/** Keeps proxies and browsers from taking a silent connection for a dead one, in milliseconds. */
const HEARTBEAT_MS = 15_000;
/** A reader that is this far behind is cut off, and starts anew with the chat as it is. */
const MAX_BACKLOG_BYTES = 4_000_000;

/** Streams until the browser goes away or the server closes. */
export function streamEvents(response: ServerResponse, standIn: TelegramStandIn, viewed: ViewedChat): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  const send = (event: PageEvent) => {
    if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy();
    else response.write(`data: ${JSON.stringify(event)}\n\n`);
  };
  response.write("retry: 500\n\n");
  send(viewSnapshot(viewed, standIn.now()));
  const stopListening = standIn.onChange((change) => {
    const event = viewChange(change, viewed);
    if (event) send(event);
  });
  const heartbeat = setInterval(() => response.write(": still here\n\n"), HEARTBEAT_MS).unref();
  response.once("close", () => {
    clearInterval(heartbeat);
    stopListening();
  });
}
