import { isWhole } from "#backups/decide.ts";
import type { BackupSet, Inventory } from "#backups/repository.ts";
import type { HeldSet } from "#backups/set-records.ts";

/**
 * `purged`: we deleted it and it was read back as gone; `vanished`: gone, and it was not us or we cannot know; `ended`: the same of one that was
 * unfinished.
 */
export type Departures = Readonly<Record<"purged" | "vanished" | "ended", readonly HeldSet[]>>;

export const noDepartures: Departures = { purged: [], vanished: [], ended: [] };

/**
 * What became of the sets that the state database holds and that are `missing` from the repository. `deleted` are those that we deleted and that a
 * second look did not find.
 *
 * A repository in which nothing is left proves nothing: so does a disk that is not mounted look, also when somebody begins a backup there. Then no
 * set counts as gone.
 */
export const departures = (
  missing: readonly HeldSet[],
  before: Inventory,
  after: Inventory,
  deleted: ReadonlySet<BackupSet>,
): Departures => {
  if (!before.sets.some(isWhole) || !after.sets.some(isWhole)) return noDepartures;
  const ours = new Set([...deleted].map(identity));
  const purged: HeldSet[] = [];
  const vanished: HeldSet[] = [];
  const ended: HeldSet[] = [];
  for (const set of missing) {
    // Condemned by an earlier run that died before it could tell, and gone when this one began.
    const untold = set.state === "condemned" && !before.names.has(set.name) && before.completed?.has(set.name) !== true;
    const others = set.unfinished ? ended : vanished;
    (ours.has(identity(set)) || untold ? purged : others).push(set);
  }
  return { purged, vanished, ended };
};

const identity = ({ name, sha256 }: Pick<BackupSet, "name" | "sha256">): string => `${sha256} ${name}`;

/** Whether the repository no longer has a set, or has it with other bytes. A name that is there but is no readable set proves nothing. */
export const isMissingFrom = ({ sets, names }: Inventory): ((set: Pick<BackupSet, "name" | "sha256">) => boolean) => {
  const present = new Map(sets.map((set) => [set.name, set.sha256]));
  return ({ name, sha256 }) => (present.has(name) ? present.get(name) !== sha256 : !names.has(name));
};
