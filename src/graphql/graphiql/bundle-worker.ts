/**
 * Bundles the files of GraphiQL in a worker thread. The package is 9 MB of JavaScript strings: reading them would block the bot,
 * and they would stay in its memory. Posts a `Map` of file names to gzip bytes, then ends.
 */
import { parentPort } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { css, editorWorkerService, graphqlWorker, js, jsonWorker } from "@graphql-yoga/render-graphiql/graphiql";
import { ASSETS_PATH } from "./paths.ts";

const FIRST_QUERY = `# Add your admin token after
# "Bearer " in the headers below.
{
  viewer { name scope }
  threads(first: 10) {
    nodes {
      title
      status
      lastActivityAt
      messageCount
      lastMessage { role text }
    }
  }
}
`;

const OPTIONS = {
  title: "Counterhand",
  headers: JSON.stringify({ Authorization: "Bearer " }, null, 2),
  defaultQuery: FIRST_QUERY,
  shouldPersistHeaders: false,
  // Also for subscriptions: the API refuses GET without a header of its own (CSRF protection).
  method: "POST",
};

/** Monaco, the editor, requests its workers by these labels. */
const BEFORE = `const workers = { editorWorkerService: "editor.worker.js", json: "json.worker.js", graphql: "graphql.worker.js" };
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_, label) => "${ASSETS_PATH}" + workers[label] };
`;
const AFTER = `;YogaGraphiQL.renderYogaGraphiQL(document.querySelector("#root"), ${JSON.stringify(OPTIONS)});`;

const files = new Map([
  ["graphiql.css", css],
  ["graphiql.js", BEFORE + js + AFTER],
  ["editor.worker.js", editorWorkerService],
  ["json.worker.js", jsonWorker],
  ["graphql.worker.js", graphqlWorker],
]);

parentPort?.postMessage(new Map([...files].map(([name, content]) => [name, gzipSync(content)])));
