/**
 * How the driver reads arrays.
 *
 * The driver can ask the server for all array types on each new connection. But when the server dies during that query,
 * nothing catches the error, and the process ends. So the types that we use are listed here. Drizzle writes arrays as text.
 */
import { makePgArray, parsePgArray } from "drizzle-orm/pg-core";

const asText = (element: string) => element;

/** For the driver's `types`: one-dimensional arrays without NULL. Numbers too large for JavaScript stay text. */
export const ARRAY_TYPES = {
  // Object ids of the system catalog pg_type; they never change.
  smallintArray: arrayType(1005, Number),
  integerArray: arrayType(1007, Number),
  textArray: arrayType(1009, asText),
  varcharArray: arrayType(1015, asText),
  bigintArray: arrayType(1016, asText),
  numericArray: arrayType(1231, asText),
  uuidArray: arrayType(2951, asText),
};

function arrayType(id: number, parseElement: (element: string) => string | number) {
  return {
    to: id,
    from: [id],
    serialize: (value: string | (string | number)[]) => (Array.isArray(value) ? makePgArray(value) : value),
    parse: (text: string) => parsePgArray(text).map(parseElement),
  };
}
