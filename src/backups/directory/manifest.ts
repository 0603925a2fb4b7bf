import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Temporal } from "temporal-polyfill";
import { z } from "zod";
import { openFile } from "#backups/directory/read-file.ts";
import { lsnOf, type Lsn } from "#backups/wal-segments.ts";

/** One file of a base backup as it was sent; `checksum` undefined: made with `--manifest-checksums=NONE`. */
export type ManifestFile = {
  /** Below the data directory. */
  readonly path: string;
  readonly size: number;
  readonly checksum: { readonly algorithm: string; readonly digest: string } | undefined;
};

/** What of the write-ahead log has to be replayed before a base backup is consistent. */
export type WalRange = { readonly timeline: number; readonly start: Lsn; readonly end: Lsn };

export type Manifest = {
  /** Of the server, from PostgreSQL 17 on. */
  readonly system: string | undefined;
  /** When the server began to send files. */
  readonly began: Temporal.Instant | undefined;
  /** In the order of the log. */
  readonly ranges: readonly WalRange[];
};

export type ReadManifest = {
  /** Of its bytes, in lower-case hexadecimal. */
  readonly sha256: string;
  /** Undefined: cut off, not with the checksum that it ends with, or not as PostgreSQL writes it. */
  readonly content: Manifest | undefined;
};

const fileLine = z
  .object({
    Path: z.string(),
    Size: z.int().min(0),
    "Last-Modified": z.string(),
    "Checksum-Algorithm": z.string().optional(),
    Checksum: z.string().optional(),
  })
  .transform(
    ({ Path: path, Size: size, "Last-Modified": modified, "Checksum-Algorithm": algorithm, Checksum: digest }) => ({
      kind: "file" as const,
      file: {
        path,
        size,
        checksum: algorithm === undefined || digest === undefined ? undefined : { algorithm, digest },
      },
      modified,
    }),
  );

const lsn = z.string().transform((text, found) => {
  const value = lsnOf(text);
  if (value === undefined) found.addIssue({ code: "custom", message: "no LSN" });
  return value ?? z.NEVER;
});

const rangeLine = z
  .object({ Timeline: z.int().min(1), "Start-LSN": lsn, "End-LSN": lsn })
  .transform(({ Timeline: timeline, "Start-LSN": start, "End-LSN": end }) => ({
    kind: "range" as const,
    range: { timeline, start, end },
  }));

/**
 * Reads `backup_manifest` line by line, as PostgreSQL 13 to 18 and pg_combinebackup write it (src/backend/backup/backup_manifest.c): one file a line,
 * and at the end the checksum of all lines before. It may be long: nothing of it is kept but what `Manifest` has. What `onFile` is told is to be
 * believed only once it turns out that there is a `content`.
 */
export const readManifest = async (
  path: string,
  onFile: (file: ManifestFile) => Promise<void> | void = () => undefined,
): Promise<ReadManifest> => {
  await using file = await openFile(path);
  const body = createHash("sha256");
  const ranges: WalRange[] = [];
  let system: string | undefined;
  let began: Temporal.Instant | undefined;
  let isUnderstood = true;
  let last: Buffer = Buffer.alloc(0);
  for await (const bytes of lines(file)) {
    body.update(last);
    last = bytes;
    const line = isUnderstood ? parseLine(bytes.toString("utf8")) : undefined;
    switch (line?.kind) {
      case undefined:
        isUnderstood = false;
        break;
      case "file":
        if (line.file.path === "backup_label") began = instantOf(line.modified);
        await onFile(line.file);
        break;
      case "range":
        ranges.push(line.range);
        break;
      case "system":
        system = line.system;
        break;
      case "frame":
        break;
    }
  }
  const sha256 = body.copy().update(last).digest("hex");
  const checksum = endLine.exec(last.toString("latin1"))?.[1];
  return {
    sha256,
    content:
      isUnderstood && checksum === body.digest("hex")
        ? { system, began, ranges: ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1)) }
        : undefined,
  };
};

type Line =
  | { readonly kind: "file"; readonly file: ManifestFile; readonly modified: string }
  | { readonly kind: "range"; readonly range: WalRange }
  | { readonly kind: "system"; readonly system: string }
  | { readonly kind: "frame" };

const endLine = /^"Manifest-Checksum": "([0-9a-f]{64})"\}\n$/;

const parseLine = (text: string): Line | undefined => {
  const line = text.replace(/,?\n$/, "");
  if (line.startsWith('{ "Path"')) return fileLine.safeParse(fromJson(line)).data;
  if (line.startsWith('{ "Timeline"')) return rangeLine.safeParse(fromJson(line)).data;
  const system = /^"System-Identifier": (\d+)$/.exec(line)?.[1];
  if (system !== undefined) return { kind: "system", system };
  const isFrame =
    /^\{ "PostgreSQL-Backup-Manifest-Version": [12]$/.test(line) ||
    ['"Files": [', '"WAL-Ranges": [', "]"].includes(line) ||
    endLine.test(text);
  return isFrame ? { kind: "frame" } : undefined;
};

/** Always in the form `2026-11-22 03:00:00 GMT`. */
const instantOf = (text: string): Temporal.Instant | undefined =>
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT$/.test(text) ? Temporal.Instant.from(text.replace(" GMT", "Z")) : undefined;

const fromJson = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
};

/** No path is as long; whatever else is no manifest need not fit into memory. */
const longestLine = 1 << 20;

/** With their ends, and at last what has none. */
const lines = async function* (file: FileHandle): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf("\n"); end !== -1; end = bytes.indexOf("\n", from)) {
      yield bytes.subarray(from, end + 1);
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length <= longestLine) continue;
    yield rest;
    rest = Buffer.alloc(0);
  }
  if (rest.length > 0) yield rest;
};
