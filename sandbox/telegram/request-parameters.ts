/**
 * Reads the parameters of a Bot API request from its query and its body, in any format that the real Bot API accepts.
 *
 * In a query and in a form all values are text; `coerceText` converts them where a method expects numbers or objects.
 */
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { Method } from "./methods/method.ts";
import { badRequest, TelegramRefusal } from "./refusal.ts";

export type Parameters = Record<string, unknown>;

/** Far more than any text message needs; files are not supported. */
const MAX_BODY_BYTES = 1_000_000;

/** Throws 400 for an invalid body or ill-formed Unicode, 413 for a body that is too long. */
export async function readParameters(request: IncomingMessage, url: URL, method: Method): Promise<Parameters> {
  const query = coerceText(Object.fromEntries(url.searchParams), method);
  const body = await parseBody(await readBody(request), request.headers["content-type"] ?? "", method);
  const parameters = { ...query, ...body };
  if (!isWellFormed(parameters)) throw badRequest("strings must be encoded in UTF-8");
  return parameters;
}

async function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("a request without an encoding yields buffers");
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new TelegramRefusal(413, "Request Entity Too Large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function parseBody(body: Buffer<ArrayBuffer>, contentType: string, method: Method): Promise<Parameters> {
  if (body.length === 0) return {};
  const type = contentType.split(";")[0]?.trim().toLowerCase();
  if (type === "application/json") return parseJson(decode(body));
  if (type === "application/x-www-form-urlencoded") {
    return coerceText(Object.fromEntries(new URLSearchParams(decode(body))), method);
  }
  if (type === "multipart/form-data") return coerceText(await parseMultipart(body, contentType), method);
  throw badRequest(`unsupported content type "${contentType}"`);
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (error) {
    if (error instanceof TypeError) throw badRequest("strings must be encoded in UTF-8");
    throw error;
  }
}

function parseJson(text: string): Parameters {
  const value = tryParseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badRequest("can't parse JSON object");
  return { ...value };
}

async function parseMultipart(body: Buffer<ArrayBuffer>, contentType: string): Promise<Record<string, string>> {
  const form = await new Response(body, { headers: { "content-type": contentType } }).formData().catch(() => {
    throw badRequest("can't parse multipart form data");
  });
  return Object.fromEntries(
    [...form].map(([name, value]) => {
      if (typeof value !== "string") throw badRequest("files are not supported by the stand-in");
      return [name, value];
    }),
  );
}

/** Keeps text where the method expects text; otherwise parses it as JSON, as the real Bot API does. */
function coerceText(fields: Record<string, string>, method: Method): Parameters {
  const coerced = Object.entries(fields).map(([name, text]) => {
    const schema = Object.hasOwn(method.shape, name) ? method.shape[name] : undefined;
    const isTextExpected = !schema || z.safeParse(schema, text).success;
    return [name, isTextExpected ? text : (tryParseJson(text) ?? text)];
  });
  return Object.fromEntries(coerced);
}

function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isWellFormed);
}
