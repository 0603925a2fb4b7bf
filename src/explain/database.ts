import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Shape } from "#records/plan.ts";

/** What the database does by itself around a table (I6): cascades, triggers, views over it, and what Lethe has it refuse. */
export const databaseWords = (
  policy: Policy,
  catalog: Catalog,
  shape: Shape,
  table: CatalogTable,
): readonly string[] => {
  const others = [...catalog.tables.values()];
  const names = new Set([table.name, ...table.partitions]);
  const readers = others.filter(({ reads }) => reads.some((name) => names.has(name)));
  const stored = readers.filter(({ kind }) => kind === "materialised-view").map(({ name }) => name);
  const shown = readers.filter(({ kind }) => kind === "view").map(({ name }) => name);
  const { mark } = policy.deletion;
  return [
    ...table.foreignKeys
      .filter(({ onDelete }) => onDelete === "cascade" || onDelete === "set null" || onDelete === "set default")
      .map(({ columns, references, onDelete }) =>
        onDelete === "cascade"
          ? `a row goes when the row of ${references.table} goes to which ${columns.join(", ")} refers (ON DELETE CASCADE)`
          : `${columns.join(", ")} is changed when the row of ${references.table} goes (ON ${`delete ${onDelete}`.toUpperCase()})`,
      ),
    ...shape.effects
      .filter(({ effect, table: changed }) => effect === "trigger" && changed === table.name)
      .map(({ by }) => `the trigger ${by} writes into it`),
    ...table.triggers.map(({ name, events, writesTo }) => {
      const into = writesTo.length === 0 ? "" : `, which writes into ${writesTo.join(", ")}`;
      return `its trigger ${name} runs on ${events.join(", ")}${into}`;
    }),
    ...(table.partitions.length === 0
      ? []
      : [`it has ${table.partitions.length} partitions, which are treated with it`]),
    ...(stored.length === 0 ? [] : [`the materialised views ${stored.join(", ")} are refreshed afterwards`]),
    ...(shown.length === 0 ? [] : [`the views ${shown.join(", ")} show it`]),
    ...(mark?.refuse.includes(table.name) === true
      ? ["a trigger of Lethe's refuses new rows for a subject that is marked as deleted"]
      : []),
    ...(mark?.hiddenFrom.includes(table.name) === true
      ? ["it must not show a subject that is marked as deleted: that is read back before the change is committed"]
      : []),
  ];
};
