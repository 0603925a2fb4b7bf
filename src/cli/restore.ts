import type { Command } from "commander";
import type { Context, Store } from "#context.ts";
import { startJob } from "#cli/jobs.ts";
import type { Shell } from "#cli/shell.ts";
import { table } from "#cli/table.ts";
import { LetheError } from "#lib/errors.ts";
import type { Job } from "#records/job.ts";
import type { StoreStanding } from "#restore/standing.ts";

/** `lethe backups replay` and `lethe backups guard`: before a restored store serves, and whether it may. */
export const registerRestore = (backups: Command, shell: Shell): void => {
  backups
    .command("replay")
    .description("after a restore: erase again in the store whoever was erased since, and release it")
    .requiredOption("--store <name>", "the store that was restored")
    .requiredOption("--as-of <instant>", "the time that it was restored to: 2026-11-02T02:00:00Z")
    .option("--part", "only some of its tables were restored, or the application's schema alone", false)
    .action(async ({ store: name, ...told }: Written & { readonly store: string }) => {
      const [{ standingOf }, { summaryText }] = await Promise.all([
        import("#restore/standing.ts"),
        import("#report/summary-text.ts"),
      ]);
      const { summary, standing, timeZone } = await shell.withContext(async (context) => {
        const store = storeNamed(context, name);
        const run = await startJob(context, await replayOf(context, store, told));
        return {
          summary: run,
          standing: await standingOf(context, store),
          timeZone: context.config.controller.timeZone,
        };
      });
      shell.answer({ ...summary, released: standing.standing === "current", restore: standing }, () =>
        [summaryText(summary, { title: `replay · ${name}`, timeZone }), standingText(standing)].join("\n"),
      );
      if (summary.outcome === "stopped") shell.exitWith(1);
      else if (standing.standing !== "current" || summary.outcome === "attention") shell.exitWith(5);
    });

  backups
    .command("guard")
    .description("whether the stores may serve: ends with 1 while a restore is not released")
    .option("--store <name>", "only this one")
    .action(async ({ store: name }: { readonly store?: string }) => {
      const [{ assertStateIsNewest }, { standingOf }, { uncertainIn }] = await Promise.all([
        import("#report/own-state.ts"),
        import("#restore/standing.ts"),
        import("#restore/uncertain.ts"),
      ]);
      const stores = await shell.withContext(async (context) => {
        await assertStateIsNewest(context);
        const standings: (StoreStanding & { readonly uncertain: Awaited<ReturnType<typeof uncertainIn>> })[] = [];
        for (const store of name === undefined ? context.stores : [storeNamed(context, name)]) {
          const uncertain = await uncertainIn(context, store.name);
          standings.push({ ...(await standingOf(context, store)), uncertain });
        }
        return standings;
      });
      shell.answer({ stores }, () => guardScreen(stores));
      if (stores.some(({ standing }) => standing !== "current")) shell.exitWith(1);
    });
};

/** What the command is given of the restore. */
type Written = { readonly asOf: string; readonly part: boolean };

/** Looks before the run begins: the live store, named by mistake, gets no run and no report. */
const replayOf = async (context: Context, store: Store, { asOf, part }: Written): Promise<Omit<Job, "schedule">> => {
  const [{ Temporal }, { undoneBy }, { assertStateIsNewest }, { replayJob }] = await Promise.all([
    import("temporal-polyfill"),
    import("#restore/notice.ts"),
    import("#report/own-state.ts"),
    import("#jobs/replay.ts"),
  ]);
  const instant = ((): InstanceType<typeof Temporal.Instant> => {
    try {
      return Temporal.Instant.from(asOf);
    } catch {
      throw new LetheError("USAGE", "the time that the store was restored to is not an instant", {
        hint: "give it with its offset, as in 2026-11-02T02:00:00Z",
      });
    }
  })();
  const told = { asOf: instant, part };
  await assertStateIsNewest(context);
  await undoneBy(context, store, told);
  return replayJob(store, told);
};

const storeNamed = ({ stores }: Context, name: string): Store => {
  const store = stores.find((each) => each.name === name);
  if (store !== undefined) return store;
  throw new LetheError("USAGE", "the configuration knows no such store", {
    hint: `name one of ${stores.map((each) => each.name).join(", ")}`,
  });
};

const standingText = ({ store, standing, open, waiting }: StoreStanding): string => {
  if (standing === "current") return `Released: everybody who was erased is erased again, and ${store} may serve.`;
  const stuck = waiting === 0 ? "" : ` ${waiting} wait for a person: \`lethe request list\` says why.`;
  return `NOT released: ${store} must not serve. ${open} ${open === 1 ? "request is" : "requests are"} not at their end.${stuck}`;
};

const words: Readonly<Record<StoreStanding["standing"], string>> = {
  current: "may serve",
  restored: "restored: run lethe backups replay",
  repeating: "not released yet",
};

const guardScreen = (stores: readonly StoreStanding[]): string =>
  table(
    stores.map(({ store, standing, asOf, open, waiting }) => [store, words[standing], asOf ?? "", open, waiting]),
    [
      { title: "store" },
      { title: "standing" },
      { title: "restored to" },
      { title: "open", align: "right" },
      { title: "waiting for a person", align: "right" },
    ],
  );
