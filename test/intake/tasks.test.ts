import { Command } from "commander";
import { afterEach, beforeEach, expect, test } from "vitest";
import { register } from "#cli/task.ts";
import type { Shell } from "#cli/shell.ts";
import { decider } from "#intake/decision.ts";
import type { Night } from "#test/execute/night.ts";
import { openShop, people } from "#test/report/night-of-outcomes.ts";

let night: Night;
beforeEach(async () => void (night = await openShop()));
afterEach(() => night.dispose());

type Answer = { readonly document: Record<string, unknown>; readonly text: string };

const lethe = async (now: string, ...args: string[]): Promise<Answer> => {
  let answer: Answer | undefined;
  const shell: Pick<Shell, "answer" | "withContext"> = {
    withContext: (work) => work(night.at(now)),
    answer: (document, text) => {
      answer = { document: JSON.parse(JSON.stringify(document)) as Record<string, unknown>, text: text() };
    },
  };
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  register(program, shell as Shell);
  await program.parseAsync(["task", ...args], { from: "user" });
  if (answer === undefined) throw new Error("the command did not answer");
  return answer;
};

const later = "2026-11-05T08:00:00Z";
const entries = () =>
  night.state.query<{ body: string }>("select body from lethe.ledger_entry where kind = 'task.settled' order by index");

test("list shows what is open and since when; only the document names the record", async () => {
  const [ref, other] = await night.ask(...people(2));
  await night.nightly();
  const { document, text } = await lethe(later, "list");
  const task = { store: "shop", recipient: "Gateway", task: "delete_payment_method", state: "open", age: 3 };
  expect(document["tasks"]).toMatchObject([
    { ...task, id: 1, request: ref, reference: "tok-canary-1", settled: null },
    { ...task, id: 2, request: other, reference: "tok-canary-2" },
  ]);
  expect(text.split("\n")[1]).toBe(`   1  ${ref}  shop   Gateway    delete_payment_method  open      3`);
  expect(text).not.toContain("canary");
  expect((await lethe(later, "list", "--state", "failed")).text).toBe("no failed tasks");
  await expect(lethe(later, "list", "--state", "canary")).rejects.toMatchObject({ code: "USAGE" });
});

test("done and failed settle tasks, forget the name of the record, and write who said so into the ledger", async () => {
  const [ref, other] = await night.ask(...people(2));
  await night.nightly();
  expect(await lethe(later, "done", "1", "--by", "Julia Winter")).toEqual({
    document: { settled: [{ id: 1, request: ref, state: "done" }] },
    text: `task 1 of ${ref} is done`,
  });
  await lethe(later, "failed", "2", "--by", "dpo");
  expect(
    await night.state.query("select state, reference, settled_at is not null as settled from lethe.task order by id"),
  ).toEqual([
    { state: "done", reference: null, settled: true },
    { state: "failed", reference: null, settled: true },
  ]);
  const bodies = (await entries()).map(({ body }) => body);
  expect(bodies.map((body) => JSON.parse(body) as unknown)).toMatchObject([
    { run: null, request: ref, recipient: "Gateway", state: "done", by: decider(night.context, "Julia Winter") },
    { request: other, state: "failed", by: decider(night.context, "dpo") },
  ]);
  expect(bodies.join()).not.toMatch(/Julia|canary/);
  expect((await lethe(later, "list", "--state", "all")).document["tasks"]).toMatchObject([
    { id: 1, reference: null, age: null },
    { id: 2, reference: null },
  ]);
});

test("a task that is unknown or settled refuses all that were named with it", async () => {
  await night.ask(...people(2));
  await night.nightly();
  await lethe(later, "done", "1");
  await expect(lethe(later, "done", "2", "1")).rejects.toMatchObject({
    code: "TASK_STATE",
    message: "task 1 is done already: nothing was settled",
  });
  await expect(lethe(later, "failed", "2", "99")).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
  const error: unknown = await lethe(later, "done", "tok-canary-2").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "TASK_UNKNOWN" });
  expect(String(error)).not.toContain("canary");
  expect((await lethe(later, "list")).document["tasks"]).toMatchObject([{ id: 2, state: "open" }]);
  expect(await entries()).toHaveLength(1);
});

test("a request is completed only when no task of it is open", async () => {
  const [ref = "", other = ""] = await night.ask(...people(2));
  await night.nightly();
  expect(await night.requests(ref, other)).toMatchObject([{ state: "erased" }, { state: "erased" }]);
  await lethe(later, "done", "1");
  await night.nightly(night.at("2026-11-06T02:00:00Z"));
  expect(await night.requests(ref, other)).toMatchObject([{ state: "completed" }, { state: "erased" }]);
  await lethe("2026-11-06T08:00:00Z", "failed", "2");
  await night.nightly(night.at("2026-11-07T02:00:00Z"));
  expect(await night.requests(other)).toMatchObject([{ state: "completed" }]);
});
