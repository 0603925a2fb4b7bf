// `npm run bench`: set-based scripts written by hand against `lethe run`, in turns, on the same data; `-- --case expiry` for one of the
// cases. `--small` is for the tests: the same steps on some hundred customers, where only correctness counts.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchAnalytics } from "#test/bench/analytics/bench.ts";
import { benchBilling } from "#test/bench/billing/bench.ts";
import { benchBuckets } from "#test/bench/buckets/bench.ts";
import { benchExpiry } from "#test/bench/expiry/bench.ts";
import { benchDigests } from "#test/bench/digests/bench.ts";
import { aimLine, median, rounded, type Aim } from "#test/bench/figures.ts";
import { timeScan } from "#test/bench/scan.ts";
import { eraseByScript } from "#test/bench/script.ts";
import { drawSubjects, mistakesFor, totalsOf, type Subject } from "#test/bench/subjects.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { benchRestore } from "#test/bench/restore/bench.ts";
import { openWorkplace, serverSettings, type Workplace } from "#test/bench/workplace.ts";

type Plan = {
  readonly customers: number;
  readonly subjects: number;
  readonly turns: number;
  readonly sizes: readonly number[];
  readonly warmUp: number;
};

const plans: Readonly<Record<"small" | "full", Plan>> = {
  small: { customers: 500, subjects: 50, turns: 1, sizes: [10], warmUp: 0 },
  full: { customers: 500_000, subjects: 10_000, turns: 3, sizes: [1_000, 10_000, 100_000], warmUp: 1_000 },
};

type Night = { readonly erase: number; readonly verify: number; readonly megabytes: number; readonly intake: number };

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Whatever was changed by either side has to be right: a fast erasure that forgets a table is no erasure. */
const expectErased = async ({ client }: Workplace, subjects: readonly Subject[]): Promise<void> => {
  const mistakes = await mistakesFor(client, subjects);
  if (Object.keys(mistakes).length > 0) throw new Error(`not erased: ${JSON.stringify(mistakes)}`);
};

const letheTurn = async (place: Workplace, subjects: readonly Subject[]): Promise<Night> => {
  const intake = await place.request(subjects.map(({ email }) => email));
  await place.client.query("checkpoint");
  const erase = await place.lethe("run", "erase");
  const verify = await place.lethe("run", "verify");
  await expectErased(place, subjects);
  const megabytes = Math.max(erase.megabytes, verify.megabytes);
  return { erase: erase.seconds, verify: verify.seconds, megabytes, intake };
};

const scriptTurn = async (place: Workplace, subjects: readonly Subject[]): Promise<number> => {
  await place.client.query("checkpoint");
  const ids = subjects.map(({ id }) => id);
  const began = performance.now();
  await eraseByScript(place.client, ids);
  const seconds = (performance.now() - began) / 1000;
  await expectErased(place, subjects);
  return seconds;
};

const bench = async (place: Workplace, { subjects, turns, sizes, warmUp }: Plan) => {
  const { client } = place;
  const totals = await totalsOf(client);
  let draws = 0;
  const draw = (count: number): Promise<readonly Subject[]> => drawSubjects(client, count, (draws += 1));

  if (warmUp > 0) {
    say("warming up");
    await scriptTurn(place, await draw(warmUp));
    await letheTurn(place, await draw(warmUp));
  }

  const script: number[] = [];
  const nights: Night[] = [];
  for (let turn = 1; turn <= turns; turn += 1) {
    script.push(await scriptTurn(place, await draw(subjects)));
    nights.push(await letheTurn(place, await draw(subjects)));
    const night = nights.at(-1);
    say(
      `turn ${turn}: script ${script.at(-1)?.toFixed(1)} s, erase ${night?.erase.toFixed(1)} s, verify ${night?.verify.toFixed(1)} s`,
    );
  }

  const bySize: ({ readonly subjects: number } & Night)[] = [];
  for (const size of sizes) {
    const night = await letheTurn(place, await draw(size));
    bySize.push({ subjects: size, ...night });
    say(
      `${size} subjects: erase ${night.erase.toFixed(1)} s, verify ${night.verify.toFixed(1)} s, ${night.megabytes.toFixed(0)} MB`,
    );
  }

  const scan = await timeScan(client, { parallel: false });
  const parallelScan = await timeScan(client, { parallel: true });
  const idle: number[] = [];
  for (let night = 0; night < turns; night += 1) idle.push((await place.lethe("run", "nightly")).seconds);

  const after = await totalsOf(client);
  if (JSON.stringify(after) !== JSON.stringify(totals)) throw new Error("totals that nobody may change have changed");
  return { subjects, script, nights, bySize, scan, parallelScan, idle };
};

type Measured = Awaited<ReturnType<typeof bench>>;

const summaryOf = ({ subjects, script, nights, bySize, scan, parallelScan, idle }: Measured) => {
  const erase = median(nights.map((night) => night.erase));
  const whole = median(nights.map((night) => night.erase + night.verify));
  const verify = median(nights.map((night) => night.verify));
  const hand = median(script);
  const perSubject = bySize.map((night) => (1000 * (night.erase + night.verify)) / night.subjects);
  const memory = bySize.map((night) => night.megabytes);
  const aims: Aim[] = [
    { what: "lethe without verification / script", measured: erase / hand, atMost: 1.5 },
    { what: "verification / one sequential scan", measured: verify / scan, atMost: 2 },
    { what: "peak memory, MB", measured: Math.max(...memory), atMost: 200 },
    { what: "peak memory, most / fewest subjects", measured: (memory.at(-1) ?? 0) / (memory[0] ?? 1), atMost: 1.1 },
    {
      what: "ms a subject, most / fewest subjects",
      measured: (perSubject.at(-1) ?? 0) / (perSubject[0] ?? 1),
      atMost: 1,
    },
    { what: "a night with nothing due, s", measured: median(idle), atMost: 2 },
  ];
  return {
    medians: { script: hand, erase, verify, eraseAndVerify: whole, scan, parallelScan, idle: median(idle) },
    ratios: { withoutVerification: erase / hand, withVerification: whole / hand, verificationToScan: verify / scan },
    subjectsPerSecond: { script: subjects / hand, erase: subjects / erase, eraseAndVerify: subjects / whole },
    bySize,
    aims,
  };
};

const textOf = ({ medians, ratios, subjectsPerSecond, bySize, aims }: ReturnType<typeof summaryOf>): string =>
  [
    `medians in seconds: script ${rounded(medians.script)}, lethe erase ${rounded(medians.erase)}, lethe verify ${rounded(medians.verify)}`,
    `lethe / script: ${rounded(ratios.withoutVerification)} without verification, ${rounded(ratios.withVerification)} with`,
    `subjects a second: script ${rounded(subjectsPerSecond.script)}, lethe erase ${rounded(subjectsPerSecond.erase)}, with verification ${rounded(subjectsPerSecond.eraseAndVerify)}`,
    `one sequential scan of all text columns: ${rounded(medians.scan)} s, in parallel ${rounded(medians.parallelScan)} s`,
    ...bySize.map(
      (night) =>
        `${night.subjects} subjects: ${rounded((1000 * night.erase) / night.subjects)} ms each to erase, ` +
        `${rounded((1000 * night.verify) / night.subjects)} ms to verify, peak ${rounded(night.megabytes)} MB`,
    ),
    ...aims.map(aimLine),
  ].join("\n");

const { values: options } = parseArgs({
  options: {
    // `shop`, `chargebee`, `expiry`, `analytics`, `buckets`, `digests`, `restore`, or all of them.
    case: { type: "string", default: "all" },
    small: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    customers: { type: "string" },
    retained: { type: "string" },
    // Of the case `restore`.
    subjects: { type: "string" },
    turns: { type: "string" },
    // Where the databases are built and stay, to be used again; a temporary directory unless given.
    directory: { type: "string" },
  },
});
const turns = options.turns === undefined ? {} : { turns: Number(options.turns) };
const size = options.customers === undefined ? {} : { customers: Number(options.customers) };
const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "lethe-bench-")));
const opened = new AsyncDisposableStack();
if (options.directory === undefined) opened.defer(() => rm(directory, { recursive: true, force: true }));
// The server outlives a process that dies, and the database is large.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void opened.disposeAsync().finally(() => process.exit(1)));
}

const benchShop = async () => {
  const plan = { ...plans[options.small ? "small" : "full"], ...size, ...turns };
  await using place = await openWorkplace(join(directory, "shop"), plan.customers, say);
  say(`the embedded PostgreSQL, without fsync, a checkpoint before every turn, ${serverSettings.join(", ")}`);
  const summary = summaryOf(await bench(place, plan));
  return { summary, text: textOf(summary) };
};

const benchChargebee = () =>
  benchBilling({
    ...(options.small
      ? { customers: 500, subjects: 60, turns: 1 }
      : { customers: 100_000, subjects: 10_000, turns: 3 }),
    ...size,
    ...turns,
    directory: join(directory, "billing"),
  });

const benchBooks = () =>
  benchExpiry({
    ...(options.small ? { retained: 20_000, turns: 1 } : { retained: 10_000_000, turns: 3 }),
    ...(options.retained === undefined ? {} : { retained: Number(options.retained) }),
    ...turns,
    directory: join(directory, "books"),
  });

const benchEvents = () =>
  benchAnalytics({
    ...(options.small
      ? { events: 20_000, subjects: 500, turns: 1 }
      : { events: 10_000_000, subjects: 10_000, turns: 3 }),
    ...turns,
    directory: join(directory, "events"),
  });

const benchS3 = async () => {
  if (gatewayMissing !== undefined) {
    say(`no buckets: ${gatewayMissing}`);
    return undefined;
  }
  return benchBuckets({
    ...(options.small ? { versions: 1_500, turns: 1 } : { versions: 100_000, turns: 3 }),
    ...turns,
    directory: join(directory, "buckets"),
  });
};

const benchDumps = () =>
  benchDigests({
    ...(options.small ? { files: 2, megabytes: 1, turns: 1 } : { files: 4, megabytes: 1_000, turns: 5 }),
    ...turns,
    directory: join(directory, "dumps"),
  });

const benchReplay = () =>
  benchRestore({
    ...(options.small
      ? { customers: 500, subjects: 60, turns: 1 }
      : { customers: 100_000, subjects: 50_000, turns: 3 }),
    ...size,
    ...(options.subjects === undefined ? {} : { subjects: Number(options.subjects) }),
    ...turns,
    directory: join(directory, "restore"),
  });

if (!["all", "shop", "chargebee", "expiry", "analytics", "buckets", "digests", "restore"].includes(options.case))
  throw new Error(`no case ${options.case}`);
const wanted = (name: string): boolean => options.case === "all" || options.case === name;

try {
  const shop = wanted("shop") ? await benchShop() : undefined;
  const chargebee = wanted("chargebee") ? await benchChargebee() : undefined;
  const expiry = wanted("expiry") ? await benchBooks() : undefined;
  const analytics = wanted("analytics") ? await benchEvents() : undefined;
  const buckets = wanted("buckets") ? await benchS3() : undefined;
  const digests = wanted("digests") ? await benchDumps() : undefined;
  const restore = wanted("restore") ? await benchReplay() : undefined;
  const summary = {
    ...shop?.summary,
    chargebee: chargebee?.summary,
    expiry: expiry?.summary,
    analytics: analytics?.summary,
    buckets: buckets?.summary,
    digests: digests?.summary,
    restore: restore?.summary,
  };
  const text = [shop, chargebee, expiry, analytics, buckets, digests, restore]
    .flatMap((each) => (each === undefined ? [] : [each.text]))
    .join("\n\n");
  process.stdout.write(`${options.json ? JSON.stringify(summary) : text}\n`);
} finally {
  await opened.disposeAsync();
}
