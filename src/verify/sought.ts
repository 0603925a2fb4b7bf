import type pg from "pg";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { equalForms } from "#lib/search-forms.ts";
import type { IdentifierKind } from "#records/request.ts";

/** What must not be found any more. */
export type Sought = { readonly request: number; readonly kind: IdentifierKind; readonly value: string };

/** The subject's own root row, which is never somebody else's. */
export type SoughtKey = { readonly request: number; readonly key: string };

export const loadKeys = async (client: pg.PoolClient, keys: AsyncIterable<SoughtKey>): Promise<void> => {
  async function* rows(): AsyncGenerator<CopyValue[]> {
    for await (const { request, key } of keys) yield [request, key];
  }
  await copyInto(client, "pg_temp.lethe_sought_key (request, key)", rows());
};

/** What the forms have in common: from it the search derives the cheapest test that no match can fail. */
export type SoughtProfile = {
  /** Number of forms that are searched for as tokens, and as telephone numbers. */
  readonly tokens: number;
  readonly phones: number;
  /** Octets of the shortest token. */
  readonly shortest: number;
  /** Every token contains one of these; empty when there is no such small set. */
  readonly anchors: readonly string[];
  /** Characters other than letters and digits that occur in tokens: everything else separates them. */
  readonly inner: string;
};

/** Shorter values are in too much text by chance; the report names this limit. */
export const shortestToken = 4;

/**
 * Loads the forms of what is sought into `lethe_sought (request, kind, form)`, made by the caller. Values pass through once, in a COPY stream, and are not
 * kept here.
 */
export const loadSought = async (client: pg.PoolClient, sought: AsyncIterable<Sought>): Promise<SoughtProfile> => {
  const profile = { tokens: 0, phones: 0, shortest: Number.POSITIVE_INFINITY };
  const inner = new Set<string>();
  // Anchors by kind: "@" is in every e-mail address; identifiers of one kind often share a prefix ("cus_").
  const prefixes = new Map<IdentifierKind, string>();

  async function* rows(): AsyncGenerator<CopyValue[]> {
    for await (const { request, kind, value } of sought) {
      for (const form of equalForms(kind, value)) {
        if (kind === "phone") {
          profile.phones += 1;
          yield [request, "phone", form];
          continue;
        }
        if (form.length < shortestToken || (kind === "key" && /^\d+$/.test(form))) continue;
        profile.tokens += 1;
        profile.shortest = Math.min(profile.shortest, Buffer.byteLength(form));
        for (const character of form.matchAll(/[^\p{L}\p{N}]/gu)) inner.add(character[0]);
        const anchor = kind === "email" ? "@" : form;
        prefixes.set(kind, commonPrefix(prefixes.get(kind) ?? anchor, anchor));
        yield [request, "token", form];
      }
    }
  }

  await copyInto(client, "pg_temp.lethe_sought (request, kind, form)", rows());
  const anchors = [...prefixes.values()];
  return {
    ...profile,
    // A short prefix excludes nothing, but costs a look at every cell.
    anchors: anchors.every((anchor) => anchor === "@" || anchor.length >= 3) ? anchors : [],
    inner: [...inner].join(""),
  };
};

const commonPrefix = (a: string, b: string): string => {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
};
