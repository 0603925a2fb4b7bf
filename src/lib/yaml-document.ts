import type { Document, ErrorCode as YamlCode, Pair, YAMLError, YAMLMap } from "yaml";
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { z } from "zod";
import type { Json } from "#lib/canonical.ts";
import type { ErrorCode } from "#lib/error-codes.ts";
import type { Place } from "#lib/errors.ts";
import type { Mistake, Path, Places } from "#lib/mistakes.ts";
import { refuseMistakes } from "#lib/mistakes.ts";
import { schemaMistakes } from "#lib/schema-mistakes.ts";
import { numberMistakes } from "#lib/yaml-numbers.ts";

export type YamlDocument<T> = Places & { readonly value: T; readonly plain: Json };

export type YamlOptions<S extends z.ZodType> = {
  /** As the user wrote it: goes into messages. */
  readonly file: string;
  readonly text: string;
  readonly schema: S;
  readonly code: ErrorCode;
  /** What to do about a mistake for which there is no better advice. */
  readonly hint: string;
  /** Replaces each text value before validation, e.g. to fill in variables. */
  readonly fill?: (text: string, place: Place) => string;
  /** Refuses numbers that are read as something else than what is written. */
  readonly exactNumbers?: boolean;
  /** Says more of an unknown key than "unknown"; undefined when it cannot. */
  readonly explainKey?: (path: Path, key: string) => string | undefined;
};

/**
 * Parses YAML 1.2 (one document, unique text keys, no aliases: each value stands where it is used) and validates it. Every mistake
 * of a kind is collected into one `LetheError` of `code` with file, line and column. Values are never quoted: a
 * configuration holds secrets.
 */
export const readYaml = <S extends z.ZodType>(options: YamlOptions<S>): YamlDocument<z.output<S>> => {
  const { file, text, schema, code, hint } = options;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2", stringKeys: true });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  refuseMistakes(code, syntaxMistakes(document, at), hint);
  if (options.exactNumbers === true) refuseMistakes(code, numberMistakes(document, at), hint);
  const { fill } = options;
  if (fill !== undefined) {
    visit(document, {
      Scalar: (key, node) => {
        if (key !== "key" && typeof node.value === "string") node.value = fill(node.value, at(node.range?.[0] ?? 0));
      },
    });
  }
  const plain = document.toJS() as Json;
  const places: Places = {
    placeOf: (path) => at(keyOffset(document, path)),
    valuePlaceOf: (path) => at(valueOffset(document, path)),
  };
  const result = schemaMistakes(schema, plain, places, options.explainKey);
  if (!result.success) {
    refuseMistakes(code, result.mistakes, hint);
    throw new TypeError("validation failed without a mistake");
  }
  return { value: result.value, plain, ...places };
};

type Parsed = Document.Parsed;

const syntaxMistakes = (document: Parsed, at: (offset: number) => Place): Mistake[] => {
  const mistakes = [...document.errors, ...document.warnings].map((error: YAMLError) => ({
    place: at(error.pos[0]),
    what: syntax[error.code],
  }));
  visit(document, {
    Alias: (_, node) => {
      mistakes.push({ place: at(node.range?.[0] ?? 0), what: "aliases are not supported: write the value out here" });
    },
  });
  return mistakes;
};

// The library's own messages quote the source, where a password may stand.
const syntax: Readonly<Record<YamlCode, string>> = {
  ALIAS_PROPS: "an alias cannot have a tag or an anchor",
  BAD_ALIAS: "not an alias",
  BAD_COLLECTION_TYPE: "the tag does not fit this value",
  BAD_DIRECTIVE: "unknown directive",
  BAD_DQ_ESCAPE: "unknown escape inside double quotes",
  BAD_INDENT: "the indentation does not fit, or a bracket is not closed",
  BAD_PROP_ORDER: "tag and anchor must stand before the value",
  BAD_SCALAR_START: "text cannot begin with this character: put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a mapping cannot begin here: check the indentation, or quote a text with a colon",
  BLOCK_IN_FLOW: "indented lists and mappings cannot stand inside brackets",
  DUPLICATE_KEY: "this key stands twice in the same mapping",
  IMPOSSIBLE: "not YAML",
  KEY_OVER_1024_CHARS: "the key is too long",
  MISSING_CHAR: "a quote, bracket, colon or space is missing",
  MULTILINE_IMPLICIT_KEY: "a key must stand on one line, followed by a colon",
  MULTIPLE_ANCHORS: "a value can have only one anchor",
  MULTIPLE_DOCS: "the file must hold one document",
  MULTIPLE_TAGS: "a value can have only one tag",
  NON_STRING_KEY: "a key must be text",
  RESOURCE_EXHAUSTION: "nested too deeply",
  TAB_AS_INDENT: "indent with spaces, not with tabs",
  TAG_RESOLVE_FAILED: "unknown tag, or a value that its tag does not allow",
  UNEXPECTED_TOKEN: "this cannot stand here",
};

const pairAt = (map: YAMLMap, key: string | number): Pair | undefined =>
  map.items.find((pair) => isScalar(pair.key) && pair.key.value === String(key));

const startOf = (node: unknown): number | undefined =>
  isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range?.[0] : undefined;

/** Walks down as far as the path exists. */
const walk = (document: Parsed, path: Path): { key: number; value: number; whole: boolean } => {
  let node: unknown = document.contents;
  let key = startOf(node) ?? 0;
  for (const part of path) {
    let next: unknown;
    let nextKey: number | undefined;
    if (isMap(node)) {
      const pair = pairAt(node, part);
      next = pair?.value;
      nextKey = startOf(pair?.key);
    } else if (isSeq(node) && typeof part === "number") {
      next = node.items[part];
      nextKey = startOf(next);
    }
    if (nextKey === undefined) return { key, value: startOf(node) ?? key, whole: false };
    [node, key] = [next, nextKey];
  }
  return { key, value: startOf(node) ?? key, whole: true };
};

const keyOffset = (document: Parsed, path: Path): number => walk(document, path).key;
const valueOffset = (document: Parsed, path: Path): number => walk(document, path).value;
