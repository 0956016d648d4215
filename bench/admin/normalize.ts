/**
 * Normalises answers of both servers so that they can be compared: database ids, timestamps in milliseconds, enums in capitals,
 * no cursors. Arguments and outputs of tool calls (any JSON) stay unchanged.
 */
type Normalized = null | boolean | number | string | Normalized[] | { [name: string]: Normalized };

const ANY_JSON = new Set(["arguments", "output"]);
const ENUMS = new Set(["status", "role", "type"]);

export function normalize(value: unknown): Normalized {
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== "object" || value === null) return value as Normalized;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== "endCursor")
      .flatMap(([name, inner]) => normalizeField(name, inner)),
  );
}

function normalizeField(name: string, value: unknown): [string, Normalized][] {
  if (ANY_JSON.has(name)) return [[name, value as Normalized]];
  if (name === "id") return [[name, toDatabaseId(String(value))]];
  if (ENUMS.has(name)) return [[name, String(value).toUpperCase()]];
  if (name.endsWith("At")) return [[name, value === null ? null : new Date(String(value)).toISOString()]];
  // The database stores -1 for an unknown duration.
  if (name === "durationMs") return [[name, value === -1 ? null : (value as Normalized)]];
  if (name === "messageCount") return [[name, typeof value === "number" ? value : readCount(value)]];
  if (name === "lastMessage") return [[name, normalize(firstNode(value))]];
  if (name === "usage") return Object.entries((value ?? {}) as Record<string, Normalized>);
  // Our tool call has a thread; the peer reaches it through the run.
  if (name === "run" && typeof value === "object" && value !== null && "thread" in value) {
    const { thread, ...run } = value;
    return [
      ["run", normalize(run)],
      ["thread", normalize(thread)],
    ];
  }
  return [[name, normalize(value)]];
}

function readCount(connection: unknown): number {
  return (connection as { totalCount: number }).totalCount;
}

function firstNode(value: unknown): unknown {
  return typeof value === "object" && value !== null && "nodes" in value
    ? ((value.nodes as unknown[])[0] ?? null)
    : value;
}

function toDatabaseId(id: string): string {
  return id.includes("-") ? id : (Buffer.from(id, "base64url").toString().split(":")[1] ?? id);
}
