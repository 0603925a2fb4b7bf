import { z } from "zod";
import type { Mistake, Path, Places } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";

export type Validated<T> =
  | { readonly success: true; readonly value: T }
  | { readonly success: false; readonly mistakes: readonly Mistake[] };

/**
 * Validates a plain document and puts each issue where a person looks for it: an unknown key at the key, with the nearest
 * known one as the hint; a missing key at the mapping that lacks it; anything else at the value.
 */
export const schemaMistakes = <S extends z.ZodType>(
  schema: S,
  plain: unknown,
  places: Places,
  explainKey: ((path: Path, key: string) => string | undefined) | undefined,
): Validated<z.output<S>> => {
  const result = schema.safeParse(plain, { error: wording });
  if (result.success) return { success: true, value: result.data };
  const located = result.error.issues.flatMap((issue) => unwrap(issue, []));
  // A misspelt key also leaves its place empty: saying so twice helps nobody.
  const misspelt = new Set(located.filter(isMisspelt).map(({ path }) => path.join("\n")));
  const mistakes = located
    .filter(({ issue, path }) => issue.code !== "custom" || !misspelt.has(path.join("\n")))
    .flatMap(({ issue, path }): Mistake[] => {
      const at = path.length === 0 ? "" : `${path.join(".")}: `;
      if (issue.code === "unrecognized_keys") {
        return issue.keys.map((key) => {
          const explained = explainKey?.(path, key);
          const known = keysAt(schema, plain, path);
          const meant = nearest(key, known);
          const advice = meant === undefined ? `use one of: ${known.join(", ")}` : `did you mean \`${meant}\`?`;
          return {
            place: places.placeOf([...path, key]),
            what: `${at}unknown key \`${key}\`${explained === undefined ? "" : `: ${explained}`}`,
            hint: explained === undefined ? advice : undefined,
          };
        });
      }
      if (issue.code === "invalid_key") {
        const why = issue.issues.map(({ message }) => message).join("; ");
        return [{ place: places.placeOf(path), what: `${at}${why}` }];
      }
      if (path.length > 0 && valueAt(plain, path) === undefined) {
        const key = String(path.at(-1));
        const enclosing = path.slice(0, -1);
        const where = enclosing.length === 0 ? "" : `${enclosing.join(".")}: `;
        const what = `${where}missing key \`${key}\``;
        return [{ place: places.valuePlaceOf(enclosing), what, hint: `add \`${key}\`: ${issue.message}` }];
      }
      return [{ place: places.valuePlaceOf(path), what: `${at}${issue.message}` }];
    });
  return { success: false, mistakes };
};

const isMisspelt = ({ issue }: Located): boolean => issue.code === "unrecognized_keys";

type Located = { readonly issue: z.core.$ZodIssue; readonly path: Path };

/** In a union, the branch that the writer was in: the one whose complaints are about the inside, not about the whole. */
const unwrap = (issue: z.core.$ZodIssue, base: Path): Located[] => {
  const path = [...base, ...issue.path.filter((part) => typeof part !== "symbol")];
  if (issue.code === "invalid_union") {
    const inside = issue.errors.find((branch) =>
      branch.every((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys" || inner.code === "custom"),
    );
    if (inside !== undefined && inside.length > 0) return inside.flatMap((inner) => unwrap(inner, path));
  }
  return [{ issue, path }];
};

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  null: "null",
};

const code = (value: unknown): string => `\`${String(value)}\``;

/** What was expected, in words; never what was found. A schema's own message wins over this one. */
const wording = (issue: z.core.$ZodRawIssue): string | undefined => {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${typeNames[String(issue.expected)] ?? String(issue.expected)}`;
    case "invalid_value":
      return issue.values.length === 1
        ? `expected ${code(issue.values[0])}`
        : `expected one of ${issue.values.map(code).join(", ")}`;
    case "invalid_union":
      return issue.options === undefined
        ? "expected another kind of value"
        : `expected one of ${(issue.options as unknown[]).map(code).join(", ")}`;
    case "too_small":
      if (issue.origin === "array" || issue.origin === "string") return "must not be empty";
      return `must be ${issue.inclusive === true ? "at least" : "more than"} ${String(issue.minimum)}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}`;
    case "invalid_format":
      return issue.format === "regex" ? "not of the expected form" : `expected a valid ${issue.format}`;
    default:
      return undefined;
  }
};

const valueAt = (plain: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, part) => (isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined),
    plain,
  );

const isObject = (value: unknown): value is Record<string | number, unknown> =>
  typeof value === "object" && value !== null;

/** The keys that the schema knows at a path; in a union told apart by a key, those of the branch that was chosen. */
const keysAt = (schema: z.core.$ZodType, plain: unknown, path: Path): string[] => {
  let level: { schema: z.core.$ZodType; value: unknown }[] = [{ schema, value: plain }];
  for (const part of path) {
    level = level.flatMap(expand).flatMap(({ schema: { _zod }, value }) => {
      const { def } = _zod as z.core.$ZodTypes["_zod"];
      const inner = valueAt(value, [part]);
      if (def.type === "object") {
        const member = def.shape[part];
        return member === undefined ? [] : [{ schema: member, value: inner }];
      }
      if (def.type === "record") return [{ schema: def.valueType, value: inner }];
      return def.type === "array" ? [{ schema: def.element, value: inner }] : [];
    });
  }
  return level.flatMap(expand).flatMap(({ schema: { _zod } }) => {
    const { def } = _zod as z.core.$ZodTypes["_zod"];
    return def.type === "object" ? Object.keys(def.shape) : [];
  });
};

/** Looks through optional, default, pipe and union. */
const expand = (at: { schema: z.core.$ZodType; value: unknown }): { schema: z.core.$ZodType; value: unknown }[] => {
  const { def } = at.schema._zod as z.core.$ZodTypes["_zod"];
  if (def.type === "optional" || def.type === "nullable" || def.type === "default" || def.type === "prefault") {
    return expand({ schema: def.innerType, value: at.value });
  }
  if (def.type === "pipe") return expand({ schema: def.in, value: at.value });
  if (def.type !== "union") return [at];
  const discriminator = "discriminator" in def ? String(def.discriminator) : undefined;
  return def.options.flatMap((option) => {
    const accepted = discriminator === undefined ? undefined : option._zod.propValues?.[discriminator];
    const chosen =
      accepted === undefined || accepted.has(valueAt(at.value, [discriminator ?? ""]) as z.core.util.Primitive);
    return chosen ? expand({ schema: option, value: at.value }) : [];
  });
};
