import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig, type Environment } from "#config-file.ts";
import type { Config } from "#config.ts";
import { isLetheError, LetheError } from "#lib/errors.ts";

const whole = `controller: { name: Shop GmbH, country: DE, region: BE, dpo: dpo@shop.example, time_zone: Europe/Berlin }
state: { embedded: lethe }
stores:
  shop: { url: '\${LETHE_SHOP_URL}', policy: policies/shop.yaml, schemas: [public, crm], batch: 500, lock_timeout: PT5S, statement_timeout: PT10M }
  crm:
    embedded: crm
    policy: policies/crm.yaml
backups:
  nightly-dumps: { kind: directory, store: shop, path: backups, keep_days: 14 }
reports: { directory: reports/out }
schedule: { nightly: '0 2 * * *', backups: '30 3 * * 0' }
keys: { signing: keys/signing.pem, pseudonym: keys/pseudonym.key }
warn_days: 5
`;
const columnOf = (part: string): number => {
  const line = whole.split("\n").find((candidate) => candidate.includes(part));
  return (line?.indexOf(part) ?? -1) + 1;
};
const secret = "postgres://lethe:hunter2@db.example:5432/shop";
const env: Environment = { LETHE_SHOP_URL: secret, HOME: "/root" };

let file: string;
beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), "lethe-config-")), "lethe.yaml");
});
afterAll(() => rm(dirname(file), { recursive: true, force: true }));

const load = async (text: string | Uint8Array, environment: Environment = env): Promise<Config> => {
  await writeFile(file, text);
  return loadConfig(file, environment);
};
const failure = async (text: string | Uint8Array, environment: Environment = env): Promise<LetheError> => {
  const error: unknown = await load(text, environment).then(
    () => new Error("was accepted"),
    (thrown: unknown) => thrown,
  );
  if (!isLetheError(error)) throw error;
  return error;
};

describe("loadConfig", () => {
  it("fills variables in, makes paths absolute and durations milliseconds", async () => {
    const config = await load(whole);
    const at = (path: string): string => join(dirname(file), path);
    expect(config.stores[0]).toEqual({
      name: "shop",
      location: { url: secret },
      policy: at("policies/shop.yaml"),
      schemas: ["public", "crm"],
      batch: 500,
      lockTimeoutMs: 5000,
      statementTimeoutMs: 600_000,
      expireRows: 1_000_000,
    });
    expect(config.backups).toEqual([
      { name: "nightly-dumps", kind: "directory", store: "shop", path: at("backups"), keepDays: 14 },
    ]);
    expect(config.schedule).toEqual({ nightly: "0 2 * * *", backups: "30 3 * * 0" });
    expect(config.controller).toMatchObject({ country: "DE", region: "BE", timeZone: "Europe/Berlin" });
    expect(config).toMatchObject({ directory: dirname(file), warnDays: 5, reports: { directory: at("reports/out") } });
  });

  it("has a default for everything but controller and stores", async () => {
    const config = await load(
      "controller: { name: A, country: AT, dpo: d, time_zone: UTC }\nstores: { shop: { embedded: shop, policy: p.yaml } }\n",
    );
    expect(config.state).toEqual({ embedded: "lethe" });
    expect(config.stores[0]).toMatchObject({
      schemas: ["public"],
      batch: 1000,
      lockTimeoutMs: 5000,
      statementTimeoutMs: 600_000,
    });
    expect(config.backups).toEqual([]);
    expect(config.schedule).toEqual({ nightly: "0 2 * * *" });
    expect(config.keys.signing).toBe(join(dirname(file), "keys/signing.pem"));
    expect(config.warnDays).toBe(7);
  });

  it("knows an archive of the log beside a directory of backups, of one repository and apart from the backups", async () => {
    const withWal = (wal: string): string => whole.replace("path: backups", `path: backups, wal: ${wal}`);
    const [directory] = (await load(withWal("wal"))).backups;
    expect(directory).toMatchObject({ path: join(dirname(file), "backups"), wal: join(dirname(file), "wal") });
    expect((await load(withWal("backups/wal"))).backups).toMatchObject([{ wal: join(dirname(file), "backups/wal") }]);
    for (const wal of ["backups", "."]) {
      const error = await failure(withWal(wal));
      expect(error).toMatchObject({
        code: "CONFIG_INVALID",
        message: "backups.nightly-dumps.wal: its backups are in this directory",
      });
    }
    const more = "keep_days: 14 }\n  more: { kind: directory, store: shop, path: more, wal: wal }\n";
    const error = await failure(withWal("wal").replace("keep_days: 14 }\n", more));
    expect(error.message).toBe("backups.more.wal: another repository has this archive");
  });

  it("knows stores of ClickHouse, on a server or in a directory", async () => {
    const events = (place: string): string =>
      `stores:\n  events: { clickhouse: ${place}, policy: e.yaml, parts_timeout: PT1H }\n`;
    const [server] = (await load(whole.replace("stores:\n", events("'https://l:s@ch.example:8443/web'")))).columnStores;
    expect(server).toEqual({
      name: "events",
      location: { url: "https://l:s@ch.example:8443/", database: "web" },
      policy: join(dirname(file), "e.yaml"),
      batch: 10_000,
      statementTimeoutMs: 600_000,
      partsTimeoutMs: 3_600_000,
    });
    const inDirectory = await load(whole.replace("stores:\n", events("{ directory: data/web, database: web }")));
    expect(inDirectory.columnStores[0]?.location).toEqual({
      directory: join(dirname(file), "data/web"),
      database: "web",
    });
    expect(inDirectory.stores.map(({ name }) => name)).toEqual(["shop", "crm"]);
  });

  it("takes a bucket's prefix for a folder, and puts the bucket into the path where the server is one's own", async () => {
    const bucket = async (more: string) => {
      const { backups } = await load(
        whole.replace("backups:\n", `backups:\n  b: { kind: s3, store: shop, bucket: dumps${more} }\n`),
      );
      return backups[0];
    };
    expect(await bucket("")).toEqual({
      name: "b",
      kind: "s3",
      store: "shop",
      keepDays: 30,
      bucket: "dumps",
      prefix: "",
      endpoint: undefined,
      region: "us-east-1",
      forcePathStyle: false,
      profile: undefined,
    });
    expect(await bucket(", prefix: shop, endpoint: 'http://s3.example:9000', profile: vault")).toMatchObject({
      prefix: "shop/",
      endpoint: "http://s3.example:9000",
      forcePathStyle: true,
      profile: "vault",
    });
    const asHost = await bucket(", prefix: a/b/, endpoint: 'https://s3.example', region: eu, force_path_style: false");
    expect(asHost).toMatchObject({ prefix: "a/b/", region: "eu", forcePathStyle: false });
  });

  it("names an unset variable at the place that needs it", async () => {
    const error = await failure(whole, {});
    expect(error.code).toBe("CONFIG_VARIABLE_UNSET");
    expect(error.message).toContain("LETHE_SHOP_URL");
    expect(error.place).toEqual({ file, line: 4, column: 16 });
    expect((await failure(whole, { LETHE_SHOP_URL: "" })).code).toBe("CONFIG_VARIABLE_UNSET");
  });

  it("fills in nothing from variables of other programs", async () => {
    const error = await failure(whole.replace("LETHE_SHOP_URL", "HOME"));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.place).toEqual({ file, line: 4, column: 16 });
  });

  it("never quotes a value, which may be a secret", async () => {
    for (const [text, value] of [
      [whole, "mysql://lethe:hunter2@db/shop"],
      [whole, "hunter2"],
      [whole.replace("country: DE", "country: '${LETHE_SHOP_URL}'"), "hunter2"],
      [whole.replace("'0 2 * * *'", "'${LETHE_SHOP_URL}'"), "hunter2"],
      [whole.replace("store: shop", "store: '${LETHE_SHOP_URL}'"), "hunter2"],
      [`password: "hunter2\n${whole}`, secret],
      [`${whole}  hunter2`, secret],
    ] as const) {
      const error = await failure(text, { LETHE_SHOP_URL: value });
      expect(error.code).toBe("CONFIG_INVALID");
      const causes = error.cause instanceof Error ? error.cause.message : "";
      expect(`${error.message} ${error.hint} ${causes}`).not.toContain("hunter2");
    }
  });

  it("says which file is missing and how to make it", async () => {
    const error = await loadConfig(join(dirname(file), "other.yaml"), env).catch((thrown: unknown) => thrown);
    expect(isLetheError(error, "CONFIG_MISSING")).toBe(true);
    expect((error as LetheError).hint).toContain("lethe init");
  });

  it("points at an unknown key itself and suggests the nearest", async () => {
    const error = await failure(whole.replace("warn_days: 5", "warm_days: 5"));
    expect(error.place).toEqual({ file, line: 13, column: 1 });
    expect(error.hint).toBe("did you mean `warn_days`?");
    const inner = await failure(whole.replace("batch: 500", "bacth: 500"));
    expect(inner.hint).toBe("did you mean `batch`?");
    expect(inner.place).toEqual({ file, line: 4, column: columnOf("batch") });
  });

  it("points at the mapping that lacks a key", async () => {
    const error = await failure(whole.replace("    policy: policies/crm.yaml\n", ""));
    expect(error.message).toBe("stores.crm: missing key `policy`");
    expect(error.place).toEqual({ file, line: 6, column: 5 });
  });

  it("lists every mistake in one error, in the order of the file", async () => {
    const error = await failure(whole.replace("country: DE", "country: XX").replace("keep_days: 14", "keep_days: 31"));
    const lines = error.message.split("\n");
    expect(lines[0]).toMatch(/^controller\.country: .* \(and 1 more\)$/);
    expect(lines[1]).toBe(
      `${file}:1:41 controller.country: expected a country by its two capital letters (ISO 3166-1), such as DE`,
    );
    expect(lines[2]).toContain(`${file}:9:${columnOf("14")} backups.nightly-dumps.keep_days: must be at most 30`);
    expect(lines).toHaveLength(3);
  });

  it.each([
    ["a time zone nobody knows", "Europe/Berlin", "Europe/Lummerland", "controller.time_zone"],
    ["an offset for a time zone", "Europe/Berlin", "'+01:00'", "controller.time_zone"],
    ["a region of another country", "region: BE", "region: XY", "controller.region"],
    [
      "a fiscal year that begins on 29 February",
      "region: BE",
      "fiscal_year_begins: '02-29'",
      "controller.fiscal_year_begins: must be a day that every year has",
    ],
    [
      "a fiscal year that begins on no day",
      "region: BE",
      "fiscal_year_begins: '13-01'",
      "controller.fiscal_year_begins",
    ],
    ["a sector that no law knows", "region: BE", "sector: farming", "controller.sector"],
    ["a cron expression of four fields", "'0 2 * * *'", "'0 2 * *'", "schedule.nightly"],
    ["a job that does not exist", "backups: '30", "backup: '30", "schedule: unknown key `backup`"],
    ["a timeout in months", "PT5S", "P1M", "stores.shop.lock_timeout"],
    ["a timeout of zero", "PT10M", "PT0S", "stores.shop.statement_timeout"],
    ["backups kept for 31 days", "keep_days: 14", "keep_days: 31", "at most 30"],
    ["backups kept for no day", "keep_days: 14", "keep_days: 0", "keep_days"],
    [
      "a bucket's server with a path",
      "kind: directory, store: shop, path: backups",
      "kind: s3, store: shop, bucket: dumps, endpoint: 'https://s3.example/dumps'",
      "without account, password and path",
    ],
    [
      "a bucket's server with a secret",
      "kind: directory, store: shop, path: backups",
      "kind: s3, store: shop, bucket: dumps, endpoint: 'https://key:hunter2@s3.example'",
      "without account, password and path",
    ],
    [
      "a bucket's name that is none",
      "kind: directory, store: shop, path: backups",
      "kind: s3, store: shop, bucket: a/b",
      "a bucket's name",
    ],
    ["a backup of a store that is not there", "store: shop", "store: shpo", "backups.nightly-dumps.store"],
    ["a store without a place", "    embedded: crm\n", "", "either `url`, `embedded` or `clickhouse`"],
    [
      "a store with two places",
      "embedded: crm",
      "embedded: crm\n    url: postgres://h/d",
      "either `url`, `embedded` or `clickhouse`",
    ],
    ["a ClickHouse without its database", "embedded: crm", "clickhouse: https://h:8443", "stores.crm.clickhouse"],
    [
      "schemas of ClickHouse",
      "embedded: crm",
      "clickhouse: https://h/web\n    schemas: [x]",
      "is for stores of PostgreSQL",
    ],
    ["parts of PostgreSQL", "embedded: crm", "embedded: crm\n    parts_timeout: PT1H", "is for stores of ClickHouse"],
    ["Lethe's own records inside a store", "embedded: crm", "embedded: lethe", "the same database"],
    ["no stores", "stores:\n", "stores: {}\nxstores:\n", "stores"],
    ["a key that stands twice", "warn_days: 5", "warn_days: 5\nwarn_days: 6", "stands twice"],
    ["a tab as indentation", "  crm:", "\tcrm:", "indent with spaces"],
    ["two documents", "warn_days: 5", "---\nwarn_days: 5", "one document"],
  ])("refuses %s", async (_, from, to, expected) => {
    expect(whole).toContain(from);
    const error = await failure(whole.replace(from, to));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(expected);
    expect(error.place?.line).toBeGreaterThan(0);
    expect(error.hint).not.toBe("");
  });

  describe("export", () => {
    const recipient = "age1mgm4ds88vzzqja20ghy3pqkjls5wf6wd6k5r4rjx4vvw6k02ua8qqz40c3";
    const identity = "AGE-SECRET-KEY-1CF6N5RHTEDNFCCA9UMJGZV5VQY4R80EACN8JVM86HVN0H3Y4E47SEAHG34";
    const withRecipients = (...recipients: string[]): string =>
      `${whole}export:\n  recipients:\n${recipients.map((one) => `    - ${one}\n`).join("")}`;

    it("is off unless it is there; its directory lies beside the configuration", async () => {
      expect((await load(whole)).export).toBeUndefined();
      expect((await load(withRecipients(recipient))).export).toEqual({
        directory: join(dirname(file), "exports"),
        recipients: [recipient],
      });
      const elsewhere = withRecipients(recipient).replace("export:\n", "export:\n  directory: /srv/exports\n");
      expect((await load(elsewhere)).export?.directory).toBe("/srv/exports");
    });

    it.each([
      ["a private key", identity, "this is a private key"],
      ["a private key in small letters", identity.toLowerCase(), "this is a private key"],
      ["a key of another kind", `age1pq1${"q".repeat(80)}`, "expected an X25519 public key of age"],
      [
        "a key of OpenSSH",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM",
        "expected an X25519 public key",
      ],
      ["a key with a wrong letter", recipient.replace("mgm", "mgn"), "the checksum of this public key does not fit"],
      ["a key that lost a letter", recipient.slice(0, -1), "expected an X25519 public key of age"],
      ["nothing at all", "''", "expected an X25519 public key of age"],
    ])("refuses %s for a recipient, at its place and without quoting it", async (_, wrong, expected) => {
      const error = await failure(withRecipients(recipient, wrong));
      expect(error.code).toBe("CONFIG_INVALID");
      expect(error.message).toContain(`export.recipients.1: ${expected}`);
      expect(error.place).toEqual({ file, line: 17, column: 7 });
      if (wrong.length > 2) expect(`${error.message} ${error.hint}`).not.toContain(wrong.slice(0, 20));
    });

    it.each(["backups", "./backups/exports", "."])(
      "refuses the directory %s where backups are purged",
      async (directory) => {
        const text = withRecipients(recipient).replace("export:\n", `export:\n  directory: ${directory}\n`);
        const loaded = load(directory === "." ? text.replace("path: backups", "path: ../") : text);
        await expect(loaded).rejects.toMatchObject({
          code: "CONFIG_INVALID",
          message: "export.directory: this is in the directory of backups.nightly-dumps, whose files are purged",
          place: { file, line: 15, column: 14 },
        });
      },
    );

    it("refuses to encrypt to nobody", async () => {
      const error = await failure(`${whole}export: { recipients: [] }\n`);
      expect(error.message).toBe("export.recipients: must not be empty");
      expect(error.place).toEqual({ file, line: 14, column: 23 });
      expect((await failure(`${whole}export: {}\n`)).message).toBe("export: missing key `recipients`");
    });
  });

  it("refuses a file that is empty, or not text", async () => {
    expect((await failure("")).code).toBe("CONFIG_INVALID");
    expect((await failure(Uint8Array.of(0xff, 0xfe, 0x61))).message).toContain("UTF-8");
  });
});
