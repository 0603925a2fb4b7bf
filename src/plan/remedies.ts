import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Blocker, Policy, Remedy } from "#policy/policy.ts";
import { transformProblem } from "#plan/contradictions.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf, missingColumn } from "#plan/missing.ts";
import { assignedBy, circleFindings } from "#plan/remedy-circles.ts";
import { isLeftAlone, type Reach } from "#plan/reach.ts";
import { restrictFindings } from "#plan/removals.ts";
import { keyOf } from "#plan/scopes.ts";
import type { Edge } from "#records/plan.ts";

type Remedied = Blocker & { readonly remedy: Remedy };

/** What the remedies of a policy would run into: retained rows, the schema, each other. */
export const remedyFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
): readonly Finding[] => {
  const single = policy.blockers.flatMap((blocker, index) => {
    const { remedy } = blocker;
    const table = catalog.tables.get(blocker.table);
    if (remedy === undefined || table === undefined) return [];
    const remedied = { ...blocker, remedy };
    const forbidden = [
      ...placeFindings(policy, table, remedied, index),
      ...retainedFindings(policy, edges, remedied, index),
    ];
    if (forbidden.length > 0) return forbidden;
    return remedy.kind === "remove"
      ? [
          ...cascadeFindings(policy, edges, remedied, index),
          ...restrictFindings({ policy, catalog, edges, found }, remedied, index),
          ...lostFindings(policy, catalog, edges, remedied, index),
        ]
      : settingFindings(policy, table, remedied, index);
  });
  // A misspelt column would look like a remedy that ends nothing.
  return single.length > 0 ? single : circleFindings(policy, catalog);
};

/** A view's rows are those of the tables it reads, whatever their rules say; and a person's own row goes by the rules of `tables` or not at all. */
const placeFindings = (
  { subject, placeOf }: Policy,
  { name, kind }: CatalogTable,
  { code, remedy }: Remedied,
  index: number,
): readonly Finding[] => {
  const place = placeOf(["blockers", index, "then"]);
  if (kind === "view" || kind === "materialised-view") {
    const message = `the remedy of ${code} would change rows of ${name}, which is a ${kind.replace("-", " ")}`;
    return [{ code: "STORE_UNSUPPORTED", message, place, hint: "name the table that the view reads" }];
  }
  if (remedy.kind !== "remove" || name !== subject.table) return [];
  const message = `the remedy of ${code} would remove rows of ${name}, which are people`;
  const hint = "unlink or set them, or let it block: who is to be forgotten has a request";
  return [{ code: "POLICY_CONTRADICTION", message, place, hint }];
};

const retainedFindings = (
  policy: Policy,
  edges: readonly Edge[],
  { code, table, remedy }: Remedied,
  index: number,
): readonly Finding[] => {
  // A row that goes takes along, or empties, what refers to it where the database says so.
  const reached =
    remedy.kind === "remove"
      ? edges.filter((edge) => edge.to.table === table && changesReferrer(edge)).map((edge) => edge.table)
      : [];
  return [...new Set([table, ...reached])].flatMap((name): readonly Finding[] => {
    const rule = policy.tables[name];
    if (rule?.treatment !== "retain") return [];
    return [
      {
        code: "POLICY_REMEDY_RETAINED",
        message: `the remedy of ${code} would change rows of ${name}, which are retained (${policy.classes[rule.class]?.basis ?? rule.class})`,
        place: policy.placeOf(["blockers", index, "then"]),
        hint: "let it block, and settle the rows in the system that keeps the books; or decide about the table's treatment",
      },
    ];
  });
};

const changesReferrer = ({ onDelete }: Edge): boolean =>
  onDelete === "cascade" || onDelete === "set null" || onDelete === "set default";

const cascadeFindings = (
  policy: Policy,
  edges: readonly Edge[],
  { code, table }: Remedied,
  index: number,
): readonly Finding[] =>
  edges
    .filter((edge) => edge.to.table === table && edge.onDelete === "cascade")
    .map((edge) => ({
      code: "POLICY_CASCADE",
      message: `the remedy of ${code} would make the database delete from ${edge.table} too (${edge.name}, ON DELETE CASCADE)`,
      place: policy.placeOf(["blockers", index, "then"]),
      hint: "set or unlink instead of removing, or declare a remedy for those rows",
    }));

/** A row without a key is found again by its place, which it leaves when the database empties its reference. */
const lostFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  { code, table }: Remedied,
  index: number,
): readonly Finding[] =>
  edges
    .filter((edge) => edge.to.table === table && changesReferrer(edge) && edge.onDelete !== "cascade")
    .filter((edge) => !isLeftAlone(policy.tables[edge.table]))
    .filter((edge) => keyOf(policy, catalog.tables.get(edge.table))[0] === "tableoid")
    .map((edge) => ({
      code: "POLICY_CONTRADICTION",
      message: `the remedy of ${code} would make the database empty ${edge.table}.${edge.columns.join(",")} (${edge.name}), which has no key: its rows could not be found again`,
      place: policy.placeOf(["blockers", index, "then"]),
      hint: `give ${edge.table} a primary key, or let it block`,
    }));

const settingFindings = (
  policy: Policy,
  table: CatalogTable,
  { code, remedy }: Remedied,
  index: number,
): readonly Finding[] => {
  const path = ["blockers", index, "then", remedy.kind];
  const columns = Object.entries(assignedBy(remedy)).flatMap(([column, transform]): readonly Finding[] => {
    const where = remedy.kind === "set" ? [...path, column] : path;
    if (columnOf(table, column) === undefined) return [missingColumn(policy, where, table, column)];
    const problem = transformProblem(table, column, transform);
    if (problem === undefined) return [];
    const [message, hint] = problem;
    return [
      {
        code: "POLICY_CONTRADICTION",
        message: `the remedy of ${code} sets ${table.name}.${column}: ${message}`,
        place: policy.placeOf(where),
        hint,
      },
    ];
  });
  return [...columns, ...keyFindings(policy, table, { code, remedy }, policy.placeOf(path))];
};

/** Rows are found again by a key that a remedy must not change; where there is none, a row that has been changed is lost. */
const keyFindings = (
  policy: Policy,
  table: CatalogTable,
  { code, remedy }: Pick<Remedied, "code" | "remedy">,
  place: Finding["place"],
): readonly Finding[] => {
  const key = keyOf(policy, table);
  const again =
    !isLeftAlone(policy.tables[table.name]) ||
    policy.blockers.filter((blocker) => blocker.table === table.name && blocker.remedy !== undefined).length > 1;
  const changed = key.filter((column) => Object.hasOwn(assignedBy(remedy), column));
  if (changed.length === 0 && (key[0] !== "tableoid" || !again)) return [];
  const why = changed.length === 0 ? "has no key" : `is told apart by ${changed.join(", ")}`;
  return [
    {
      code: "POLICY_CONTRADICTION",
      message: `the remedy of ${code} changes rows of ${table.name}, which ${why}: they could not be found again`,
      place,
      hint: `give ${table.name} a primary key, or let it block`,
    },
  ];
};
