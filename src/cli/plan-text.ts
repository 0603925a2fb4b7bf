import { figure } from "#lib/figure.ts";
import { table } from "#cli/table.ts";
import type { Forecast } from "#forecast.ts";
import type { ColumnChange, Scope, Shape, Step } from "#records/plan.ts";

/** A plan for people: who, what becomes of which rows, by which path, on which legal basis, and what the database does by itself. */
export const planText = (forecasts: readonly Forecast[], requests: number): string => {
  if (requests === 0) return "No request awaits anything.";
  return forecasts.map((forecast) => storeText(forecast, requests)).join("\n\n");
};

const storeText = (forecast: Forecast, requests: number): string => {
  const { store, shape, plan, hash } = forecast;
  const rowSets = new Map(plan.rowSets.map((set) => [set.table, set]));
  const rows = shape.steps
    .filter((step) => step.kind !== "cut")
    .map((step) => {
      const set = rowSets.get(step.table);
      return [
        step.table,
        step.kind,
        figure((set?.rows ?? 0) - (set?.spared ?? 0)),
        figure(set?.spared ?? 0),
        pathTo(shape, step.table),
        whatOf(step),
      ];
    });
  const columns = [
    { title: "table" },
    { title: "treatment" },
    { title: "rows", align: "right" as const },
    { title: "spared", align: "right" as const },
    { title: "path from the subject" },
    { title: "what becomes of it" },
  ];
  return [
    `Store ${store}: ${plan.requests.length} of ${requests} ${requests === 1 ? "request" : "requests"} can run`,
    `policy ${shape.policy.name} version ${shape.policy.version}, plan ${hash.slice(0, 16)}…`,
    `deletion: ${deletionText(shape)}`,
    "",
    table(rows, columns),
    ...section(
      "Remedied first",
      plan.remedies.flatMap(({ code, table: name, rows: count }) =>
        count === 0 ? [] : [`${code}: ${figure(count)} in ${name}, ${remedyText(shape, code)}`],
      ),
    ),
    ...section(
      "The links that are cut",
      shape.steps.flatMap((step) => (step.kind === "cut" ? [cutText(step)] : [])),
    ),
    ...section(
      "What the database does by itself",
      shape.effects.map(({ table: name, effect, by }) => `${name}: ${effect} by ${by}`),
    ),
    ...section("Refreshed afterwards", shape.refresh),
    ...section(
      "Kept",
      shape.kept.map(({ table: name, reason }) => `${name}: ${reason}`),
    ),
    ...section(
      "Blocked",
      forecast.blocked.map(({ request, code, table: name, rows: count }) => `${request}  ${code}  ${count} in ${name}`),
    ),
    ...section(
      "Under a legal hold: these rows wait, and what they refer to",
      forecast.held.map(
        ({ request, matters, table: name, rows: count }) => `${request}  ${matters.join(", ")}  ${count} in ${name}`,
      ),
    ),
    ...section("Found in no root row", forecast.notFound),
    ...section("Ambiguous: more than one root row", forecast.ambiguous),
  ].join("\n");
};

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];

const cutText = ({ table: name, edge, why }: Extract<Step, { kind: "cut" }>): string =>
  `${name}.${edge.emptied.join(",")} → null, ${why === "mention" ? "where it names an erased subject" : why === "spared" ? "in rows that a live subject also uses" : "to break a cycle of references"}`;

const deletionText = ({ deletion: { mode, grace, mark } }: Shape): string =>
  [
    mode,
    ...(mark.length === 0 ? [] : [mark.map(changeText).join(", ")]),
    ...(grace === undefined ? [] : [`after ${grace}`]),
  ].join("; ");

const remedyText = (shape: Shape, code: string): string => {
  const remedy = shape.blockers.find((blocker) => blocker.code === code)?.remedy;
  if (remedy === undefined || remedy.kind === "remove") return "rows deleted";
  return remedy.changes.map(changeText).join(", ");
};

/** `orders.customer_id → customers`, nearest first. */
const pathTo = (shape: Shape, name: string): string => {
  const scopes = new Map(shape.scopes.map((scope) => [scope.table, scope]));
  const steps: string[] = [];
  let scope: Scope | undefined = scopes.get(name);
  while (scope !== undefined && scope.table !== shape.root.table) {
    const via: Scope["via"][number] | undefined = scope.via[0];
    if (via === undefined) break;
    const column = `${via.edge.table === scope.table ? "" : `${via.edge.table}.`}${via.edge.columns.join(",")}`;
    const parent: string = via.direction === "refers" ? via.edge.to.table : via.edge.table;
    steps.push(`${column} → ${parent}`);
    scope = scopes.get(parent);
  }
  const more = (scopes.get(name)?.via.length ?? 0) - 1;
  return steps.length === 0 ? "the subject" : `${steps.join(" → ")}${more > 0 ? ` (+${more})` : ""}`;
};

const whatOf = (step: Exclude<Step, { kind: "cut" }>): string => {
  if (step.kind === "erase") return "rows deleted";
  if (step.kind === "anonymise" && step.aggregate !== undefined) {
    const { into, classes } = step.aggregate;
    const counted = `rows counted in ${into} by ${classes.map(({ column }) => column).join(", ")}, and deleted`;
    return [counted, lateText(step.analysis)].filter((part) => part !== "").join("; ");
  }
  const changed = step.changes.map(changeText).join(", ");
  const stays = step.stays.length === 0 ? "" : `${step.stays.map(({ column }) => column).join(", ")} stay`;
  const basis = step.kind === "retain" ? `${step.basis}, from ${step.clock}` : "";
  const order = step.kind === "anonymise" && step.reorder !== undefined ? "put in again in random order" : "";
  const late = step.kind === "anonymise" ? lateText(step.analysis) : "";
  return [basis, changed, stays, order, late].filter((part) => part !== "").join("; ");
};

/** What the approval is for as well, should nobody else look like the person by then. */
const lateText = (analysis: Extract<Step, { kind: "anonymise" }>["analysis"]): string => {
  if (analysis === undefined || analysis.late === "wait") return "";
  const deleted = "who is recognised in them at the deadline: rows deleted";
  return analysis.late === "erase"
    ? deleted
    : `who is recognised in them at the deadline: ${analysis.suppressed.map(changeText).join(", ")}, or rows deleted`;
};

const changeText = ({ name, transform }: ColumnChange): string => {
  switch (transform.kind) {
    case "keep":
    case "stays":
      return name;
    case "now":
      return transform.when === "always" ? `${name} → now` : `${name} → now, where empty`;
    case "null":
      return `${name} → null`;
    case "constant":
      return `${name} → '${transform.value}'`;
    case "unique":
      return `${name} → ${transform.template}`;
    case "redact":
      return `${name} redacted`;
    case "truncate":
      return `${name} → ${transform.to}`;
    case "generalise":
      return `${name} generalised`;
    case "band":
      return `${name} in bands of ${transform.width}`;
    case "code":
      return `${name} within ${transform.bottom ?? "…"} to ${transform.top ?? "…"}`;
    case "rare":
      return `${name} without rare values`;
    case "mean":
      return `${name} averaged`;
    case "rekey":
      return `${name} → random key`;
    case "shuffle":
      return `${name} shuffled`;
  }
};
