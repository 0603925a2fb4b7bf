import type { Catalog } from "#catalog/catalog.ts";
import { edgesOf } from "#plan/edges.ts";
import { reach, type Reach } from "#plan/reach.ts";
import type { Policy } from "#policy/policy.ts";
import { parentOf, type Shape, type Via } from "#records/plan.ts";

/** By which references rows of a table belong to a subject, nearest first; each way in once, on the first way from there. */
export const pathsTo = (policy: Policy, catalog: Catalog, table: string): readonly string[] => {
  const found = reach(policy, edgesOf(catalog, policy));
  if (table === policy.subject.table) return ["the subject's own row"];
  return (found.vias.get(table) ?? []).map((via) => [via, ...wayOn(found, parentOf(via))].map(stepWords).join(", "));
};

const wayOn = (found: Reach, table: string): readonly Via[] => {
  const [via] = found.vias.get(table) ?? [];
  return via === undefined ? [] : [via, ...wayOn(found, parentOf(via))];
};

const stepWords = ({ edge, direction }: Via): string => {
  const declared = edge.declared === "link" ? " (a link of the policy)" : "";
  return direction === "refers"
    ? `${edge.columns.join(", ")} → ${edge.to.table}${declared}`
    : `${edge.table}.${edge.columns.join(", ")} refers to it${declared}`;
};

/** Whose claim keeps a row of a subject from being changed. */
export const sharingWords = (shape: Shape, table: string): readonly string[] => {
  const scope = shape.scopes.find((candidate) => candidate.table === table);
  if (scope === undefined) return [];
  return [
    ...(scope.contested ? ["a row that also belongs to somebody who did not ask is left whole"] : []),
    ...scope.uses.map(
      (edge) =>
        `a row to which ${edge.table}.${edge.columns.join(", ")} of somebody who did not ask refers is left whole`,
    ),
  ];
};
