import type { Query } from "#test/fault/scene.ts";

/** References to the request's file and row: `request 7`. */
export const requestNames = async (state: Query): Promise<ReadonlyMap<string, string>> => {
  const rows = await state<{ ref: string; name: string }>(
    `select r.ref, case when f.imported_at < '2026-10-01' then 'earlier ' else 'request ' end || i.row_number as name
     from lethe.import_row i join lethe.request r on r.id = i.request_id join lethe.import_file f on f.digest = i.file_digest`,
  );
  return new Map(rows.map(({ ref, name }) => [ref, name]));
};

export const withNames = (text: string, names: ReadonlyMap<string, string>): string =>
  text.replaceAll(/R(?:-[0-9A-Z]{4}){3}/g, (ref) => names.get(ref) ?? "an unknown request");
