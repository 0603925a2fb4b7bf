/**
 * `complete`: every table of its contents is there, to the end; `unknown`: a version or a kind of archive that is not known here.
 */
export type ArchiveVerdict = "complete" | "broken" | "unknown";

/** What the reading wants next: so many bytes to look at, or to pass by; `last`: or the end. */
type Want = { readonly take: number; readonly last?: true } | { readonly skip: number };

/**
 * Reads an archive of pg_dump's custom format by its structure, in whatever pieces it comes, in constant memory: it has no end mark, but its table of
 * contents says how many entries have data, and the data comes in blocks that say how long they are (pg_backup_archiver.c and
 * pg_backup_custom.c of PostgreSQL; versions 1.12 to 1.16 of the format, which PostgreSQL 9.0 to 18 write).
 */
export const archiveReader = (): { readonly write: (chunk: Buffer) => void; readonly end: () => ArchiveVerdict } => {
  const reading = archive();
  let next = reading.next();
  let rest: Buffer = Buffer.alloc(0);
  let passed = 0;
  const write = (chunk: Buffer): void => {
    if (next.done === true) return;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (next.done !== true) {
      const want: Want = next.value;
      if ("skip" in want) {
        const now = Math.min(want.skip - passed, rest.length);
        rest = rest.subarray(now);
        passed += now;
        if (passed < want.skip) return;
        passed = 0;
        next = reading.next(empty);
      } else {
        if (rest.length < want.take) return;
        const taken = rest.subarray(0, want.take);
        rest = rest.subarray(want.take);
        next = reading.next(taken);
      }
    }
  };
  const end = (): ArchiveVerdict => {
    if (next.done === true) return next.value;
    if ("skip" in next.value || next.value.last !== true || rest.length > 0) return "broken";
    return reading.next(empty).value === "complete" ? "complete" : "broken";
  };
  return { write, end };
};

const empty = Buffer.alloc(0);

type Reading<T> = Generator<Want, T, Buffer>;

function* archive(): Reading<ArchiveVerdict> {
  const head = yield { take: 11 };
  const [major = 0, minor = 0, , intSize = 0, offsetSize = 0, format] = head.subarray(5);
  if (major !== 1 || minor < 12 || minor > 16 || format !== customFormat || intSize < 1 || intSize > 6)
    return "unknown";
  const read = reader(intSize);
  // How it is compressed, then when it was made, of what, by what.
  if (minor >= 15) yield { skip: 1 };
  else yield* read.int();
  for (let part = 0; part < 7; part += 1) yield* read.int();
  yield* read.texts(3);

  let data = 0;
  for (let entries = yield* read.int(); entries > 0; entries -= 1) {
    yield* read.int();
    yield* read.int();
    yield* read.texts(4);
    yield* read.int();
    yield* read.texts(minor >= 14 ? 6 : 5);
    if (minor >= 16) yield* read.int();
    yield* read.texts(2);
    // What it depends on, up to none.
    while (yield* read.text());
    const [state] = yield { take: 1 + offsetSize };
    if (state !== noData) data += 1;
  }

  for (;;) {
    const [kind] = yield { take: 1, last: true };
    if (kind === undefined) return data === 0 ? "complete" : "broken";
    data -= 1;
    yield* read.int();
    if (kind === tableData) yield* read.block();
    else if (kind === largeObjects) while ((yield* read.int()) !== 0) yield* read.block();
    else return "broken";
  }
}

const customFormat = 1;
/** In the table of contents: the entry has none. */
const noData = 3;
const tableData = 1;
const largeObjects = 3;

/** What the format is made of: numbers with a sign of their own, and texts and blocks that begin with their length. */
const reader = (intSize: number) => {
  function* int(): Reading<number> {
    const bytes = yield { take: 1 + intSize };
    const value = bytes.readUIntLE(1, intSize);
    return bytes[0] === 0 ? value : -value;
  }
  /** Whether there is one. */
  function* text(): Reading<boolean> {
    const length = yield* int();
    if (length > 0) yield { skip: length };
    return length >= 0;
  }
  function* texts(count: number): Reading<void> {
    for (let number = 0; number < count; number += 1) yield* text();
  }
  function* block(): Reading<void> {
    for (let length = yield* int(); length > 0; length = yield* int()) yield { skip: length };
  }
  return { int, text, texts, block };
};
