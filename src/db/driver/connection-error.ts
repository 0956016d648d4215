/** Errors of a connection that is gone: they look as the driver's own, and are told apart from a server's answer by that. */

/** @param code as the driver has it, such as `CONNECTION_CLOSED`. */
export function connectionError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** A network that is cut off tells nobody: the server is silent, and the connection looks as if it were there. */
export function noAnswer(): Error {
  return connectionError("CONNECTION_CLOSED", "the server does not answer");
}
