import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "#config-file.ts";
import type { Config } from "#config.ts";

let file: string;
beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), "lethe-config-")), "lethe.yaml");
});
afterAll(() => rm(dirname(file), { recursive: true, force: true }));

const load = async (one: string, two: string): Promise<Config> => {
  const written = `controller: { name: Shop GmbH, country: DE, dpo: dpo@shop.example, time_zone: Europe/Berlin }
stores:
  shop: { embedded: shop, policy: shop.yaml }
  crm: { embedded: crm, policy: crm.yaml }
backups:
  a: { ${one} }
  b: { ${two} }
`;
  await writeFile(file, written.replace("HERE", dirname(file)));
  return loadConfig(file, {});
};

const bucket = "kind: s3, store: shop, bucket: dumps";
const files = "kind: directory, store: shop, path: backups";
const stanza = "kind: pgbackrest, store: shop, stanza: main";
const snapshots = "kind: restic, store: shop, repository: /srv/restic, password_file: secret";

test.each([
  [bucket, bucket],
  [bucket, `${bucket}, prefix: shop/`],
  [`${bucket}, prefix: shop/2026`, `${bucket}, prefix: shop`],
  [`${bucket}, prefix: shop`, `${bucket.replace("shop", "crm")}, prefix: shop/, region: eu-central-1`],
  [`${bucket}, endpoint: 'http://s3:9000', prefix: shop`, `${bucket}, endpoint: 'http://s3:9000/'`],
  [files, `${files}/, keep_days: 7`],
  [files, "kind: directory, store: shop, path: HERE/backups"],
  [stanza, `${stanza}, repo: 1, config: /etc/pgbackrest/pgbackrest.conf`],
  [snapshots, `${snapshots}, tag: shop`],
  [`${snapshots}, tag: shop`, `${snapshots}, tag: shop`],
])("two repositories of the same backups are refused: %s and %s", async (one, two) => {
  await expect(load(one, two)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: "backups.b: backups.a has the same backups",
    place: { line: 7 },
  });
});

test("nor may two stores whose backups are in one place keep them for different times", async () => {
  await expect(load(stanza, `${stanza.replace("shop", "crm")}, keep_days: 7`)).rejects.toMatchObject({
    message: "backups.b: backups.a keeps the same backups for another time",
  });
});

test.each([
  [`${bucket}, prefix: shop`, `${bucket}, prefix: shop2`],
  [`${bucket}, endpoint: 'http://one:9000'`, `${bucket}, endpoint: 'http://two:9000'`],
  [bucket, `${bucket}2`],
  [files, `${files}/older`],
  [stanza, `${stanza}, repo: 2`],
  [`${snapshots}, tag: shop`, `${snapshots}, tag: weekly`],
  // Backups of a server on which both stores are.
  [stanza, stanza.replace("shop", "crm")],
])("and others are not: %s and %s", async (one, two) => {
  expect((await load(one, two)).backups).toHaveLength(2);
});
