import { expect, test } from "vitest";
import { preAuthenticationEncoding } from "#evidence/dsse.ts";

const encode = (type: string, body: string): string =>
  preAuthenticationEncoding(type, Buffer.from(body)).toString("utf8");

test("the pre-authentication encoding is the one of the DSSE specification's example", () => {
  expect(encode("http://example.com/HelloWorld", "hello world")).toBe(
    "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
  );
});

test("lengths are in bytes, not in characters", () => {
  expect(encode("ä", "€")).toBe("DSSEv1 2 ä 3 €");
});

test("an empty body has a length", () => {
  expect(encode("t", "")).toBe("DSSEv1 1 t 0 ");
});
