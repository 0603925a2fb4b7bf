import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Catalog, CatalogTable, CheckConstraint } from "#catalog/catalog.ts";
import { sqlFailureOf } from "#db/database-error.ts";
import { LetheError } from "#lib/errors.ts";
import type { Policy } from "#policy/policy.ts";
import { lateChanges, remediesOf, type ColumnChange, type Shape } from "#records/plan.ts";

/** Rows of a table that a check constraint with untouched columns is tried on. */
const sampleSize = 1_000;

/** What a rule, a mark or a remedy sets in one table, and where the policy says so. */
type Setting = {
  readonly table: string;
  readonly changes: readonly ColumnChange[];
  /** It may happen to any row, not only to such as meet a condition. */
  readonly sampled: boolean;
  readonly path: (column: string) => readonly (string | number)[];
};

/**
 * Asks the database itself whether columns can hold what the policy sets them to, and whether its check constraints allow it: nobody
 * else can evaluate their expressions. Constraints over set columns alone are decided for good; with other columns in them, on a sample of rows, and
 * what the sample misses fails for one subject, not for the batch. Throws POLICY_CONTRADICTION.
 */
export const probeChecks = async (
  db: Kysely<unknown>,
  catalog: Catalog,
  shape: Shape,
  policy: Policy,
): Promise<void> => {
  for (const { table: name, changes } of classesOf(shape)) {
    for (const change of changes) {
      if (await holds(db, change)) continue;
      throw new LetheError(
        "POLICY_CONTRADICTION",
        `store ${catalog.store}: ${change.name} is ${change.type} and cannot hold what \`other\` says`,
        {
          place: policy.placeOf(["tables", name, "aggregate", "other", change.name]),
          hint: "choose a value of the column's type",
        },
      );
    }
  }
  for (const { table: name, changes, sampled, path } of settingsOf(shape, policy)) {
    const table = catalog.tables.get(name);
    if (table === undefined) continue;
    const refuse = (column: string, what: string, hint: string): never => {
      throw new LetheError("POLICY_CONTRADICTION", `store ${catalog.store}: ${what}`, {
        place: policy.placeOf(path(column)),
        hint,
      });
    };
    for (const change of changes) {
      if (await holds(db, change)) continue;
      const what = `${name}.${change.name} is ${change.type} and cannot hold what the policy sets it to`;
      refuse(change.name, what, "choose a value of the column's type");
    }
    for (const check of table.checks) {
      const set = changes.filter(({ name: column }) => check.columns.includes(column));
      if (set.length === 0 || set.some((change) => literal(change) === undefined)) continue;
      if (!sampled && check.columns.length > set.length) continue;
      if (!(await violates(db, table, check, set))) continue;
      const columns = set.map(({ name: column }) => column).join(", ");
      const what = `the check constraint ${check.name} of ${name} forbids what the policy sets ${columns} to`;
      refuse(set[0]?.name ?? "", what, "choose a value that the constraint allows");
    }
  }
};

/** What rows of too few people are counted as. */
const classesOf = ({ steps }: Shape): readonly Pick<Setting, "table" | "changes">[] =>
  steps.flatMap((step) =>
    step.kind === "anonymise" && step.aggregate !== undefined
      ? [
          {
            table: step.table,
            changes: step.aggregate.classes.map(({ column: name, type, other }) => ({
              name,
              type,
              json: false,
              transform: other === null ? { kind: "null" as const } : { kind: "constant" as const, value: other },
            })),
          },
        ]
      : [],
  );

const settingsOf = (shape: Shape, policy: Policy): readonly Setting[] => {
  const { root, deletion } = shape;
  const marked = new Set(deletion.mark.map(({ name }) => name));
  const steps = shape.steps.flatMap((step): readonly Setting[] => {
    if (step.kind === "cut" || step.kind === "erase") return [];
    const { table, changes } = step;
    const path = (column: string) =>
      table === root.table && marked.has(column) && policy.deletion.mode !== "soft-then-hard"
        ? ["deletion", "set", column]
        : ["tables", table, "columns", column];
    const analysis = step.kind === "anonymise" ? step.analysis : undefined;
    const late: readonly Setting[] =
      analysis === undefined || analysis.suppressed.length === 0
        ? []
        : [{ table, changes: lateChanges(changes, analysis), sampled: true, path: () => ["tables", table, "late"] }];
    return [{ table, changes, sampled: true, path }, ...late];
  });
  const first: readonly Setting[] =
    policy.deletion.mode === "soft-then-hard"
      ? [{ table: root.table, changes: deletion.mark, sampled: true, path: (column) => ["deletion", "set", column] }]
      : [];
  const remedied = policy.blockers.flatMap(({ remedy }, index) => (remedy === undefined ? [] : [index]));
  const remedies = remediesOf(shape).map(({ table, remedy: { kind, changes } }, position): Setting => {
    const path = ["blockers", remedied[position] ?? 0, "then", kind];
    return { table, changes, sampled: false, path: (column) => (kind === "set" ? [...path, column] : path) };
  });
  return [...first, ...steps, ...remedies];
};

/** The value as a literal, where it is the same for every row. */
const literal = ({ type, transform }: Pick<ColumnChange, "type" | "transform">): RawBuilder<unknown> | undefined => {
  switch (transform.kind) {
    case "null":
      return sql`null`;
    case "constant":
      return sql`${String(transform.value)}::text`;
    case "unique":
      return sql`${transform.template.replace("{random}", "0".repeat(20))}::text`;
    // Any other random key is as good, to a constraint that looks at signs, lengths or letters.
    case "rekey":
      return sql`${/^(integer|bigint)$/.test(type) ? "-1" : "0".repeat(32)}::text`;
    case "keep":
    case "stays":
    case "shuffle":
    case "now":
    case "redact":
    case "truncate":
    case "generalise":
    case "band":
    case "code":
    case "rare":
    case "mean":
      return undefined;
  }
};

/** Enumerations, numbers and domains say no; so does a domain that is NOT NULL. */
const holds = async (db: Kysely<unknown>, change: ColumnChange): Promise<boolean> => {
  const { type } = change;
  for (const value of valuesOf(change)) {
    // Not the value itself: a 64-bit integer that a column holds may be more than we can read.
    if (value !== undefined && (await refused(sql`select cast(${value} as ${sql.raw(type)}) is null`.execute(db))))
      return false;
  }
  return true;
};

const valuesOf = (change: ColumnChange): readonly (RawBuilder<unknown> | undefined)[] => {
  const { transform } = change;
  switch (transform.kind) {
    case "generalise":
      return mapped(transform);
    case "rare":
      return mapped({ map: {}, otherwise: transform.otherwise });
    case "code":
      return [transform.bottom, transform.top].flatMap((end) => (end === undefined ? [] : [sql`${String(end)}::text`]));
    default:
      return [literal(change)];
  }
};

const mapped = ({
  map,
  otherwise,
}: Pick<Extract<ColumnChange["transform"], { kind: "generalise" }>, "map" | "otherwise">) =>
  [...new Set([...Object.values(map), otherwise])].map((value) => sql`${value}::text`);

/** Data exceptions, violated domains, and types without such a cast; other errors are not about the value. */
const refused = async (query: Promise<unknown>): Promise<boolean> => {
  try {
    await query;
    return false;
  } catch (error) {
    if (/^(22|23|42846)/.test(sqlFailureOf(error)?.sqlstate ?? "")) return true;
    throw error;
  }
};

const violates = async (
  db: Kysely<unknown>,
  table: CatalogTable,
  check: CheckConstraint,
  changes: readonly ColumnChange[],
): Promise<boolean> => {
  const set = new Map(changes.map((change) => [change.name, change]));
  const others = table.columns.filter((column) => check.columns.includes(column.name) && !set.has(column.name));
  const values = changes.map(
    (change) => sql`cast(${literal(change)} as ${sql.raw(change.type)}) as ${sql.id(change.name)}`,
  );
  const rest = others.map(({ name }) => sql.ref(`t.${name}`));
  const source =
    others.length === 0
      ? sql``
      : sql`from (select * from ${sql.id(table.schema, table.relation)} limit ${sql.lit(sampleSize)}) t`;
  try {
    const result = await sql`select from (select ${sql.join([...values, ...rest])} ${source}) probe
      where not (${sql.raw(check.expression)}) limit 1`.execute(db);
    return result.rows.length > 0;
  } catch (error) {
    // A constant that the column's type cannot hold, or that the expression chokes on.
    if (sqlFailureOf(error)?.sqlstate.startsWith("22") === true) return true;
    throw error;
  }
};
