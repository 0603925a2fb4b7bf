import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { LinkGuess } from "#init/guess-links.ts";

export type Reached = {
  /** Tables whose rows refer to the subject, directly or through others; the root is the first. */
  readonly owned: ReadonlySet<string>;
  /** Tables that rows of those refer to. */
  readonly referred: ReadonlySet<string>;
};

/** Against the direction of references from the root, transitively; then what those rows refer to. */
export const reachedFrom = (catalog: Catalog, root: string, links: readonly LinkGuess[]): Reached => {
  const owned = new Set([root]);
  const refersTo = (table: CatalogTable): string[] => [
    ...table.foreignKeys.map(({ references }) => references.table),
    ...links.filter(({ link }) => link.from.table === table.name).map(({ link }) => link.to.table),
  ];
  for (let size = 0; size !== owned.size;) {
    size = owned.size;
    for (const table of catalog.tables.values())
      if (refersTo(table).some((name) => owned.has(name))) owned.add(table.name);
  }
  const referred = new Set(
    [...owned].flatMap((name) => catalog.tables.get(name)?.foreignKeys ?? []).map(({ references }) => references.table),
  );
  return { owned, referred: new Set([...referred].filter((name) => !owned.has(name))) };
};
