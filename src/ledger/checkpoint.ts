import { sha256Hex } from "#lib/canonical.ts";
import { isKeyName } from "#ledger/note.ts";

/** The head of the ledger at a size: what https://c2sp.org/tlog-checkpoint writes as the text of a signed note. */
export type Checkpoint = {
  /** Which ledger: also the name of the key that signs it. */
  readonly origin: string;
  readonly size: number;
  /** RFC 6962 root over the first `size` entries. */
  readonly root: Buffer;
};

/** `lethe/<controller>` in lower-case ASCII. A name that leaves no ASCII letters stands by its digest. */
export const originOf = (controllerName: string): string => {
  const slug = controllerName
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/\p{Mark}/gu, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return `lethe/${slug === "" ? sha256Hex(controllerName.normalize("NFC")).slice(0, 16) : slug}`;
};

/** Three lines: origin, size, base64 of the root. */
export const formatCheckpoint = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${root.toString("base64")}\n`;

/**
 * The one checkpoint whose text is `text`; undefined when there is none. The input is hostile. Extension lines, which
 * the specification allows and advises against, are refused: this ledger writes none.
 */
export const parseCheckpoint = (text: string): Checkpoint | undefined => {
  const [, origin, digits, encoded] = /^([^\n]+)\n(\d{1,16})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text) ?? [];
  if (origin === undefined || encoded === undefined || !isKeyName(origin)) return undefined;
  const checkpoint = { origin, size: Number(digits), root: Buffer.from(encoded, "base64") };
  return Number.isSafeInteger(checkpoint.size) && formatCheckpoint(checkpoint) === text ? checkpoint : undefined;
};
