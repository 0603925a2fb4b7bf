import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Temporal } from "temporal-polyfill";
import { buildShop } from "#test/bench/build.ts";
import { openCopies, say } from "#test/bench/copies.ts";
import { aimLine, median, rounded, type Aim } from "#test/bench/figures.ts";
import { drawSubjects, mistakesFor } from "#test/bench/subjects.ts";

export type RestoreOptions = {
  readonly customers: number;
  readonly subjects: number;
  readonly turns: number;
  /** Where the database is built and stays, to be used again. */
  readonly directory: string;
};

type Turn = { readonly night: number; readonly replay: number; readonly megabytes: number };

/**
 * A night that erases people, and then, in a copy of the store from before that night, the replay that recognises all of them and erases them again:
 * both as whole processes, with verification and the signed report. Throws when somebody is left, or anybody is repeated other than once.
 */
export const benchRestore = async ({ customers, subjects, turns, directory }: RestoreOptions) => {
  await using copies = await openCopies({
    directory,
    name: "shop",
    build: async (client) => void (await buildShop(client, customers, say)),
    controller: "time_zone: Europe/Berlin",
    sections: "backups:\n  dumps: { kind: directory, store: shop, path: backups }\n",
  });
  await mkdir(join(directory, "backups"), { recursive: true });
  await copyFile(resolve(import.meta.dirname, "../policy.yaml"), join(directory, "policy.yaml"));

  const turn = async (number: number): Promise<Turn> => {
    const { client, lethe } = await copies.forLethe();
    const drawn = await drawSubjects(client, subjects, number);
    const file = join(directory, `requests-${number}.csv`);
    await writeFile(file, `received,email\n${drawn.map(({ email }) => `2026-11-02,${email}\n`).join("")}`);
    const start = Temporal.Now.instant();
    const at = (minutes: number): readonly string[] => ["--now", start.add({ minutes }).toString()];
    // The store has its journal since a night before.
    await lethe(...at(0), "run");
    await client.end();
    await (await copies.fresh("before", "by_lethe")).end();
    await lethe(...at(1), "request", "import", file);
    await lethe(...at(2), "request", "approve", "--all");
    const night = await lethe(...at(10), "run");

    const restored = await copies.fresh("by_lethe", "before");
    const asOf = start.add({ minutes: 5 }).toString();
    const replay = await lethe(...at(200), "backups", "replay", "--store", "shop", "--as-of", asOf);
    const mistakes = await mistakesFor(restored, drawn);
    await restored.end();
    const { restores } = replay.document as { restores: readonly { repeated: number; released: boolean }[] };
    if (Object.keys(mistakes).length > 0) throw new Error(`not erased again: ${JSON.stringify(mistakes)}`);
    if (restores[0]?.repeated !== subjects || !restores[0].released)
      throw new Error(`not repeated once each: ${JSON.stringify(restores)}`);
    say(`turn ${number}: night ${night.seconds.toFixed(1)} s, replay ${replay.seconds.toFixed(1)} s`);
    const megabytes = Math.max(night.megabytes, replay.megabytes);
    return { night: night.seconds, replay: replay.seconds, megabytes };
  };

  const measured: Turn[] = [];
  for (let number = 1; number <= turns; number += 1) measured.push(await turn(number));
  const summary = { customers, subjects, ...summaryOf(measured) };
  return { summary, text: textOf(summary) };
};

const summaryOf = (turns: readonly Turn[]) => {
  const of = (key: keyof Turn): number => median(turns.map((each) => each[key]));
  const aims: readonly Aim[] = [
    { what: "replay / the night that it repeats", measured: of("replay") / of("night"), atMost: 1.5 },
  ];
  return {
    medians: { night: of("night"), replay: of("replay") },
    megabytes: Math.max(...turns.map(({ megabytes }) => megabytes)),
    aims,
  };
};

type RestoreSummary = Pick<RestoreOptions, "customers" | "subjects"> & ReturnType<typeof summaryOf>;

const textOf = ({ customers, subjects, medians, megabytes, aims }: RestoreSummary): string =>
  [
    `${subjects.toLocaleString("en-GB")} of ${customers.toLocaleString("en-GB")} customers, erased and, after a restore, once more:`,
    `medians in seconds: the night ${rounded(medians.night)}, the replay ${rounded(medians.replay)}; peak memory ${rounded(megabytes)} MB`,
    ...aims.map(aimLine),
  ].join("\n");
