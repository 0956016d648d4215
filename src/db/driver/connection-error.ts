/** Errors of a lost connection. They have the driver's own codes, by which they differ from an error of the server. */

/** @param code one of the driver's, such as `CONNECTION_CLOSED`. */
export function connectionError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** A network that is cut off reports nothing: the server is silent, and the connection still looks open. */
export function noAnswer(): Error {
  return connectionError("CONNECTION_CLOSED", "the server does not answer");
}
