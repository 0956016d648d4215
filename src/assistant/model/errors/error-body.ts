/** The body of an error response, in one form. Servers have many: an object, a list of one, a text, fields without a frame, a page. */
import { isRecord, recordOf } from "../json.ts";

/** Characters of a body that are read: some servers answer with a whole page. */
const MAX_BODY_CHARACTERS = 20_000;
const MAX_PAGE_CHARACTERS = 300;

export interface ErrorBody extends Record<string, unknown> {
  message: string;
}

/** The fields of the error, its message always among them; empty when the body has none. */
export function readErrorBody(text: string): ErrorBody {
  const value = parse(text.slice(0, MAX_BODY_CHARACTERS));
  if (value === undefined) return { message: plainText(text) };
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const fields = recordOf(first);
  const error = fields.error ?? fields;
  if (typeof error === "string") return { ...fields, message: error };
  const inner = isRecord(error) ? error : fields;
  return { ...inner, message: messageOf(inner) ?? messageOf(fields) ?? "" };
}

/** `detail` is FastAPI's, also as a list that says where in the body what is wrong. */
function messageOf({ message, detail, msg }: Record<string, unknown>): string | null {
  const said = message ?? detail ?? msg;
  if (said === undefined || said === null) return null;
  return typeof said === "string" ? said : JSON.stringify(said);
}

function plainText(page: string): string {
  return page
    .slice(0, MAX_BODY_CHARACTERS)
    .replaceAll(/<(?:style|script)[\s\S]*?<\/(?:style|script)>|<[^>]*>/gi, " ")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, MAX_PAGE_CHARACTERS);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** `fetch`, whose error responses have the one form that OpenAI's SDK reads: `{ error: { message, ... } }`. */
export async function fetchWithErrorBody(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (response.ok) return response;
  const body = JSON.stringify({ error: readErrorBody(await response.text()) });
  const headers = new Headers(response.headers);
  for (const name of ["content-length", "content-encoding"]) headers.delete(name);
  headers.set("content-type", "application/json");
  return new Response(body, { status: response.status, headers });
}
