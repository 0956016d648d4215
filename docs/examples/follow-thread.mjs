// Shows a thread as it grows: ADMIN_TOKEN=ch_... node docs/examples/follow-thread.mjs [thread id, else the newest]
const ADDRESS = process.env.GRAPHQL_URL ?? "http://127.0.0.1:4000/graphql";
const THREAD = "query ($id: ID!) { thread(id: $id) { messages(last: 20) { nodes { id role text run { id } } } } }";
const FOLLOW = `subscription ($id: ID!, $after: String) { threadActivity(threadId: $id, after: $after) {
  ... on ActivityEvent { cursor }
  ... on ActivityStarted { repliesInProgress { run { id } text } }
  ... on MessageAdded { message { id role text run { id } } }
  ... on ReplyText { run { id } offset delta }
  ... on ToolCallChanged { toolCall { name status } } ... on RunChanged { run { error { message } } } } }`;
const FINAL = new Set(["UNAUTHENTICATED", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"]);
function post(query, variables, accept, signal = null) {
  const headers = { authorization: `Bearer ${process.env.ADMIN_TOKEN}`, "content-type": "application/json", accept };
  return fetch(ADDRESS, { method: "POST", headers, body: JSON.stringify({ query, variables }), signal });
}
function dataOf({ data, errors }) {
  if (errors) throw Object.assign(new Error(errors[0].message), { isFinal: FINAL.has(errors[0].extensions.code) });
  return data;
}
const ask = async (query, variables) => dataOf(await (await post(query, variables, "application/json")).json());
async function* follow(id, after) {
  const connection = new AbortController();
  const watchdog = setTimeout(() => connection.abort(), 40_000).unref(); // A heartbeat comes every 12 s.
  const response = await post(FOLLOW, { id, after }, "text/event-stream", connection.signal);
  let rest = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    watchdog.refresh();
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data: {")) yield dataOf(JSON.parse(line.slice(6))).threadActivity;
  }
}
const known = new Map(); // The text of a message by its id, of an answer by its run's id: nothing is shown twice.
function show(key, who, text) {
  const before = known.get(key);
  process.stdout.write(before && text.startsWith(before) ? text.slice(before.length) : `\n${who}: ${text}`);
  known.set(key, text);
}
const showMessage = ({ id, role, text, run }) => show(role === "USER" ? id : (run?.id ?? id), role, text);
function showEvent({ message, run, offset, delta, toolCall, repliesInProgress = [] }) {
  for (const reply of repliesInProgress) known.has(reply.run.id) || show(reply.run.id, "ASSISTANT", reply.text);
  if (message) showMessage(message);
  if (delta) show(run.id, "ASSISTANT", (known.get(run.id) ?? "").slice(0, offset) + delta);
  const status = toolCall ? `${toolCall.name} ${toolCall.status}` : run?.error?.message;
  if (status) console.log(`\n[${status}]`);
}
for (let id = process.argv[2], cursor; ; await new Promise((resolve) => setTimeout(resolve, 1_000))) {
  try {
    id ??= (await ask("{ threads(first: 1, filter: { status: OPEN }) { nodes { id } } }")).threads.nodes[0]?.id;
    if (!id) throw new Error("no open thread yet");
    for await (const event of follow(id, cursor)) {
      // Earlier messages are read after the subscription has started, so nothing between the two is missed.
      if (!cursor) (await ask(THREAD, { id })).thread.messages.nodes.forEach(showMessage);
      showEvent(event);
      cursor = event.cursor;
    }
  } catch (error) {
    console.error(`\n(${error.message})`);
    if (error.isFinal) process.exit(1);
  }
}
