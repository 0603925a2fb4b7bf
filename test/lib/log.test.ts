import { expect, test } from "vitest";
import { LetheError } from "#lib/errors.ts";
import { createLogger, describeError, type LogOptions } from "#lib/log.ts";
import { createDatabase } from "#test/support/database.ts";

const canary = "canary-julia@example.com";

const logger = (options: Partial<LogOptions> = {}) => {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) > 0 } as unknown as NodeJS.WritableStream;
  return { log: createLogger({ level: "debug", pretty: false, destination, ...options }), text: () => lines.join("") };
};

test("every line of a run carries its id", () => {
  const { log, text } = logger();
  const run = log.child({ run: "20261102T020000Z-ABCDEF" });
  run.info({ store: "shop" }, "stage began");
  run.warn("slow");
  const lines = text()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map((line) => line["run"])).toEqual(["20261102T020000Z-ABCDEF", "20261102T020000Z-ABCDEF"]);
  expect(lines[0]).toMatchObject({ store: "shop", msg: "stage began" });
});

test.each([
  { email: canary },
  { request: { email: canary } },
  { request: { subject: { phone: canary } } },
  { identifiers: [{ kind: "email", value: canary }] },
  { row: { name: canary } },
  { store: { url: `postgres://x:${canary}@host/db` } },
  { parameters: [canary] },
])("redacts %j", (fields) => {
  for (const pretty of [false, true]) {
    const { log, text } = logger({ pretty });
    log.info(fields, "something");
    expect(text()).toContain("something");
    expect(text()).not.toContain(canary);
  }
});

test("an error of the database is logged by its SQLSTATE, without the row that it quotes", async () => {
  const database = await createDatabase(
    "create table customer (email text unique); insert into customer values ('" + canary + "')",
  );
  const error: unknown = await database.pool.raw
    .query("insert into customer values ($1)", [canary])
    .catch((thrown: unknown) => thrown);
  await database.drop();
  expect(error).toMatchObject({ detail: expect.stringContaining(canary) });
  const { log, text } = logger();
  log.error({ err: error }, "failed");
  log.error(
    { err: new LetheError("DATABASE_FAILED", "database shop: SQLSTATE 23505", { hint: "mend it", cause: error }) },
    "failed",
  );
  log.error({ error }, "failed");
  expect(text()).not.toContain(canary);
  expect(text().match(/"sqlstate":"23505"/g)).toHaveLength(3);
  expect(text()).toContain('"hint":"mend it"');
});

test("an error given as the line itself is described in the same way", () => {
  const { log, text } = logger();
  log.error(new Error(`cannot parse ${canary}`));
  log.error(Object.assign(new Error(canary), { name: canary, code: canary }), "failed");
  expect(text()).not.toContain(canary);
});

test("of a foreign error only the name and a code are kept, whatever it holds", () => {
  expect(describeError(new RangeError(canary))).toEqual({ name: "RangeError" });
  expect(describeError(Object.assign(new Error(canary), { code: "ECONNREFUSED" }))).toEqual({
    name: "Error",
    sqlstate: "ECONNREFUSED",
  });
  expect(describeError(canary)).toEqual({ name: "string" });
  expect(describeError(null)).toEqual({ name: "object" });
});
