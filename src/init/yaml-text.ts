import type { Transform } from "#policy/policy.ts";

const plain = /^[A-Za-z_][\w./@-]*$/;
const reserved = /^(null|true|false|yes|no|on|off|y|n|~)$/i;

/** A YAML scalar: bare where nothing can misread it, else in single quotes, or in double quotes when it needs escapes. */
export const scalar = (text: string): string => {
  if (plain.test(text) && !reserved.test(text)) return text;
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)
    ? JSON.stringify(text)
    : `'${text.replaceAll("'", "''")}'`;
};

/** Prose as a value: bare when it holds no YAML sign. */
export const prose = (text: string): string =>
  /^[A-Za-z][\w ()/;.-]*$/.test(text) && !reserved.test(text) ? text : scalar(text);

/** A list on one line. */
export const flowList = (items: readonly string[]): string => `[${items.map(scalar).join(", ")}]`;

/** A column transform on one line. */
export const transformText = (transform: Transform): string => {
  switch (transform.kind) {
    case "keep":
      return "keep";
    case "stays":
      return `{ stays: ${scalar(transform.why)} }`;
    case "now":
      return `{ now: ${transform.when} }`;
    case "null":
      return "{ set: null }";
    case "constant":
      return `{ set: ${typeof transform.value === "string" ? scalar(transform.value) : String(transform.value)} }`;
    case "unique":
      return `{ unique: '${transform.template.replaceAll("'", "''")}' }`;
    case "redact":
      return "{ redact: identifiers }";
    case "truncate":
      return `{ truncate: ${transform.to} }`;
    case "band":
      return `{ band: { width: ${transform.width}, from: ${transform.from} } }`;
    case "code": {
      const { bottom, top } = transform;
      const ends = Object.entries({ bottom, top }).filter(([, end]) => end !== undefined);
      return `{ code: { ${ends.map(([name, end]) => `${name}: ${end}`).join(", ")} } }`;
    }
    case "rare": {
      const otherwise = transform.otherwise === null ? "null" : scalar(transform.otherwise);
      return `{ rare: { below: ${transform.below}, otherwise: ${otherwise} } }`;
    }
    case "mean":
      return `{ mean: [${transform.within.map(scalar).join(", ")}] }`;
    case "rekey":
      return "{ rekey: random }";
    case "shuffle":
      return `{ shuffle: [${transform.within.map(scalar).join(", ")}] }`;
    case "generalise": {
      const map = Object.entries(transform.map).map(([from, to]) => `${scalar(from)}: ${scalar(to)}`);
      const otherwise = transform.otherwise === null ? "null" : scalar(transform.otherwise);
      const { from } = transform;
      return from === undefined
        ? `{ generalise: { map: { ${map.join(", ")} }, otherwise: ${otherwise} } }`
        : `{ generalise: { file: ${scalar(from.file)}, level: ${typeof from.level === "number" ? from.level : scalar(from.level)}, otherwise: ${otherwise} } }`;
    }
  }
};

/** A line of the draft: key, value, and what a person should look at. */
export type Line = { readonly key: string; readonly value: string; readonly note: string | undefined };

/** Lines below each other with values and comments in columns of their own. */
export const aligned = (lines: readonly Line[], indent: string): string[] => {
  const widest = (texts: string[], limit: number): number =>
    Math.min(limit, Math.max(0, ...texts.map((text) => text.length)));
  const keys = widest(
    lines.map(({ key }) => key),
    40,
  );
  const values = widest(
    lines.filter(({ note }) => note !== undefined).map(({ value }) => value),
    60,
  );
  return lines.map(({ key, value, note }) => {
    const start = `${indent}${`${key}:`.padEnd(keys + 1)} `;
    return note === undefined ? `${start}${value}` : `${start}${value.padEnd(values)}  # review: ${note}`;
  });
};
