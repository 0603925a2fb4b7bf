import { access, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Temporal } from "temporal-polyfill";
import { readCatalog } from "#catalog/read.ts";
import type { Catalog } from "#catalog/catalog.ts";
import { closePool, openPool, withClient } from "#db/pool.ts";
import { draftPolicy } from "#init/draft.ts";
import { grantsFor } from "#init/grants.ts";
import type { Samples } from "#init/guess-columns.ts";
import { defaultCountry, renderConfig } from "#init/render-config.ts";
import { renderPolicy } from "#init/render-policy.ts";
import { readSamples } from "#init/sample.ts";
import { isCountry } from "#config-schema.ts";
import { LetheError } from "#lib/errors.ts";
import { generateKeys } from "#lib/keys.ts";
import { lawOf, readLaw } from "#policy/law.ts";
import { parsePolicy } from "#policy/parse.ts";
import { calendarYear } from "#records/controller.ts";

export type InitOptions = {
  readonly url: string;
  /** Where the files go. */
  readonly directory: string;
  readonly schemas: readonly string[];
  /** The subject's table, instead of a guess. */
  readonly subject: string | undefined;
  readonly country: string | undefined;
  /** The controller's name. */
  readonly organisation: string | undefined;
  /** ISO date. */
  readonly today: string;
};

export type Initialised = {
  /** As written, relative to `directory`. */
  readonly files: readonly string[];
  readonly variable: string;
  readonly database: string;
  readonly subject: string;
  readonly tables: number;
  /** Lines of the policy that ask for review. */
  readonly reviews: number;
  readonly role: string;
  readonly grants: readonly string[];
};

const role = "lethe";

const grantsHeading = `-- A role that holds what the drafted policy needs, and no more. Run this once in the database, as the owner of its tables,
-- and give the role a password. A policy that treats further tables or columns needs further grants.
`;

/**
 * Reads the live schema, drafts configuration, policy and keys. Everything is drafted, and every path checked, before
 * the first file is written; what was written is taken back when a later one fails.
 *
 * Throws `FILE_EXISTS`, `USAGE` (address, subject, nothing to read), `STORE_UNSUPPORTED`, `DATABASE_…`.
 */
export const initialise = async (options: InitOptions): Promise<Initialised> => {
  const { directory, schemas } = options;
  const country = options.country ?? defaultCountry;
  if (!isCountry(country)) {
    throw new LetheError("USAGE", "--country is no country whose holidays are known", {
      hint: "use its two capital letters of ISO 3166-1, such as DE",
    });
  }
  const database = databaseOf(options.url);
  const store = storeName(database);
  const variable = `LETHE_${store.toUpperCase().replaceAll("-", "_")}_URL`;
  const policyFile = `policies/${store}.yaml`;
  const keyFiles = ["keys/signing.pem", "keys/public.pem", "keys/pseudonym.key"];
  const grantsFile = `policies/${store}.grants.sql`;
  const files = ["lethe.yaml", policyFile, grantsFile, ...keyFiles];
  await refuseExisting(directory, files);

  const { catalog, samples } = await readStore(options.url, database, schemas);
  const on = Temporal.PlainDate.from(options.today);
  const under = { versions: readLaw(), country, sector: undefined, yearBegins: calendarYear, on };
  const draft = draftPolicy({
    name: store,
    database,
    country,
    today: options.today,
    statute: lawOf(under, "voucher"),
    catalog,
    samples,
    subjectTable: options.subject,
  });
  const policyText = renderPolicy(draft);
  const policy = parsePolicy(path.join(directory, policyFile), policyText, under);
  const configText = renderConfig({
    organisation: options.organisation,
    country: options.country,
    store,
    variable,
    policy: policyFile,
    schemas,
  });

  const grants = [`create role ${role} login;`, ...grantsFor(policy, catalog, role, database)];
  const grantsText = `${grantsHeading}${grants.join("\n")}\n`;

  await writeAll(directory, { [policyFile]: policyText, [grantsFile]: grantsText, "lethe.yaml": configText });
  return {
    files,
    variable,
    database,
    subject: policy.subject.table,
    tables: draft.tables.length,
    reviews: policyText.split("# review:").length - 1,
    role,
    grants,
  };
};

const databaseOf = (url: string): string => {
  try {
    const { protocol, pathname } = new URL(url);
    const name = decodeURIComponent(pathname.slice(1));
    if (/^postgres(ql)?:$/.test(protocol) && name !== "") return name;
  } catch {
    // The address is not quoted: it may hold a password.
  }
  throw new LetheError("USAGE", "that is not the address of a PostgreSQL database", {
    hint: "write it as postgres://user:password@host:5432/database",
  });
};

const storeName = (database: string): string => {
  const name = database
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, "-")
    .replace(/^[^a-z]+/, "");
  return name === "" ? "store" : name.slice(0, 63);
};

const refuseExisting = async (directory: string, files: readonly string[]): Promise<void> => {
  for (const file of files) {
    const exists = await access(path.join(directory, file)).then(
      () => true,
      () => false,
    );
    if (exists) {
      throw new LetheError("FILE_EXISTS", `${file} exists already; nothing was written`, {
        place: { file: path.join(directory, file) },
        hint: "move it away, or draft into another folder with --directory",
      });
    }
  }
};

const readStore = async (
  url: string,
  store: string,
  schemas: readonly string[],
): Promise<{ catalog: Catalog; samples: Samples }> => {
  const pool = openPool({ url, applicationName: "lethe init", label: store, max: 1 });
  try {
    return await withClient(pool, async (client) => {
      await client.query("begin transaction isolation level repeatable read read only");
      const catalog = await readCatalog(client, { store, schemas });
      if (catalog.tables.size === 0) {
        throw new LetheError("USAGE", `database ${store} shows no tables in ${schemas.join(", ")}`, {
          hint: "check the database in the address, and name its schemas with --schema",
        });
      }
      const samples = await readSamples(client, catalog);
      await client.query("commit");
      return { catalog, samples };
    });
  } finally {
    await closePool(pool);
  }
};

/** `lethe.yaml` comes last: while it is missing, no command takes the folder for a finished one. */
const writeAll = async (directory: string, texts: Readonly<Record<string, string>>): Promise<void> => {
  const written: string[] = [];
  try {
    const keys = await generateKeys(path.join(directory, "keys"));
    written.push(...Object.values(keys));
    for (const [file, text] of Object.entries(texts)) {
      const target = path.join(directory, file);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, text, { flag: "wx" });
      written.push(target);
    }
  } catch (error) {
    await Promise.all(written.map((file) => rm(file, { force: true })));
    throw error;
  }
};
