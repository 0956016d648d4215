/**
 * The page's event stream (SSE): first a snapshot of the chat, then each change.
 *
 * A reconnecting browser gets a new snapshot, so nothing is missed and events need no ids.
 */
import type { ServerResponse } from "node:http";
import type { TelegramStandIn } from "../stand-in.ts";
import { type PageEvent, type ViewedChat, viewChange, viewSnapshot } from "./page-view.ts";

/** Interval of comments that keep proxies and browsers from closing an idle connection, in milliseconds. */
const HEARTBEAT_MS = 15_000;
/** A slower reader is disconnected. It reconnects and gets a new snapshot. */
const MAX_BACKLOG_BYTES = 4_000_000;

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // Otherwise nginx collects the events in its buffers.
  "x-accel-buffering": "no",
};

/** Streams until the browser disconnects or the server closes. */
export function streamEvents(response: ServerResponse, standIn: TelegramStandIn, viewed: ViewedChat): void {
  response.writeHead(200, HEADERS);
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
  const heartbeat = setInterval(() => response.write(": heartbeat\n\n"), HEARTBEAT_MS).unref();
  response.once("close", () => {
    clearInterval(heartbeat);
    stopListening();
  });
}
