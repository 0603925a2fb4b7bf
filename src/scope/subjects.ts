import { redactionPattern, type NamedValue } from "#lib/search-forms.ts";
import type { Shape } from "#records/plan.ts";
import type { ScopeSubject } from "#scope/derive.ts";

/** A request with the root row that it means and everything that names the person. */
export type NamedSubject = {
  readonly request: number;
  readonly ref: string;
  readonly key: string;
  readonly values: readonly NamedValue[];
};

/**
 * The subjects of a batch with what to redact in their rows. Requests that mean the same root row look for the names of all of
 * them: whichever of them a row is changed for, no name of the person stays behind.
 */
export const scopeSubjects = (named: readonly NamedSubject[]): readonly ScopeSubject[] => {
  const byKey = Map.groupBy(named, ({ key }) => key);
  return named.map(({ request, ref, key }) => ({
    request,
    ref,
    key,
    pattern: redactionPattern([{ kind: "key", value: key }, ...(byKey.get(key) ?? []).flatMap(({ values }) => values)]),
  }));
};

/** Subjects whose rows are only looked at: nothing is to be redacted, so what names them is not needed. */
export const unnamed = (subjects: readonly Pick<NamedSubject, "request" | "ref" | "key">[]): readonly ScopeSubject[] =>
  subjects.map(({ request, ref, key }) => ({ request, ref, key, pattern: null }));

/** Whether any rule of the shape redacts text. */
export const redacts = (shape: Shape): boolean =>
  shape.steps.some((step) => "changes" in step && step.changes.some(({ transform }) => transform.kind === "redact"));
