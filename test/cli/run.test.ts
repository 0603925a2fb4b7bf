import { afterEach, beforeEach, expect, test } from "vitest";
import { startLethe } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const schema = "create table customer (id int primary key, email text, age int)";
const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customer, key: id, identifiers: { email: email } }
tables:
  customer: { treatment: erase }
`;
const now = ["--now", "2026-11-02T12:00:00Z"];

let project: Project;
beforeEach(async () => {
  project = await createProject({ schema, policy, sections: { schedule: { nightly: "0 2 * * *" } } });
});
afterEach(() => project.dispose());

const run = (...args: string[]) => letheHere([...args, ...now], { cwd: project.directory });
const dueAt = async (): Promise<string | undefined> =>
  (await project.state.query<{ last_due_at: string }>("select last_due_at from lethe.job_state"))[0]?.last_due_at;
const runs = async (): Promise<number> =>
  (await project.state.query("select from lethe.run where ended_at is not null")).length;

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 250 && !(await condition()); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 100));
};

/** Starts `lethe schedule`, waits for `condition`, stops it with SIGTERM. */
const schedule = async (condition: (stderr: string) => Promise<boolean> | boolean) => {
  const running = startLethe(["schedule", "--json", ...now], { cwd: project.directory });
  await until(async () => condition(running.stderr()));
  running.kill("SIGTERM");
  return running.ended;
};

const dueTwoNightsAgo = () =>
  project.state.query("insert into lethe.job_state (job, last_due_at) values ('nightly', '2026-10-31T01:00:00Z')");
const lastNight = "2026-11-02T01:00:00.000Z";

test("a night with nothing to do is done, prints the contract's document and leaves a report", async () => {
  const ended = await run("run", "nightly", "--json");
  expect(ended).toMatchObject({ code: 0 });
  expect(JSON.parse(ended.stdout)).toMatchObject({
    run: expect.stringMatching(/^20261102T12/),
    requests: { received: 0, done: 0, refused: 0, withdrawn: 0, pending: 0, failed: 0, blocked: 0, overdue: 0 },
    steps: [],
    backups: { purged: 0, kept: 0 },
    residuals: 0,
    report: expect.stringContaining(project.directory),
  });
});

test("people get a screen on standard output and the stages on standard error", async () => {
  const ended = await run("run");
  expect(ended.code).toBe(0);
  expect(ended.stdout).toMatch(/│ run 20261102T12/);
  expect(ended.stdout).toContain("│ 0 requests received");
  expect(ended.stderr).toMatch(/✓ /);
});

test("the scheduler's first start counts from here and runs nothing", async () => {
  const ended = await schedule(async () => (await dueAt()) !== undefined);
  expect(ended).toMatchObject({ code: 0, stdout: '{"stopped":true,"runs":0}\n' });
  expect(await dueAt()).toBe(lastNight);
  expect(await runs()).toBe(0);
});

test("a night that was missed is caught up once, and not again by the next start", async () => {
  await dueTwoNightsAgo();
  const first = await schedule(async () => (await dueAt()) === lastNight);
  expect(first).toMatchObject({ code: 0, stdout: '{"stopped":true,"runs":1}\n' });
  const second = await schedule((stderr) => stderr.includes("scheduled"));
  expect(second).toMatchObject({ code: 0, stdout: '{"stopped":true,"runs":0}\n' });
  expect(await runs()).toBe(1);
  const state = await project.state.query("select last_ended_at is not null as ended from lethe.job_state");
  expect(state).toEqual([{ ended: true }]);
});

test("a night that another machine is at stays due here and is no error", async () => {
  await dueTwoNightsAgo();
  const client = await project.state.pool.raw.connect();
  await client.query("select pg_advisory_lock($1)", [0x6c65746865]);
  const ended = await schedule((stderr) => stderr.includes("another machine is at it"));
  client.release(true);
  expect(ended).toMatchObject({ code: 0, stdout: '{"stopped":true,"runs":0}\n' });
  expect(ended.stderr).not.toContain('"level":50');
  expect(await dueAt()).toBe("2026-10-31T01:00:00.000Z");
});

test("a night that fails is logged with its code, and the scheduler stays", async () => {
  await dueTwoNightsAgo();
  await project.store.query("create table forgotten (customer_id int references customer)");
  const ended = await schedule(async () => (await dueAt()) === lastNight);
  expect(ended).toMatchObject({ code: 0, stdout: '{"stopped":true,"runs":0}\n' });
  expect(ended.stderr).toContain('"code":"POLICY_TABLE_UNCOVERED"');
});

test("two runs at once: one works, the other is told", async () => {
  const client = await project.state.pool.raw.connect();
  await client.query("select pg_advisory_lock($1)", [0x6c65746865]);
  const ended = await run("run", "--json");
  client.release(true);
  expect(ended.code).toBe(1);
  expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: "RUN_IN_PROGRESS" } });
});

test("a policy that does not cover the store ends with exit 3 and the table's name", async () => {
  await project.store.query("create table forgotten (customer_id int references customer)");
  const ended = await run("run", "--json");
  expect(ended.code).toBe(3);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    error: { code: "POLICY_TABLE_UNCOVERED", message: expect.stringContaining("forgotten") },
  });
});
