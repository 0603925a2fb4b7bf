import type pg from "pg";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { equalForms } from "#lib/search-forms.ts";
import type { IdentifierKind } from "#records/request.ts";
import { PhoneSilhouette } from "#verify/phone-silhouette.ts";
import { Silhouette } from "#verify/silhouette.ts";

/** What must not be found any more. */
export type Sought = { readonly request: number; readonly kind: IdentifierKind; readonly value: string };

/** The subject's own root row, which is never somebody else's; null where any may be: it had another key when it was last found. */
export type SoughtKey = { readonly request: number; readonly key: string | null };

/** What the sought forms look like: from it the search derives a cheap test that no match can fail. */
export type SoughtProfile = {
  /** Whether anything but telephone numbers is sought. */
  readonly tokens: boolean;
  /** Every cell with a sought token contains one of these, or matches one of `tokenPatterns`. */
  readonly anchors: readonly string[];
  readonly tokenPatterns: readonly string[];
  /** What every cell with a sought telephone number matches, by how they begin and in full, and how many digits they have; undefined when none is sought. */
  readonly phone: { readonly begins: string; readonly pattern: string; readonly sizes: readonly number[] } | undefined;
  /** No cell with fewer bytes holds any of them. */
  readonly shortest: number;
  /**
   * Ways to split text into tokens: characters other than letters and digits that do not separate. Usually one; where some
   * identifier holds characters that elsewhere stand before or behind one ("id=7:x"), text is split without them too.
   */
  readonly inners: readonly string[];
};

/** Shorter values are in too much text by chance; the report names this limit. */
export const shortestToken = 4;

/** A form of what is sought: all forms of one identifier have its number. */
export type SoughtForm = readonly [request: number, identifier: number, kind: "token" | "phone", form: string];

/**
 * Loads the forms of what is sought into `lethe_sought (request, identifier, kind, form)`, made by the caller. Values pass through once,
 * in a COPY stream, and are not kept here.
 */
export const loadSought = (client: pg.PoolClient, sought: AsyncIterable<Sought>): Promise<SoughtProfile> =>
  profileWhile(sought, (forms) =>
    copyInto(client, "pg_temp.lethe_sought (request, identifier, kind, form)", copied(forms)),
  );

async function* copied(forms: AsyncIterable<SoughtForm>): AsyncGenerator<CopyValue[]> {
  for await (const form of forms) yield [...form];
}

/** What the forms look like that stream past into wherever `load` puts them. */
export const profileWhile = async (
  sought: AsyncIterable<Sought>,
  load: (forms: AsyncIterable<SoughtForm>) => Promise<unknown>,
): Promise<SoughtProfile> => {
  const silhouettes = new Map<IdentifierKind, Silhouette>();
  const inner = new Map<IdentifierKind, Set<string>>();
  const phones = new PhoneSilhouette();
  let shortest = Number.MAX_SAFE_INTEGER;

  async function* rows(): AsyncGenerator<SoughtForm> {
    let identifier = 0;
    for await (const { request, kind, value } of sought) {
      identifier += 1;
      for (const form of equalForms(kind, value)) {
        if (kind === "phone") {
          phones.add(form);
          shortest = Math.min(shortest, form.length);
          yield [request, identifier, "phone", form];
          continue;
        }
        // A bare number says nothing of itself: every other column holds it too.
        if (form.length < shortestToken || (kind === "key" && /^\d+$/.test(form))) continue;
        const silhouette = silhouettes.get(kind) ?? new Silhouette();
        silhouettes.set(kind, silhouette.add(value.normalize("NFC")));
        const characters = inner.get(kind) ?? new Set();
        inner.set(kind, characters);
        for (const [character] of form.matchAll(/[^\p{L}\p{N}]/gu)) characters.add(character);
        // A character takes a byte at least, and its capital is a character too.
        shortest = Math.min(shortest, [...form].length);
        yield [request, identifier, "token", form];
      }
    }
  }

  await load(rows());
  const others = [...silhouettes].filter(([kind]) => kind !== "email").map(([, silhouette]) => silhouette);
  const prefixes = others.flatMap((silhouette) => silhouette.prefix ?? []);
  return {
    tokens: silhouettes.size > 0,
    anchors: [
      // Web addresses write "@" as "%40", some programs' JSON as an escape.
      ...(silhouettes.has("email") ? ["@", "%40", String.raw`\u0040`] : []),
      ...new Set(prefixes.flatMap((prefix) => [prefix, prefix.toLowerCase(), prefix.toUpperCase()])),
    ],
    tokenPatterns: others.flatMap((silhouette) => (silhouette.prefix === undefined ? [silhouette.pattern()] : [])),
    phone:
      phones.sizes.length === 0
        ? undefined
        : { begins: phones.begins(), pattern: phones.pattern(), sizes: phones.sizes },
    shortest,
    inners: innersOf([...inner.values()]),
  };
};

/** Seldom used around an identifier, and in most of them: splitting without these would find parts of other people's addresses. */
const soft = /[._+@-]/;

const innersOf = (kinds: readonly ReadonlySet<string>[]): readonly string[] => {
  const text = (characters: Iterable<string>): string => [...new Set(characters)].toSorted(byCodePoint).join("");
  const all = text(kinds.flatMap((characters) => [...characters]));
  const some = text([...all].filter((character) => soft.test(character)));
  return some === all ? [all] : [...new Set([all, some, ...kinds.map(text)])];
};

const byCodePoint = (a: string, b: string): number => (a < b ? -1 : 1);

export const loadKeys = async (client: pg.PoolClient, keys: AsyncIterable<SoughtKey>): Promise<void> => {
  async function* rows(): AsyncGenerator<CopyValue[]> {
    for await (const { request, key } of keys) yield [request, key];
  }
  await copyInto(client, "pg_temp.lethe_sought_key (request, key)", rows());
};
