import type { BackupSet } from "#backups/repository.ts";

/** Which sets cannot be restored from without one of them, directly. */
const needingIn = (all: readonly BackupSet[]): ReadonlyMap<string, readonly BackupSet[]> => {
  const needing = new Map<string, BackupSet[]>();
  for (const set of all) {
    for (const name of set.needs) {
      const others = needing.get(name);
      if (others === undefined) needing.set(name, [set]);
      else others.push(set);
    }
  }
  return needing;
};

/** The sets, and all that cannot be restored from without one of them: each before what it needs, and otherwise in the order in which they are given. */
export const withDependents = (all: readonly BackupSet[], some: readonly BackupSet[]): ReadonlySet<BackupSet> => {
  const needing = needingIn(all);
  const begun = new Set<BackupSet>();
  const found = new Set<BackupSet>();
  const add = (set: BackupSet): void => {
    if (begun.has(set)) return;
    begun.add(set);
    needing.get(set.name)?.forEach(add);
    found.add(set);
  };
  some.forEach(add);
  return found;
};
