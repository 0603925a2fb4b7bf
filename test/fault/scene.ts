import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import pg from "pg";
import { Temporal } from "temporal-polyfill";
import { stringify } from "yaml";
import { closePool } from "#db/pool.ts";
import { openState } from "#db/state.ts";
import { generateKeys } from "#lib/keys.ts";
import { writeSet } from "#test/backups/repository-files.ts";
import * as company from "#test/fault/company.ts";
import { wholeNight, type NightOrder } from "#test/fault/night.ts";

/** URL of a database on the server at hand. */
export type UrlOf = (database: string) => string;

const databases = ["state", "shop", "crm"] as const;
type Names = Readonly<Record<(typeof databases)[number], string>>;

export type Size = { readonly customers: number; readonly requests: number; readonly batch: number };

const small: Size = { customers: 60, requests: 12, batch: 4 };

/** The company as it is before the night, from which scenes are copied. */
export type Stage = {
  readonly urlOf: UrlOf;
  readonly size: Size;
  readonly directory: string;
  readonly names: Names;
  readonly publicKey: string;
  /** To whom the exports are encrypted. */
  readonly recipient: string;
};

export type Scene = {
  readonly directory: string;
  readonly configFile: string;
  readonly backups: string;
  readonly names: Names;
  urls: Names;
  readonly publicKey: string;
  readonly order: NightOrder;
  /** The next attempt, after something went wrong. */
  readonly again: NightOrder;
  readonly dispose: () => Promise<void>;
};

const lastDay = Temporal.PlainDate.from("2026-11-02");
const backupDays = 40;

/** Makes the company, lets a night of five weeks ago pass, and keeps the databases as templates. */
export const setStage = async (urlOf: UrlOf, size: Size = small): Promise<Stage> => {
  const { shopSql, crmSql, earlierCsv, requestsCsv } = company.makeCompany(size.customers, size.requests);
  const directory = await mkdtemp(join(tmpdir(), "lethe-fault-"));
  const keys = await generateKeys(join(directory, "keys"));
  const names = freshNames();
  await administer(
    urlOf,
    databases.map((database) => `create database ${names[database]}`),
  );
  const urls = urlsOf(urlOf, names);
  const { pool } = await openState(urls.state);
  await closePool(pool);
  await query(urls.shop, shopSql);
  await query(urls.crm, crmSql);
  await writeFile(join(directory, "shop.yaml"), company.shopPolicy);
  await writeFile(join(directory, "crm.yaml"), company.crmPolicy);
  // Nobody exported anything then: every export on record is one of the night that is watched.
  const configFile = await writeConfig(directory, urls, { batch: size.batch });
  const recipient = await identityToRecipient(await generateX25519Identity());
  await writeFile(join(directory, "earlier.csv"), earlierCsv);
  await writeFile(join(directory, "requests.csv"), requestsCsv);
  await writeBackups(join(directory, "backups"), 36);
  await wholeNight({ configFile, now: company.earlierNight, requests: join(directory, "earlier.csv") });
  return { urlOf, size, directory, names, recipient, publicKey: await readFile(keys.public, "utf8") };
};

export const clearStage = async ({ urlOf, directory, names }: Stage): Promise<void> => {
  await dropAll(urlOf, names);
  await rm(directory, { recursive: true, force: true });
};

/** A copy of everything, in which one night goes its own way. */
export const openScene = async (stage: Stage): Promise<Scene> => {
  const names = freshNames();
  await administer(
    stage.urlOf,
    databases.map(
      (database) => `create database ${names[database]} template ${stage.names[database]} strategy file_copy`,
    ),
  );
  const urls = urlsOf(stage.urlOf, names);
  const directory = await mkdtemp(join(stage.directory, "scene-"));
  await mkdir(join(directory, "keys"), { mode: 0o700 });
  for (const name of ["signing.pem", "pseudonym.key"])
    await copyFile(join(stage.directory, "keys", name), join(directory, "keys", name));
  for (const name of ["shop.yaml", "crm.yaml", "requests.csv"])
    await copyFile(join(stage.directory, name), join(directory, name));
  const configFile = await writeConfig(directory, urls, settingsOf(stage));
  const backups = join(directory, "backups");
  await writeBackups(backups, 0);
  // Of this copy they never lay anywhere else.
  await query(urls.state, "delete from lethe.backup_place");
  const requests = join(directory, "requests.csv");
  return {
    directory,
    configFile,
    backups,
    names,
    urls,
    publicKey: stage.publicKey,
    order: { configFile, requests, now: company.theNight },
    again: { configFile, requests, now: company.nextAttempt },
    dispose: async () => {
      await dropAll(stage.urlOf, names);
      await rm(directory, { recursive: true, force: true });
    },
  };
};

/** After the server was started again, on another port. */
export const moveScene = async (stage: Stage, scene: Scene): Promise<void> => {
  scene.urls = urlsOf(stage.urlOf, scene.names);
  await writeConfig(scene.directory, scene.urls, settingsOf(stage));
};

const freshNames = (): Names => {
  const suffix = randomBytes(6).toString("hex");
  return { state: `fault_${suffix}_state`, shop: `fault_${suffix}_shop`, crm: `fault_${suffix}_crm` };
};

const urlsOf = (urlOf: UrlOf, { state, shop, crm }: Names): Names => ({
  state: urlOf(state),
  shop: urlOf(shop),
  crm: urlOf(crm),
});

type Settings = { readonly batch: number; readonly recipient?: string };

const settingsOf = ({ size, recipient }: Stage): Settings => ({ batch: size.batch, recipient });

const writeConfig = async (directory: string, urls: Names, { batch, recipient }: Settings): Promise<string> => {
  const store = (url: string, policy: string) => ({ url, policy, batch, lock_timeout: "PT1M" });
  const file = join(directory, "lethe.yaml");
  const config = {
    controller: { name: "Shop GmbH", country: "DE", region: "BE", dpo: "dpo@shop.example", time_zone: "Europe/Berlin" },
    state: { url: urls.state },
    stores: { shop: store(urls.shop, "shop.yaml"), crm: store(urls.crm, "crm.yaml") },
    backups: {
      nightly: { kind: "directory", store: "shop", path: "backups" },
    },
    reports: { directory: "reports" },
    ...(recipient === undefined ? {} : { export: { directory: "exports", recipients: [recipient] } }),
  };
  await writeFile(file, stringify(config), { mode: 0o600 });
  return file;
};

/** One dump a night, the newest `newest` days before the night. */
const writeBackups = async (directory: string, newest: number): Promise<void> => {
  await mkdir(directory);
  for (let back = backupDays - 1; back >= newest; back -= 1) {
    const day = lastDay.subtract({ days: back }).toString();
    await writeSet(directory, `all-${day}T0200Z.sql`, company.dumpOf(day), `${day}T02:10:00Z`);
  }
};

const administer = (urlOf: UrlOf, texts: readonly string[]): Promise<void> =>
  connected(urlOf("postgres"), async (ask) => {
    for (const text of texts) await ask(text);
  });

const dropAll = (urlOf: UrlOf, names: Names): Promise<void> =>
  administer(
    urlOf,
    Object.values(names).map((name) => `drop database if exists ${name} with (force)`),
  );

export type Query = <Row>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** Looks into a database on one connection, which is gone afterwards: no pool keeps a database from being copied. */
export const connected = async <T>(url: string, work: (query: Query) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(
      async <Row>(text: string, values: readonly unknown[] = []) =>
        (values.length === 0 ? await client.query(text) : await client.query(text, [...values])).rows as Row[],
    );
  } finally {
    await client.end();
  }
};

/** Runs SQL on a connection of its own. */
export const query = <Row>(url: string, text: string, values: readonly unknown[] = []): Promise<Row[]> =>
  connected(url, (ask) => ask<Row>(text, values));
