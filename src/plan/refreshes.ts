import type { Catalog } from "#catalog/catalog.ts";
import { isTreated } from "#policy/is-treated.ts";
import type { Policy } from "#policy/policy.ts";

/** Materialised views over treated tables, each after the views it reads. */
export const refreshesOf = (policy: Policy, catalog: Catalog): readonly string[] => {
  const touched = new Set(
    Object.entries(policy.tables)
      // Also of the row that is only marked.
      .filter(([name, rule]) => isTreated(rule) || name === policy.subject.table)
      .flatMap(([name]) => [name, ...(catalog.tables.get(name)?.partitions ?? [])]),
  );
  const views = [...catalog.tables.values()]
    .filter((table) => table.kind === "materialised-view" && table.reads.some((source) => touched.has(source)))
    .toSorted((a, b) => a.reads.length - b.reads.length || (a.name < b.name ? -1 : 1));
  return views.map((view) => view.name);
};
