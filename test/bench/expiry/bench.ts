import { copyFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { closePool } from "#db/pool.ts";
import { openState } from "#db/state.ts";
import type { Timed } from "#test/bench/command.ts";
import { openCopies, say } from "#test/bench/copies.ts";
import { buildBooks, today } from "#test/bench/expiry/build.ts";
import { expireByScript } from "#test/bench/expiry/script.ts";
import { aimLine, median, rounded } from "#test/bench/figures.ts";
import { differences, fingerprints } from "#test/bench/same.ts";

export type ExpiryOptions = {
  /** Retained rows of all tables together; two of a hundred are due. */
  readonly retained: number;
  readonly turns: number;
  /** Where the database is built and stays, to be used again. */
  readonly directory: string;
};

type Turn = {
  readonly rows: number;
  readonly script: number;
  readonly expire: number;
  /** The night after, in which nothing is due. */
  readonly idle: number;
  readonly megabytes: number;
};

/**
 * Old books that go without a request, against SQL written by hand that does the same: in turns, each on a fresh copy of the same
 * database. Throws when the two copies do not end alike, or Lethe's record of what went is not what the script's statements say.
 */
export const benchExpiry = async ({ retained, turns, directory }: ExpiryOptions) => {
  await using copies = await openCopies({
    directory,
    name: "books",
    build: (client) => buildBooks(client, retained, say),
    controller: 'time_zone: Europe/Berlin, fiscal_year_begins: "04-01"',
  });
  await copyFile(resolve(import.meta.dirname, "policy.yaml"), join(directory, "policy.yaml"));

  const byScript = async () => {
    const client = await copies.fresh("by_hand");
    const began = performance.now();
    const rows = await expireByScript(client);
    return { client, rows, seconds: (performance.now() - began) / 1000 };
  };

  const byLethe = async () => {
    const { client, lethe: command } = await copies.forLethe();
    const lethe = (...args: string[]): Promise<Timed> => command("--now", `${today}T02:00:00Z`, ...args);
    // A night finds Lethe's own database made.
    await closePool((await openState(copies.url("lethe"))).pool);
    const expire = await lethe("run", "expire");
    const idle = await lethe("run", "expire");
    return { client, expire, idle };
  };

  const turn = async (number: number): Promise<Turn> => {
    // Each side goes first every other time.
    const scriptFirst = number % 2 === 1;
    const early = scriptFirst ? await byScript() : undefined;
    const lethe = await byLethe();
    const script = early ?? (await byScript());
    const state = await copies.connect("lethe");
    const recorded = await state.query<{ table: string; rows: string }>(
      `select table_name as "table", sum(rows)::text as rows from lethe.expiry group by 1`,
    );
    const different = [
      ...differences(await fingerprints(script.client), await fingerprints(lethe.client)),
      ...differences(asText(script.rows), Object.fromEntries(recorded.rows.map(({ table, rows }) => [table, rows]))),
    ];
    if (different.length > 0) throw new Error(`the two sides differ in ${different.join(", ")}`);
    await Promise.all([script, lethe, { client: state }].map(({ client }) => client.end()));
    const measured = {
      rows: Object.values(script.rows).reduce((sum, count) => sum + count, 0),
      script: script.seconds,
      expire: lethe.expire.seconds,
      idle: lethe.idle.seconds,
      megabytes: Math.max(lethe.expire.megabytes, lethe.idle.megabytes),
    };
    say(
      `turn ${number}: ${measured.rows} rows, script ${measured.script.toFixed(1)} s, expire ${measured.expire.toFixed(1)} s, nothing due ${measured.idle.toFixed(1)} s`,
    );
    return measured;
  };

  const measured: Turn[] = [];
  for (let number = 1; number <= turns; number += 1) measured.push(await turn(number));
  const summary = { retained, ...summaryOf(measured) };
  return { summary, text: textOf(summary) };
};

const asText = (counts: Readonly<Record<string, number>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(counts).map(([table, count]) => [table, String(count)]));

const summaryOf = (turns: readonly Turn[]) => {
  const of = (key: keyof Turn): number => median(turns.map((each) => each[key]));
  return {
    rows: of("rows"),
    medians: { script: of("script"), expire: of("expire"), idle: of("idle") },
    ratio: of("expire") / of("script"),
    // A night's start, reading of the catalog and report are the same for one due row and a million: a script has none of them.
    dueRatio: median(turns.map(({ expire, idle, script }) => (expire - idle) / script)),
    rowsPerSecond: { script: of("rows") / of("script"), expire: of("rows") / of("expire") },
    megabytes: Math.max(...turns.map(({ megabytes }) => megabytes)),
  };
};

const textOf = ({ retained, rows, medians, ratio, dueRatio, rowsPerSecond, megabytes }: ExpirySummary): string =>
  [
    `expiry of ${rows.toLocaleString("en-GB")} of ${retained.toLocaleString("en-GB")} retained rows:`,
    `medians in seconds: script ${rounded(medians.script)}, lethe ${rounded(medians.expire)}, and ${rounded(medians.idle)} for the run after it, with nothing due`,
    `rows a second: script ${rounded(rowsPerSecond.script)}, lethe ${rounded(rowsPerSecond.expire)}; peak memory ${rounded(megabytes)} MB`,
    aimLine({ what: "lethe's whole process / script", measured: ratio, atMost: 1.5 }),
    aimLine({ what: "what the due rows add to a night / script", measured: dueRatio, atMost: 1.5 }),
  ].join("\n");

type ExpirySummary = { readonly retained: number } & ReturnType<typeof summaryOf>;
