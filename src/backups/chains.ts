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

/** A set and all without which it cannot be restored from. */
export const withNeeds = (all: readonly BackupSet[], set: BackupSet): ReadonlySet<BackupSet> => {
  const byName = new Map(all.map((each) => [each.name, each]));
  const found = new Set([set]);
  // What is added meanwhile is visited as well.
  for (const { needs } of found) {
    for (const name of needs) {
      const needed = byName.get(name);
      if (needed !== undefined) found.add(needed);
    }
  }
  return found;
};
