import type pg from "pg";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { equalForms } from "#lib/search-forms.ts";
import type { IdentifierKind } from "#records/request.ts";
import { Silhouette } from "#verify/silhouette.ts";

/** What must not be found any more. */
export type Sought = { readonly request: number; readonly kind: IdentifierKind; readonly value: string };

/** The subject's own root row, which is never somebody else's. */
export type SoughtKey = { readonly request: number; readonly key: string };

/** What the sought forms look like: from it the search derives a cheap test that no match can fail. */
export type SoughtProfile = {
  /** A pattern (to be used without regard to case) that every cell with a sought token matches; undefined when no token is sought. */
  readonly token: string | undefined;
  /** The same for telephone numbers. */
  readonly phone: string | undefined;
  /** Characters other than letters and digits that occur in tokens: everything else separates them. */
  readonly inner: string;
};

/** Shorter values are in too much text by chance; the report names this limit. */
export const shortestToken = 4;

/**
 * Seven digits or more, with the separators that people put between them, and no letter or digit next to them: hexadecimal ids
 * are full of digits.
 */
const digits = String.raw`\d(?:[ ()./\u00a0-]*\d){6,}`;

/** To find them all: what stands between two numbers bounds both. */
export const phoneRun = `(?<![[:alnum:]])(${digits})(?![[:alnum:]])`;

/** To see whether there is one: consuming the boundary is several times cheaper than looking around at every character. */
const phoneSomewhere = `(?:^|[^[:alnum:]])${digits}(?:$|[^[:alnum:]])`;

/**
 * Loads the forms of what is sought into `lethe_sought (request, kind, form)`, made by the caller. Values pass through once,
 * in a COPY stream, and are not kept here.
 */
export const loadSought = async (client: pg.PoolClient, sought: AsyncIterable<Sought>): Promise<SoughtProfile> => {
  const silhouettes = new Map<IdentifierKind, Silhouette>();
  const inner = new Set<string>();
  let phones = 0;

  async function* rows(): AsyncGenerator<CopyValue[]> {
    for await (const { request, kind, value } of sought) {
      for (const form of equalForms(kind, value)) {
        if (kind === "phone") {
          phones += 1;
          yield [request, "phone", form];
          continue;
        }
        // A bare number says nothing of itself: every other column holds it too.
        if (form.length < shortestToken || (kind === "key" && /^\d+$/.test(form))) continue;
        const silhouette = silhouettes.get(kind) ?? new Silhouette();
        silhouettes.set(kind, silhouette.add(form));
        for (const character of form.matchAll(/[^\p{L}\p{N}]/gu)) inner.add(character[0]);
        yield [request, "token", form];
      }
    }
  }

  await copyInto(client, "pg_temp.lethe_sought (request, kind, form)", rows());
  // Web addresses write "@" as "%40".
  const patterns = [...silhouettes].map(([kind, silhouette]) => (kind === "email" ? "@|%40" : silhouette.pattern()));
  return {
    token: patterns.length === 0 ? undefined : patterns.join("|"),
    phone: phones === 0 ? undefined : phoneSomewhere,
    inner: [...inner].join(""),
  };
};

export const loadKeys = async (client: pg.PoolClient, keys: AsyncIterable<SoughtKey>): Promise<void> => {
  async function* rows(): AsyncGenerator<CopyValue[]> {
    for await (const { request, key } of keys) yield [request, key];
  }
  await copyInto(client, "pg_temp.lethe_sought_key (request, key)", rows());
};
