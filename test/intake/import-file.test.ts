import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importFile } from "#intake/import-file.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let t: TestContext;
beforeEach(async () => {
  t = await testContext({ now: "2026-11-02T02:00:00Z" });
});
afterEach(() => t.dispose());

const file = async (content: string | Uint8Array, name = "requests.csv"): Promise<string> => {
  const path = join(t.directory, name);
  await writeFile(path, content);
  return path;
};
const take = async (content: string | Uint8Array, name?: string) => importFile(t.context, await file(content, name));

const requests = () =>
  t.state.query<{
    state: string;
    received_on: string;
    due_on: string;
    ground: string | null;
    repeats: number;
    named: string;
  }>(
    `select state, received_on::text, due_on::text, ground, repeats,
       (select string_agg(kind || '=' || value, ' ' order by kind) from lethe.request_identifier where request_id = id) as named
     from lethe.request order by id`,
  );
const entries = async () =>
  (await t.state.query<{ body: string }>("select body from lethe.ledger_entry order by index")).map(
    ({ body }) => JSON.parse(body) as { kind: string; request: string },
  );

describe("a file", () => {
  test("enters row by row with identifiers normalised, deadlines computed and entries in the ledger", async () => {
    const result = await take(
      "Email,RECEIVED, phone ,external_id,ground\nJulia@Example.com,2026-10-05,,,a\n,2026-11-01T23:30:00Z,030 1234567,c-7,\n",
    );
    expect(result).toMatchObject({ rows: 2, accepted: 2, repeated: 0, rejectedCount: 0, already: false });
    expect(await requests()).toEqual([
      {
        state: "received",
        received_on: "2026-10-05",
        due_on: "2026-11-05",
        ground: "a",
        repeats: 0,
        named: "email=julia@example.com",
      },
      // 00:30 on 2 November in Berlin
      {
        state: "received",
        received_on: "2026-11-02",
        due_on: "2026-12-02",
        ground: null,
        repeats: 0,
        named: "external_id=c-7 phone=+49301234567",
      },
    ]);
    expect(await entries()).toMatchObject([
      {
        kind: "request.received",
        received: "2026-10-05",
        due: "2026-11-05",
        basis: "GDPR Art. 12(3)",
        source: "import",
      },
      { kind: "request.received" },
    ]);
  });
});

describe("a wrong row", () => {
  test("is rejected with its line, code and reason while the others enter", async () => {
    const result = await take(
      [
        "received,email,phone,key,ground",
        "2026-10-05,ok@example.com,,,",
        "2026-10-05,not an address,,,",
        "2026-10-05,,call me,,",
        "2026-10-05,,,../../x,",
        "2026-10-05,,,,",
        ",a@example.com,,,",
        "05.10.2026,a@example.com,,,",
        "2026-13-05,a@example.com,,,",
        "2026-11-03,a@example.com,,,",
        "2018-05-24,a@example.com,,,",
        "2026-10-05,a@example.com,,,g",
        '2026-10-05,"=HYPERLINK(""x"")",,,',
        "2026-10-05,@SUM(1),,,",
        "2026-10-05,,=1+1,,",
        "2026-10-05,a@example.com",
        "2026-10-05,a@example.com,,,,x",
        "2026-10-05,,+49 30 7654321,,",
      ].join("\n"),
    );
    expect(result).toMatchObject({ rows: 17, accepted: 2, repeated: 0, rejectedCount: 15 });
    expect(result.rejected.map(({ line, code }) => [line, code])).toEqual([
      [3, "EMAIL_INVALID"],
      [4, "PHONE_INVALID"],
      [5, "IDENTIFIER_INVALID"],
      [6, "IDENTIFIER_MISSING"],
      [7, "RECEIVED_MISSING"],
      [8, "RECEIVED_INVALID"],
      [9, "RECEIVED_INVALID"],
      [10, "RECEIVED_IN_FUTURE"],
      [11, "RECEIVED_TOO_EARLY"],
      [12, "GROUND_INVALID"],
      [13, "FORMULA"],
      [14, "FORMULA"],
      [15, "FORMULA"],
      [16, "FIELD_COUNT"],
      [17, "FIELD_COUNT"],
    ]);
    expect(result.rejected.every(({ reason }) => reason.length > 10)).toBe(true);
  });

  test("is found by its line behind blank lines and cells of several lines; only the first hundred are listed", async () => {
    const rows = Array.from({ length: 150 }, () => "2026-10-05,nobody");
    const result = await take(`received,email\n\n2026-10-05,"two\nlines"\n${rows.join("\n")}\n`);
    expect(result).toMatchObject({ rows: 151, accepted: 0, rejectedCount: 151 });
    expect(result.rejected).toHaveLength(100);
    expect(result.rejected.slice(0, 2).map(({ line }) => line)).toEqual([3, 5]);
  });
});

describe("importing again", () => {
  test("changes nothing and says so, under any name", async () => {
    const content = "received,email\n2026-10-05,a@example.com\n2026-10-05,a\n";
    const first = await take(content);
    const again = await take(content, "copy.csv");
    expect(again).toEqual({ ...first, already: true });
    expect(await requests()).toHaveLength(1);
    expect(await entries()).toHaveLength(1);
  });

  test("goes on where a crash left off", async () => {
    const rows = Array.from({ length: 1203 }, (_, index) => `2026-10-05,key-${index}`);
    const path = await file(`received,key\n${rows.join("\n")}\n`);
    let chunks = 0;
    const stop = new AbortController();
    const dying = {
      ...t.context,
      signal: stop.signal,
      progress: { stage: () => undefined, end: () => undefined, advance: () => (chunks += 1) === 1 && stop.abort() },
    };
    await expect(importFile(dying, path)).rejects.toMatchObject({ code: "RUN_STOPPED" });
    expect(await requests()).toHaveLength(500);
    expect(await importFile(t.context, path)).toMatchObject({ rows: 1203, accepted: 1203, already: false });
    expect(await requests()).toHaveLength(1203);
    expect(await entries()).toHaveLength(1203);
  });

  test("at the same moment enters each row once", async () => {
    const rows = Array.from({ length: 1100 }, (_, index) => `2026-10-05,key-${index}`);
    const path = await file(`received,key\n${rows.join("\n")}\n`);
    const [one, other] = await Promise.all([importFile(t.context, path), importFile(t.context, path)]);
    expect(await requests()).toHaveLength(1100);
    expect(one.accepted).toBe(1100);
    expect(other.accepted).toBe(1100);
  });
});

describe("a person who asks again", () => {
  test("joins the open request; the earliest receipt counts", async () => {
    await take("received,email\n2026-10-05,a@example.com\n", "one.csv");
    const again = await take(
      "received,email,phone\n2026-10-20,A@EXAMPLE.COM,\n2026-09-30,a@example.com,030 1234567\n2026-10-21,,+49301234567\n",
      "two.csv",
    );
    expect(again).toMatchObject({ accepted: 0, repeated: 3 });
    expect(await requests()).toEqual([
      expect.objectContaining({
        received_on: "2026-09-30",
        due_on: "2026-10-30",
        repeats: 3,
        named: "email=a@example.com phone=+49301234567",
      }),
    ]);
    expect((await entries()).map(({ kind }) => kind)).toEqual([
      "request.received",
      ...Array.from({ length: 3 }, () => "request.repeated"),
    ]);
  });

  test("within one file joins the row before", async () => {
    const result = await take(
      "received,email,key\n2026-10-05,a@example.com,\n2026-10-04,,k1\n2026-10-03,a@example.com,k1\n2026-10-02,,k1\n",
    );
    expect(result).toMatchObject({ accepted: 2, repeated: 2 });
    expect(await requests()).toMatchObject([
      { received_on: "2026-10-03", repeats: 1, named: "email=a@example.com" },
      { received_on: "2026-10-02", repeats: 1, named: "key=k1" },
    ]);
  });

  test("after approval may not add identifiers that nobody approved", async () => {
    await take("received,email\n2026-10-05,a@example.com\n", "one.csv");
    await t.state.query("update lethe.request set state = 'approved'");
    const again = await take(
      "received,email,phone\n2026-10-20,a@example.com,\n2026-10-20,a@example.com,030 1234567\n",
      "two.csv",
    );
    expect(again).toMatchObject({ accepted: 0, repeated: 1, rejected: [{ line: 3, code: "REQUEST_UNDER_WAY" }] });
    expect(await requests()).toMatchObject([{ repeats: 1, named: "email=a@example.com" }]);
  });

  test.each(["erased", "completed", "refused", "withdrawn"])("after theirs was %s opens a new one", async (state) => {
    await take("received,email\n2026-10-05,a@example.com\n", "one.csv");
    await t.state.query("update lethe.request set state = $1", [state]);
    expect(await take("received,email\n2026-10-06,a@example.com\n", "two.csv")).toMatchObject({ accepted: 1 });
  });

  test("in two files imported at once still has one request", async () => {
    const rows = (from: number) =>
      Array.from({ length: 700 }, (_, index) => `2026-10-05,key-${from + index}`).join("\n");
    const one = await file(`received,key\n${rows(0)}\n`, "one.csv");
    const two = await file(`received,key\n${rows(350)}\n`, "two.csv");
    const results = await Promise.all([importFile(t.context, one), importFile(t.context, two)]);
    expect(await requests()).toHaveLength(1050);
    expect(results.reduce((sum, { repeated }) => sum + repeated, 0)).toBe(350);
  });
});

test("no identifier appears in errors, logs, the ledger or the file's own record", async () => {
  const canary = "canary-7f3e@example.com";
  const wrong = "canary-7f3e at example";
  const result = await take(
    `received,email,key\n2026-10-05,${canary},canary-7f3e\n2026-10-05,${wrong},\n2026-10-05,,canary-7f3e\n`,
  );
  const errors = [
    await take(`received,email\n2026-10-05,"${canary}"x\n`, "a.csv").catch((error: unknown) => error),
    await take(`${canary},received\n`, "b.csv").catch((error: unknown) => error),
  ];
  const text = [
    JSON.stringify(result),
    ...errors.map(
      (error) =>
        `${String(error)} ${JSON.stringify(error)} ${error instanceof Error ? `${error.stack} ${String(error.cause)}` : ""}`,
    ),
    t.logged(),
    JSON.stringify(await t.state.query("select * from lethe.ledger_entry")),
    JSON.stringify(await t.state.query("select * from lethe.import_file")),
    JSON.stringify(await t.state.query("select * from lethe.import_row")),
    JSON.stringify(await t.state.query("select * from lethe.request")),
  ].join("\n");
  expect(result).toMatchObject({ accepted: 1, repeated: 1, rejectedCount: 1 });
  expect(text).not.toContain("canary-7f3e");
});
