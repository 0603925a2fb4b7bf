import { copyFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type pg from "pg";
import { buildEvents } from "#test/bench/analytics/build.ts";
import type { Timed } from "#test/bench/command.ts";
import { openCopies, say } from "#test/bench/copies.ts";
import { aimLine, median, rounded, type Aim } from "#test/bench/figures.ts";
import { differences, fingerprints } from "#test/bench/same.ts";

export type AnalyticsOptions = {
  readonly events: number;
  readonly subjects: number;
  readonly turns: number;
  /** Where the database is built and stays, to be used again. */
  readonly directory: string;
};

/** What an engineer writes by hand: it measures nothing, proves no total, keeps no record. */
const bareUpdates = [
  `update events e set customer_id = null, session = null, at = date_trunc('month', at, 'UTC'), url = null
    from chosen c where e.customer_id = c.id`,
  "update customers set email = null where id in (select id from chosen)",
];

/** The same grouping, and nothing made of it. */
const bareGroupBy = "select count(*) from (select 1 from events group by country, plan, event, amount) g";

type Turn = {
  readonly update: number;
  readonly erase: number;
  /** The night after, in which nobody is due. */
  readonly idle: number;
  readonly groupBy: number;
  readonly measure: number;
  readonly megabytes: number;
};

/**
 * Events of people who ask, de-identified with every gate, against one bare UPDATE a table; and k, l and t of the whole table against one GROUP
 * BY: in turns, each on a fresh copy of the same database. Throws when the two copies do not end alike.
 */
export const benchAnalytics = async ({ events, subjects, turns, directory }: AnalyticsOptions) => {
  await using copies = await openCopies({
    directory,
    name: "events",
    build: (client) => buildEvents(client, events, say),
    controller: "time_zone: UTC",
  });
  await copyFile(resolve(import.meta.dirname, "policy.yaml"), join(directory, "policy.yaml"));
  const chosen = Array.from({ length: subjects }, (_, index) => 1 + index * Math.floor(events / 20 / subjects));
  await writeFile(
    join(directory, "requests.csv"),
    `received,email\n${chosen.map((id) => `2026-11-02,customer${id}@mail.example\n`).join("")}`,
  );

  const timed = async (client: pg.Client, statements: readonly string[]): Promise<number> => {
    const began = performance.now();
    for (const statement of statements) await client.query(statement);
    return (performance.now() - began) / 1000;
  };

  const byHand = async () => {
    const client = await copies.fresh("by_hand");
    await client.query("create temporary table chosen (id bigint primary key)");
    await client.query("insert into chosen select unnest($1::bigint[])", [chosen]);
    const groupBy = await timed(client, [bareGroupBy]);
    const update = await timed(client, [...bareUpdates, "analyze events", "analyze customers"]);
    return { client, groupBy, update };
  };

  const byLethe = async () => {
    const { client, lethe: command } = await copies.forLethe();
    const lethe = (...args: string[]): Promise<Timed> => command("--now", "2026-11-02T02:00:00Z", ...args);
    await lethe("request", "import", "requests.csv");
    await lethe("request", "approve", "--all");
    const measure = await lethe("anonymity", "measure", "events", "--sensitive", "amount");
    const erase = await lethe("run", "erase");
    const idle = await lethe("run", "erase");
    return { client, measure, erase, idle };
  };

  const turn = async (number: number): Promise<Turn> => {
    // Each side goes first every other time.
    const early = number % 2 === 1 ? await byHand() : undefined;
    const lethe = await byLethe();
    const hand = early ?? (await byHand());
    const different = differences(await fingerprints(hand.client), await fingerprints(lethe.client));
    if (different.length > 0) throw new Error(`the two sides differ in ${different.join(", ")}`);
    await Promise.all([hand.client.end(), lethe.client.end()]);
    const measured = {
      update: hand.update,
      erase: lethe.erase.seconds,
      idle: lethe.idle.seconds,
      groupBy: hand.groupBy,
      measure: lethe.measure.seconds,
      megabytes: Math.max(lethe.erase.megabytes, lethe.measure.megabytes),
    };
    const shown = ["update", "erase", "idle", "groupBy", "measure"] as const;
    say(`turn ${number}: ${shown.map((name) => `${name} ${measured[name].toFixed(1)} s`).join(", ")}`);
    return measured;
  };

  const measured: Turn[] = [];
  for (let number = 1; number <= turns; number += 1) measured.push(await turn(number));
  const summary = { events, subjects, ...summaryOf(measured) };
  return { summary, text: textOf(summary) };
};

const summaryOf = (turns: readonly Turn[]) => {
  const of = (key: keyof Turn): number => median(turns.map((each) => each[key]));
  const ratio = (of_: (turn: Turn) => number): number => median(turns.map(of_));
  const aims: readonly Aim[] = [
    {
      what: "lethe's whole process / bare UPDATE",
      measured: ratio(({ erase, update }) => erase / update),
      atMost: 1.5,
    },
    {
      what: "what the people due add to a night / bare UPDATE",
      measured: ratio(({ erase, idle, update }) => (erase - idle) / update),
      atMost: 1.5,
    },
    {
      what: "k, l and t, whole process / one GROUP BY",
      measured: ratio((each) => each.measure / each.groupBy),
      atMost: 1.5,
    },
  ];
  return {
    medians: {
      update: of("update"),
      erase: of("erase"),
      idle: of("idle"),
      groupBy: of("groupBy"),
      measure: of("measure"),
    },
    megabytes: Math.max(...turns.map(({ megabytes }) => megabytes)),
    aims,
  };
};

const textOf = ({ events, subjects, medians, megabytes, aims }: AnalyticsSummary): string =>
  [
    `${subjects.toLocaleString("en-GB")} subjects in ${events.toLocaleString("en-GB")} events:`,
    `medians in seconds: bare UPDATE ${rounded(medians.update)}, lethe erase ${rounded(medians.erase)}, and ${rounded(medians.idle)} for the run after it`,
    `one GROUP BY ${rounded(medians.groupBy)}, lethe anonymity measure ${rounded(medians.measure)}; peak memory ${rounded(megabytes)} MB`,
    ...aims.map(aimLine),
  ].join("\n");

type AnalyticsSummary = { readonly events: number; readonly subjects: number } & ReturnType<typeof summaryOf>;
