import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Temporal } from "temporal-polyfill";
import { buildBilling } from "#test/bench/billing/build.ts";
import { comparison, outcomeOf, type Variant } from "#test/bench/billing/same.ts";
import { deleteByScript } from "#test/bench/billing/script.ts";
import { openCopies, say } from "#test/bench/copies.ts";
import { aimLine, median, rounded } from "#test/bench/figures.ts";
import { differences, fingerprints } from "#test/bench/same.ts";

export type BillingOptions = {
  readonly customers: number;
  readonly subjects: number;
  readonly turns: number;
  /** Where the database is built and stays, to be used again. */
  readonly directory: string;
};

/** The policy that ships, with the four options that decide about its blockers all on, or all off. */
const policyText = async (variant: Variant): Promise<string> => {
  const text = await readFile(resolve(import.meta.dirname, "../../../policies/chargebee.yaml"), "utf8");
  return ["unlink_hierarchy", "remove_payments", "remove_allocations", "unlink_gifts"].reduce((edited, option) => {
    const line = new RegExp(`^  ${option}: (true|false)$`, "m");
    if (!line.test(edited)) throw new Error(`chargebee.yaml has no option ${option}`);
    return edited.replace(line, `  ${option}: ${variant === "remedy"}`);
  }, text);
};

type Turn = {
  readonly blocked: number;
  readonly script: number;
  readonly schedule: number;
  readonly erase: number;
  readonly megabytes: number;
};

/**
 * The Chargebee policy with all its blockers, once as remedies and once as refusals, against a script written by hand that checks and does
 * the same: in turns, each on a fresh copy of the same database for the same customers. Throws when the two copies do not end alike.
 */
export const benchBilling = async ({ customers, subjects, turns, directory }: BillingOptions) => {
  await using copies = await openCopies({
    directory,
    name: "billing",
    build: (client) => buildBilling(client, customers, say),
    controller: "time_zone: Europe/Berlin",
  });

  const turn = async (number: number, variant: Variant): Promise<Turn> => {
    await writeFile(join(directory, "policy.yaml"), await policyText(variant));
    const byHand = await copies.fresh("by_hand");
    const drawn = await byHand.query<{ id: string; email: string }>(
      "select id, email from customers order by hashint8extended(id, $2) limit $1",
      [subjects, number],
    );
    const ids = drawn.rows.map(({ id }) => Number(id));
    const began = performance.now();
    const outcome = await deleteByScript(byHand, ids, variant);
    const script = (performance.now() - began) / 1000;

    const { client: byLethe, lethe } = await copies.forLethe();
    const file = join(directory, `requests-${number}.csv`);
    await writeFile(file, `received,email\n${drawn.rows.map(({ email }) => `2026-11-02,${email}\n`).join("")}`);
    // The time of grace is five minutes: the first run checks and schedules, the second, which is timed, checks again and deletes.
    const start = Temporal.Now.instant();
    await lethe("--now", start.toString(), "request", "import", file);
    await lethe("--now", start.toString(), "request", "approve", "--all");
    const schedule = await lethe("--now", start.toString(), "run", "erase");
    const erase = await lethe("--now", start.add({ minutes: 10 }).toString(), "run", "erase");

    const state = await copies.connect("lethe");
    const different = [
      ...differences(await fingerprints(byHand, comparison), await fingerprints(byLethe, comparison)),
      ...differences(outcome, await outcomeOf(state)),
    ];
    if (different.length > 0) throw new Error(`the two sides differ in ${different.join(", ")}`);
    await Promise.all([byHand, byLethe, state].map((client) => client.end()));
    const blocked = Object.entries(outcome).reduce(
      (sum, [what, value]) => sum + (what.startsWith("blocked") ? Number(value) : 0),
      0,
    );
    say(
      `turn ${number}, ${variant}: script ${script.toFixed(1)} s, scheduling ${schedule.seconds.toFixed(1)} s, erase ${erase.seconds.toFixed(1)} s`,
    );
    return {
      blocked,
      script,
      schedule: schedule.seconds,
      erase: erase.seconds,
      megabytes: Math.max(schedule.megabytes, erase.megabytes),
    };
  };

  const measured: Record<Variant, Turn[]> = { remedy: [], block: [] };
  for (let number = 1; number <= turns; number += 1) {
    for (const variant of ["remedy", "block"] as const) measured[variant].push(await turn(number, variant));
  }
  const remedy = summaryOf(subjects, measured.remedy);
  const block = summaryOf(subjects, measured.block);
  return {
    summary: { customers, subjects, remedy, block },
    text: [
      "the Chargebee policy with its seven blockers as remedies:",
      textOf(remedy),
      `and as refusals, of ${Math.round(block.blocked)} of the ${subjects}:`,
      textOf(block),
    ].join("\n"),
  };
};

const summaryOf = (subjects: number, turns: readonly Turn[]) => {
  const of = (key: keyof Turn): number => median(turns.map((each) => each[key]));
  const deleted = subjects - of("blocked");
  return {
    blocked: of("blocked"),
    medians: { script: of("script"), schedule: of("schedule"), erase: of("erase") },
    ratio: of("erase") / of("script"),
    subjectsPerSecond: { script: deleted / of("script"), erase: deleted / of("erase") },
    megabytes: Math.max(...turns.map(({ megabytes }) => megabytes)),
  };
};

const textOf = ({ medians, ratio, subjectsPerSecond, megabytes }: ReturnType<typeof summaryOf>): string =>
  [
    `medians in seconds: script ${rounded(medians.script)}, lethe ${rounded(medians.erase)}, and ${rounded(medians.schedule)} for the run before it that checks and schedules`,
    `subjects deleted a second: script ${rounded(subjectsPerSecond.script)}, lethe ${rounded(subjectsPerSecond.erase)}; peak memory ${rounded(megabytes)} MB`,
    aimLine({ what: "lethe / script", measured: ratio, atMost: 1.5 }),
  ].join("\n");
