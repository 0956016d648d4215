/**
 * The documents that are asked often: parsed and validated once, and known by their text from then on.
 *
 * Yoga's own cache counts documents, whatever their size, and keeps what it refused: a thousand requests filled gigabytes.
 * Here what was refused is forgotten, and what is kept is bounded by the length of its texts.
 */
import type { DocumentNode } from "graphql";
import type { Plugin } from "graphql-yoga";

/** Of all texts together, in UTF-16 units: a hundred dashboards' documents. Parsed, one may take 300 times its text: 60 MB in all. */
export const MAX_CACHED_LENGTH = 200_000;

/** For one schema; in place of Yoga's `parserAndValidationCache`. */
export function cacheDocuments(): Plugin {
  const kept = createKeep(MAX_CACHED_LENGTH);
  /** The texts of documents that are valid, or not validated yet. */
  const texts = new WeakMap<DocumentNode, string>();
  return {
    onParse({ params: { source }, setParsedDocument }) {
      const text = typeof source === "string" ? source : source.body;
      const document = kept.get(text);
      if (document) return setParsedDocument(document);
      return ({ result }) => {
        if (result && !(result instanceof Error)) texts.set(result, text);
      };
    },
    onValidate({ params: { documentAST }, setResult }) {
      const text = texts.get(documentAST);
      if (text === undefined) return undefined;
      if (kept.get(text) === documentAST) return setResult([]);
      return ({ valid }) => {
        if (valid) kept.add(text, documentAST);
      };
    },
  };
}

/** Forgets what was longest not asked for. */
function createKeep(maxLength: number) {
  // A Map remembers the order in which its keys came.
  const documents = new Map<string, DocumentNode>();
  let length = 0;
  const forget = (text: string) => {
    if (documents.delete(text)) length -= text.length;
  };
  const add = (text: string, document: DocumentNode) => {
    forget(text);
    documents.set(text, document);
    length += text.length;
    for (const oldest of documents.keys()) {
      if (length <= maxLength) return;
      forget(oldest);
    }
  };
  const get = (text: string): DocumentNode | undefined => {
    const document = documents.get(text);
    if (document) add(text, document);
    return document;
  };
  return { add, get };
}
