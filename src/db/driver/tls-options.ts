/** libpq's `sslmode` and its files, as the driver's option `ssl`. */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { StartupError } from "../../errors.ts";
import type { DatabaseAddress, SslMode } from "./database-url.ts";

/**
 * The server's certificate is checked with `verify-ca` and `verify-full`, and with `require` when the URL has `sslrootcert`.
 * A Unix socket has no TLS, whatever the URL says.
 *
 * @throws {StartupError} when a file cannot be read.
 */
export function makeTlsOptions({ host, ssl }: DatabaseAddress): false | "prefer" | ConnectionOptions {
  const { mode, rootCertificate, certificate, key, keyPassword } = ssl;
  if (mode === "disable" || host.startsWith("/")) return false;
  // They differ only in what libpq tries first.
  if (mode === "prefer" || mode === "allow") return "prefer";
  return {
    ...(rootCertificate === null || rootCertificate === "system" ? {} : { ca: read("sslrootcert", rootCertificate) }),
    ...(certificate === null || key === null ? {} : { cert: read("sslcert", certificate), key: read("sslkey", key) }),
    ...(keyPassword === null ? {} : { passphrase: keyPassword }),
    ...makeChecks(mode, rootCertificate !== null),
    // For the name in the certificate: with an IP address the driver gives none, and Node would take "localhost".
    host,
  };
}

function makeChecks(mode: SslMode, hasRoot: boolean): ConnectionOptions {
  if (mode === "verify-full") return { rejectUnauthorized: true };
  const isChecked = mode === "verify-ca" || (mode === "require" && hasRoot);
  return isChecked ? { rejectUnauthorized: true, checkServerIdentity: () => undefined } : { rejectUnauthorized: false };
}

function read(parameter: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartupError(`DATABASE_URL: the file of ${parameter} cannot be read (${code}): correct its path.`);
  }
}
