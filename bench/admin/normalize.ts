/**
 * Both dialects' answers in one plain form, so that they can be compared: bare ids, instants to the millisecond, enums in
 * capitals, no cursors. What a tool was given and gave (any JSON) stays as it is.
 */
type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain };

const ANY_JSON = new Set(["arguments", "output"]);
const ENUMS = new Set(["status", "role", "type"]);

export function toPlain(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== "object" || value === null) return value as Plain;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== "endCursor")
      .flatMap(([name, inner]) => toPlainField(name, inner)),
  );
}

function toPlainField(name: string, value: unknown): [string, Plain][] {
  if (ANY_JSON.has(name)) return [[name, value as Plain]];
  if (name === "id") return [[name, bareId(String(value))]];
  if (ENUMS.has(name)) return [[name, String(value).toUpperCase()]];
  if (name.endsWith("At")) return [[name, value === null ? null : new Date(String(value)).toISOString()]];
  // In the database -1 stands for what is not known yet.
  if (name === "durationMs") return [[name, value === -1 ? null : (value as Plain)]];
  if (name === "messageCount") return [[name, typeof value === "number" ? value : readCount(value)]];
  if (name === "lastMessage") return [[name, toPlain(firstNode(value))]];
  if (name === "usage") return Object.entries((value ?? {}) as Record<string, Plain>);
  // A call's thread is ours directly, and the peer's through the run.
  if (name === "run" && typeof value === "object" && value !== null && "thread" in value) {
    const { thread, ...run } = value;
    return [
      ["run", toPlain(run)],
      ["thread", toPlain(thread)],
    ];
  }
  return [[name, toPlain(value)]];
}

function readCount(connection: unknown): number {
  return (connection as { totalCount: number }).totalCount;
}

function firstNode(value: unknown): unknown {
  return typeof value === "object" && value !== null && "nodes" in value
    ? ((value.nodes as unknown[])[0] ?? null)
    : value;
}

function bareId(id: string): string {
  return id.includes("-") ? id : (Buffer.from(id, "base64url").toString().split(":")[1] ?? id);
}
