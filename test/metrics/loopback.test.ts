import { expect, test } from "vitest";
import { isFromThisMachine } from "../../src/metrics/loopback.ts";

const isFrom = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
  isFromThisMachine({ socket: { remoteAddress }, headers: { host: "localhost:4000", ...headers } });

test.each(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])("%s is this machine", (address) => {
  expect(isFrom(address)).toBe(true);
});

test.each([
  "10.0.0.7",
  "128.0.0.1",
  "192.168.127.1",
  "::ffff:10.0.0.7",
  "::2",
  "fe80::1",
  "2001:db8::127.0.0.1",
  "127.0.0.1.example.com",
  "",
  undefined,
])("%s is not this machine", (address) => {
  expect(isFrom(address)).toBe(false);
});

test.each(["x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via"])(
  "what a proxy on this machine passes on is not from this machine: %s",
  (name) => {
    expect(isFrom("127.0.0.1", { [name]: "127.0.0.1" })).toBe(false);
    expect(isFrom("127.0.0.1", { [name]: "" })).toBe(false);
  },
);

test.each(["localhost", "LOCALHOST:4000", "127.0.0.1:4000", "[::1]:4000"])("it is called %s", (host) => {
  expect(isFrom("127.0.0.1", { host })).toBe(true);
});

test.each(["shop.example.com", "localhost.example.com", "127.0.0.1.nip.io", "evil.example:4000", ""])(
  "a browser here that shows a page of %s does not ask for itself",
  (host) => {
    expect(isFrom("127.0.0.1", { host })).toBe(false);
  },
);
