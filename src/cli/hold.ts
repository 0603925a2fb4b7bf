import type { Command } from "commander";
import { backupsText, holdText, holdsText, placedText, releasedText } from "#cli/hold-text.ts";
import { whoDecides } from "#cli/request-arguments.ts";
import { fieldsFrom, readFieldLines, type FieldOptions } from "#cli/request-fields.ts";
import type { Shell } from "#cli/shell.ts";
import { holdBackups } from "#holds/backups.ts";
import { listHolds } from "#holds/list.ts";
import type { Placing } from "#holds/placing.ts";
import { releaseHolds } from "#holds/release.ts";
import { holdRows } from "#holds/rows.ts";
import { holdSubject } from "#holds/subject.ts";
import { LetheError } from "#lib/errors.ts";
import { holdReasons, type HoldReason } from "#records/hold.ts";

type PlacingOptions = { readonly by?: string; readonly matter: string; readonly why: string; readonly until?: string };

type RowOptions = PlacingOptions & {
  readonly store: string;
  readonly table: string;
  readonly clock?: string;
  readonly from?: string;
  readonly to?: string;
};

type BackupOptions = PlacingOptions & {
  readonly repository: string;
  readonly backup?: string;
  readonly from?: string;
  readonly to?: string;
};

/** `lethe hold …`: what a court, an authority or a claim needs stays until it is released. */
export const register = (program: Command, shell: Shell): void => {
  const hold = program
    .command("hold")
    .description(
      "legal holds: what they cover is neither erased, expires nor is purged, and nothing else waits for them",
    );

  placing(hold.command("rows"))
    .description("hold rows of a table, or those of a time")
    .requiredOption("--store <name>")
    .requiredOption("--table <name>")
    .option("--clock <column>", "by which the time is told; the policy's clock of the table unless given")
    .option("--from <date>", "the first day of the time")
    .option("--to <date>", "the last day of the time")
    .action(async (options: RowOptions) => {
      const { store, table, clock, from, to } = options;
      const placed = await shell.withContext((context) =>
        holdRows(context, placingOf(options), { store, table, clock, from, to }),
      );
      shell.answer(placed, () => holdText(placed));
    });

  placing(hold.command("person"))
    .description(
      "hold everything of a person who has asked for nothing; of one who has, `lethe request hold`. Prefer --stdin",
    )
    .option("--email <address>")
    .option("--phone <number>")
    .option("--external-id <id>")
    .option("--key <key>")
    .option("--device-id <id>")
    .option("--stdin", "read lines like email=… from standard input too")
    .action(async (options: PlacingOptions & FieldOptions & { readonly stdin?: true }) => {
      const { email, phone, externalId, key, deviceId } = options;
      const lines = options.stdin === true ? await readFieldLines(process.stdin) : {};
      const named = Object.entries({ email, phone, externalId, key, deviceId }).filter(
        ([, value]) => value !== undefined,
      );
      const fields = { ...fieldsFrom(Object.fromEntries(named)), ...lines };
      const placed = await shell.withContext((context) => holdSubject(context, placingOf(options), fields));
      shell.answer(placed, () => placedText(placed));
    });

  placing(hold.command("backups"))
    .description("hold backups of a repository, or those of a time: they are not purged")
    .requiredOption("--repository <name>")
    .option("--backup <name>", "one, as `lethe backups list` names it")
    .option("--from <date>", "the first day of the time")
    .option("--to <date>", "the last day of the time")
    .action(async (options: BackupOptions) => {
      const { repository, backup, from, to } = options;
      const placed = await shell.withContext((context) =>
        holdBackups(context, placingOf(options), { repository, backup, from, to }),
      );
      shell.answer(placed, () => backupsText(placed));
    });

  hold
    .command("list")
    .description("the holds in force, without whom they are about")
    .option("--all", "those that were released as well", false)
    .action(async ({ all }: { readonly all: boolean }) => {
      const holds = await shell.withContext((context) => listHolds(context, { all }));
      shell.answer({ holds }, () => holdsText(holds));
    });

  hold
    .command("release")
    .description("end a hold, or all of a matter: what waited goes on by itself")
    .argument("[hold]", "its reference")
    .option("--matter <reference>", "all holds of the case")
    .option("--by <name>", "who decides; LETHE_USER or the operating system's user unless given")
    .action(async (ref: string | undefined, { matter, by }: { readonly matter?: string; readonly by?: string }) => {
      const which = whichOf(ref, matter);
      const released = await shell.withContext((context) => releaseHolds(context, which, { by: whoDecides(by) }));
      shell.answer(released, () => releasedText(released));
    });
};

/** Options of everything that places a hold. */
const placing = (command: Command): Command =>
  command
    .requiredOption("--matter <reference>", "the case's file reference; no names, it goes into the ledger")
    .requiredOption("--why <reason>", holdReasons.join(", "))
    .option("--until <date>", "the last day on which it is in force; until it is released unless given")
    .option("--by <name>", "who decides; LETHE_USER or the operating system's user unless given");

const placingOf = ({ by, matter, why, until }: PlacingOptions): Placing => ({
  by: whoDecides(by),
  matter,
  reason: parseHoldReason(why),
  until,
});

export const parseHoldReason = (text: string): HoldReason => {
  const reason = holdReasons.find((candidate) => candidate === text);
  if (reason !== undefined) return reason;
  throw new LetheError("USAGE", "the reason is not one of the list", { hint: `reasons: ${holdReasons.join(", ")}` });
};

const whichOf = (hold: string | undefined, matter: string | undefined): { hold: string } | { matter: string } => {
  if (hold !== undefined && matter === undefined) return { hold };
  if (matter !== undefined && hold === undefined) return { matter };
  throw new LetheError("USAGE", "release takes a hold's reference, or --matter", {
    hint: "lethe hold release H-7K3M-2QXA-9DTB, or lethe hold release --matter AZ-2026-17",
  });
};
