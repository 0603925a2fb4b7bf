import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import { changesOf } from "#plan/changes.ts";
import { transformProblem } from "#plan/contradictions.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf, meant, missingColumn, missingTable } from "#plan/missing.ts";
import type { Edge, PlannedDeletion, Shape } from "#records/plan.ts";

/** How the policy deletes, in terms of the store. */
export const deletionOf = (
  { deletion, subject }: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
): PlannedDeletion => {
  const { mode, grace, mark } = deletion;
  return {
    mode,
    grace,
    mark: changesOf(catalog.tables.get(subject.table), mark?.set ?? {}),
    hiddenFrom: mark?.hiddenFrom ?? [],
    refuse: (mark?.refuse ?? []).flatMap((table) => referencesFrom(edges, table, subject.table)),
  };
};

const referencesFrom = (edges: readonly Edge[], table: string, root: string): readonly Edge[] =>
  edges.filter((edge) => edge.table === table && edge.to.table === root && table !== root);

/** The first part of `soft-then-hard`: the root row is marked, and every rule of `tables` waits. */
export const softStage = (shape: Shape): Shape => ({
  ...shape,
  stage: "soft",
  scopes: shape.scopes.filter(({ table }) => table === shape.root.table),
  steps: [{ kind: "keep", table: shape.root.table, changes: shape.deletion.mark, stays: [] }],
  blockers: [],
  recipients: [],
  figures: [],
  refresh: [],
});

/** What marking a row would run into. */
export const deletionFindings = (policy: Policy, catalog: Catalog, edges: readonly Edge[]): readonly Finding[] => {
  const { table: root, key } = policy.subject;
  const table = catalog.tables.get(root);
  const { mark } = policy.deletion;
  if (mark === undefined || table === undefined) return [];
  const columns = Object.entries(mark.set).flatMap(([column, transform]): Finding[] => {
    const place = policy.placeOf(["deletion", "set", column]);
    if (columnOf(table, column) === undefined) {
      return [missingColumn(policy, ["deletion", "set", column], table, column)];
    }
    const problem = transformProblem(table, column, transform);
    if (problem === undefined) return [];
    const [message, hint] = problem;
    return [{ code: "POLICY_CONTRADICTION", message: `deletion sets ${root}.${column}: ${message}`, place, hint }];
  });
  const views = mark.hiddenFrom.flatMap((name, index): Finding[] => {
    const place = policy.placeOf(["deletion", "hidden_from", index]);
    const view = catalog.tables.get(name);
    if (view?.kind !== "view") {
      const known = [...catalog.tables.values()].filter(({ kind }) => kind === "view").map((each) => each.name);
      const hint = meant(name, known) ?? "name a view that shows only who is not deleted";
      return [{ code: "POLICY_TABLE_MISSING", message: `the store has no view ${name}`, place, hint }];
    }
    if (view.columns.some((column) => column.name === key)) return [];
    const hint = `add the column to the view: that nobody deleted is in it is read back by ${key}`;
    return [{ code: "POLICY_COLUMN_MISSING", message: `view ${name} has no column ${key}`, place, hint }];
  });
  const guards = mark.refuse.flatMap((name, index): Finding[] => {
    const place = policy.placeOf(["deletion", "refuse", index]);
    const guarded = catalog.tables.get(name);
    if (guarded === undefined) return [missingTable(policy, ["deletion", "refuse", index], name, catalog)];
    if (referencesFrom(edges, name, root).length === 0) {
      const hint = `declare under links which column of ${name} names the subject`;
      return [{ code: "POLICY_UNREACHABLE", message: `no column of ${name} refers to ${root}`, place, hint }];
    }
    const slow = unindexed(table, referencesFrom(edges, name, root)).map((column): Finding => {
      const hint = `${createIndex(table, column)} first: each new row of ${name} is looked up there, whoever inserts it`;
      return { code: "POLICY_CONTRADICTION", message: `no index finds rows of ${root} by ${column}`, place, hint };
    });
    // A guard stands on both: on the table against new rows, on the subjects' own so that a mark waits for open orders.
    const forbidden = [guarded, table]
      .filter(({ triggerable }) => !triggerable)
      .map((each): Finding => {
        const hint = `GRANT TRIGGER ON ${each.name} TO our role: new rows for a deleted subject are refused by triggers`;
        return { code: "DATABASE_PRIVILEGE", message: `our role may not put a trigger on ${each.name}`, place, hint };
      });
    return [...slow, ...forbidden];
  });
  return [...columns, ...views, ...guards];
};

/**
 * By what a guard would have to read the whole table of subjects for each row that the application inserts. However small it is: it grows, and
 * a night should not stop one day because it has. Foreign keys refer to what is unique, and so to what has an index.
 */
const unindexed = ({ indexed }: CatalogTable, references: readonly Edge[]): readonly string[] =>
  references
    .filter(({ declared }) => declared === "link")
    .flatMap(({ to }) => to.columns)
    .filter((column) => !indexed.includes(column));

const createIndex = ({ name, kind }: CatalogTable, column: string): string =>
  `CREATE INDEX ${kind === "partitioned" ? "" : "CONCURRENTLY "}ON ${name} (${column})`;
