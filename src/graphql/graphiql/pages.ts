/**
 * GraphiQL for browsers: a small page at `/graphql`, and its files below `/graphql/assets/`. Both are public; the page shows no
 * data until the user enters an admin token.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Worker } from "node:worker_threads";
import { ASSETS_PATH } from "./paths.ts";

/**
 * Serves the page and its files and returns true; returns false for any other path. The files are bundled at the first request
 * for one of them. If that fails, the next request tries again.
 */
export function createGraphiqlPages() {
  let loading: Promise<Files> | null = null;
  const load = () => {
    loading ??= loadFiles().catch((error: unknown) => {
      loading = null;
      throw error;
    });
    return loading;
  };
  return async (request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> => {
    if (path !== "/graphql" && !path.startsWith(ASSETS_PATH)) return false;
    // A worker uses the policy of its own file, so files get the same policy as the page.
    response.setHeader("content-security-policy", POLICY);
    if (request.method !== "GET" && request.method !== "HEAD") response.writeHead(405, { allow: "GET, HEAD" }).end();
    else if (path === "/graphql") sendPage(response);
    else await sendFile(request, response, (await load()).get(path.slice(ASSETS_PATH.length)));
    return true;
  };
}

/** By name. All requests share the buffer of a file. */
type Files = ReadonlyMap<string, { gzip: Uint8Array; etag: string; type: string }>;

/** Monaco, the editor, creates style sheets with JavaScript, and its CSS contains its icon font. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; connect-src 'self'; " +
  "img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Counterhand</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="${ASSETS_PATH}graphiql.css">
  </head>
  <body class="no-focus-outline">
    <noscript>GraphiQL needs JavaScript.</noscript>
    <div id="root"></div>
    <script src="${ASSETS_PATH}graphiql.js"></script>
  </body>
</html>
`;

function sendPage(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" }).end(PAGE);
}

/** Size of one write, in bytes. What a client has not read yet stays in the shared buffer only. */
const CHUNK_BYTES = 65_536;

/** Always gzip, which every browser accepts. So no request makes this process compress or decompress anything. */
async function sendFile(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  file: { gzip: Uint8Array; etag: string; type: string } | undefined,
): Promise<void> {
  if (!file) return void response.writeHead(404).end();
  const { gzip, etag, type } = file;
  const caching = { etag, "cache-control": "no-cache" };
  if (headers["if-none-match"] === etag) return void response.writeHead(304, caching).end();
  const content = { "content-type": type, "content-encoding": "gzip", "content-length": gzip.byteLength };
  response.writeHead(200, { ...caching, ...content });
  if (method === "HEAD") return void response.end();
  try {
    await pipeline(Readable.from(chunksOf(gzip), { objectMode: false }), response);
  } catch (error) {
    // A client that disconnects early is not an error.
    if (!response.destroyed) throw error;
  }
}

function* chunksOf(file: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < file.byteLength; start += CHUNK_BYTES) yield file.subarray(start, start + CHUNK_BYTES);
}

async function loadFiles(): Promise<Files> {
  const worker = new Worker(new URL("./bundle-worker.ts", import.meta.url));
  try {
    const [files] = (await once(worker, "message")) as [Map<string, Uint8Array>];
    return new Map([...files].map(([name, gzip]) => [name, { gzip, etag: etagOf(gzip), type: typeOf(name) }]));
  } finally {
    await worker.terminate();
  }
}

function etagOf(file: Uint8Array): string {
  return `"${createHash("sha256").update(file).digest("base64url")}"`;
}

function typeOf(name: string): string {
  return `text/${name.endsWith(".css") ? "css" : "javascript"}; charset=utf-8`;
}
