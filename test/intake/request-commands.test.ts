import { Command } from "commander";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readFieldLines } from "#cli/request-fields.ts";
import { registerRequests } from "#cli/request-commands.ts";
import type { Shell } from "#cli/shell.ts";
import type { Context } from "#context.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let t: TestContext;
let context: Context;
beforeEach(async () => {
  t = await testContext({ now: "2026-11-02T02:00:00Z" });
  context = t.context;
});
afterEach(() => t.dispose());

type Answer = { readonly document: Record<string, unknown>; readonly text: string };

const lethe = async (...args: string[]): Promise<Answer> => {
  let answer: Answer | undefined;
  const shell: Pick<Shell, "answer" | "withContext"> = {
    withContext: (work) => work(context),
    answer: (document, text) => {
      answer = { document: JSON.parse(JSON.stringify(document)) as Record<string, unknown>, text: text() };
    },
  };
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  registerRequests(program, shell as Shell, () => Promise.resolve({ hash: "a".repeat(64), shape: "b", whom: [] }));
  await program.parseAsync(["request", ...args], { from: "user" });
  if (answer === undefined) throw new Error("the command did not answer");
  return answer;
};

const add = async (...args: string[]): Promise<string> => String((await lethe("add", ...args)).document["ref"]);

test("add enters a request with today as the day of receipt; again, joins it", async () => {
  const { document, text } = await lethe("add", "--email", "A@Example.com", "--external-id", "c-7");
  expect(document).toEqual({ ref: expect.stringMatching(/^R-.{4}-.{4}-.{4}$/), repeated: false });
  expect(text).toBe(`${String(document["ref"])}: received`);
  expect(await lethe("add", "--external-id", "c-7", "--received", "2026-10-01")).toMatchObject({
    document: { ref: document["ref"], repeated: true },
  });
  const { document: shown } = await lethe("show", String(document["ref"]));
  expect(shown).toMatchObject({ state: "received", received: "2026-10-01", due: "2026-11-02", repeats: 1 });
});

test("add refuses what it cannot take, with the reason and without the value", async () => {
  const error: unknown = await lethe("add", "--email", "canary at example").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "REQUEST_INVALID", message: expect.stringContaining("EMAIL_INVALID") });
  expect(JSON.stringify(error) + String(error)).not.toContain("canary");
  await expect(lethe("add")).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  expect(await t.state.query("select from lethe.request")).toHaveLength(0);
});

test("add reads kind=value lines from standard input", async () => {
  const read = (text: string) => readFieldLines(Readable.from([Buffer.from(text)]));
  expect(await read("email = a=b@example.com\r\n\nexternal_id=c-7\nreceived=2026-10-05\n")).toEqual({
    email: "a=b@example.com",
    external_id: "c-7",
    received: "2026-10-05",
  });
  for (const wrong of ["canary@example.com", "canary=x", "email=canary\nemail=canary", "=canary"]) {
    await expect(read(wrong)).rejects.toSatisfy(
      (error) =>
        error instanceof Error && "code" in error && error.code === "USAGE" && !error.message.includes("canary"),
    );
  }
  await expect(read("email=".padEnd(20_000, "x"))).rejects.toMatchObject({ code: "USAGE" });
});

test("list shows references, deadlines and codes, the most urgent first, never identifiers", async () => {
  const late = await add("--email", "canary-1@example.com", "--received", "2026-09-30");
  const later = await add("--key", "canary-2", "--received", "2026-10-20");
  const soon = await add("--phone", "030 1234567", "--received", "2026-10-02");
  await lethe("hold", soon, "--matter", "AZ-7", "--by", "dpo");
  const all = await lethe("list");
  expect(all.document["requests"]).toEqual([
    {
      ref: late,
      state: "received",
      received: "2026-09-30",
      due: "2026-10-30",
      daysLeft: -3,
      code: null,
      scheduledFor: null,
    },
    {
      ref: soon,
      state: "held",
      received: "2026-10-02",
      due: "2026-11-02",
      daysLeft: 0,
      code: "LEGAL_HOLD",
      scheduledFor: null,
    },
    {
      ref: later,
      state: "received",
      received: "2026-10-20",
      due: "2026-11-20",
      daysLeft: 18,
      code: null,
      scheduledFor: null,
    },
  ]);
  expect(all.text.split("\n")[1]).toMatch(new RegExp(`^${late} +received +2026-09-30 +2026-10-30 +-3$`));
  expect(JSON.stringify(all)).not.toMatch(/canary|1234567/);
  expect((await lethe("list", "--overdue")).document["requests"]).toMatchObject([{ ref: late }]);
  expect((await lethe("list", "--state", "held")).document["requests"]).toMatchObject([{ ref: soon }]);
  await expect(lethe("list", "--state", "canary")).rejects.toMatchObject({ code: "USAGE" });
});

test("list pages through a register that is larger than a page without losing or repeating a request", async () => {
  await t.state.query(
    `insert into lethe.request (ref, state, received_on, due_on, due_basis, created_at, changed_at)
     select 'R-' || n, 'received', '2026-10-01', date '2026-11-02' + n % 3, 'x', now(), now() from generate_series(1, 2500) as n`,
  );
  const requests = (await lethe("list")).document["requests"] as { ref: string; due: string }[];
  expect(new Set(requests.map(({ ref }) => ref)).size).toBe(2500);
  expect(requests.map(({ due }) => due)).toEqual(requests.map(({ due }) => due).toSorted());
});

test("the life of a request is told by show, without identifiers", async () => {
  const ref = await add("--email", "canary@example.com", "--ground", "b");
  await lethe("approve", ref, "--by", "dpo");
  const { document, text } = await lethe("show", ref);
  expect(document).toMatchObject({
    state: "approved",
    ground: "b",
    daysLeft: 30,
    approved: { by: "dpo", plan: "a".repeat(64) },
    history: [{ kind: "request.received" }, { kind: "request.verified" }, { kind: "request.approved" }],
  });
  expect(text).toContain("Art. 17(1)(b)");
  expect(JSON.stringify(document) + text).not.toContain("canary");
});

test("approve takes references or --all, not both and not neither", async () => {
  const ref = await add("--key", "k");
  await expect(lethe("approve")).rejects.toMatchObject({ code: "USAGE" });
  await expect(lethe("approve", ref, "--all")).rejects.toMatchObject({ code: "USAGE" });
  expect(await lethe("approve", "--all")).toMatchObject({
    document: { approved: 1, withoutGround: 1 },
    text: "1 approved by plan aaaaaaaaaaaa\nof these 1 without a ground of Art. 17(1) GDPR: the next time give --ground with the approval, or enter requests with one",
  });
});

test("approve takes a ground of Art. 17(1) and no other letter", async () => {
  const ref = await add("--key", "k");
  await expect(lethe("approve", ref, "--ground", "g")).rejects.toMatchObject({ code: "USAGE" });
  expect(await lethe("approve", ref, "--ground", "B")).toMatchObject({
    document: { approved: 1, withoutGround: 0 },
    text: "1 approved by plan aaaaaaaaaaaa",
  });
  expect((await lethe("show", ref)).document).toMatchObject({ state: "approved", ground: "b" });
});

test("refuse takes a reason of the list and does not repeat another", async () => {
  const ref = await add("--key", "k");
  const error: unknown = await lethe("refuse", ref, "--reason", "canary annoyed us").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "USAGE", hint: expect.stringContaining("manifestly-unfounded") });
  expect(String(error)).not.toContain("canary");
  expect(await lethe("refuse", ref, "--reason", "excessive")).toMatchObject({
    document: { ref, state: "refused" },
    text: `${ref} is refused`,
  });
});

test("refuse on an exception of Art. 17(3) takes the provision that it rests on", async () => {
  const ref = await add("--key", "k");
  await expect(lethe("refuse", ref, "--reason", "legal-obligation")).rejects.toMatchObject({
    code: "REQUEST_INVALID",
    hint: expect.stringContaining("--citation"),
  });
  await lethe("refuse", ref, "--reason", "legal-obligation", "--citation", "HGB §257");
  expect((await lethe("show", ref)).document).toMatchObject({ refusal: { exception: "b", citation: "HGB §257" } });
});

test("refuse warns when the person had to be told earlier", async () => {
  const ref = await add("--key", "k", "--received", "2026-09-30");
  expect(await lethe("refuse", ref, "--reason", "excessive")).toEqual({
    document: { ref, state: "refused", late: { due: "2026-10-30", basis: "GDPR Art. 12(4)", days: 3 } },
    text: `${ref} is refused\nlate: 3 days after 2026-10-30, by when the person had to be told why (GDPR Art. 12(4)); tell them today`,
  });
});

test("hold, release and withdraw answer with the state that the request is in now", async () => {
  const ref = await add("--key", "k");
  expect((await lethe("hold", ref, "--matter", "AZ-7")).document).toEqual({ ref, state: "held" });
  expect((await lethe("release", ref)).document).toEqual({ ref, state: "received" });
  expect((await lethe("withdraw", ref)).document).toEqual({ ref, state: "withdrawn" });
});

test("import answers with counts and the rejected lines", async () => {
  const file = join(t.directory, "requests.csv");
  await writeFile(file, "received,email\n2026-10-05,a@example.com\n2026-10-05,canary\n");
  const first = await lethe("import", file);
  expect(first.document).toMatchObject({ rows: 2, accepted: 1, rejectedCount: 1, already: false });
  expect(first.text).toMatch(/^2 rows: 1 accepted, 0 joined open requests, 1 rejected\n\n[^]*\n +3 {2}EMAIL_INVALID/);
  expect((await lethe("import", file)).text).toMatch(/^imported before, nothing changed: 2 rows/);
});
