/** An archive in pg_dump's custom format, by hand: so many tables with a block of data each, of a version of the format. */
export const customDump = (tables: number, minor = 14): Buffer => {
  const int = (value: number): Buffer => {
    const bytes = Buffer.alloc(5);
    bytes[0] = value < 0 ? 1 : 0;
    bytes.writeUInt32LE(Math.abs(value), 1);
    return bytes;
  };
  const text = (value: string | null): Buffer =>
    value === null ? int(-1) : Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)]);
  const texts = (...values: readonly (string | null)[]): Buffer => Buffer.concat(values.map(text));
  const parts = [Buffer.from("PGDMP"), Buffer.from([1, minor, 0, 4, 8, 1]), minor >= 15 ? Buffer.from([1]) : int(-1)];
  for (const part of [0, 30, 2, 2, 10, 126, 0]) parts.push(int(part));
  parts.push(texts("shop", "15.18", "15.18"), int(tables + 1));
  for (let id = 0; id <= tables; id += 1) {
    const hasData = id > 0;
    parts.push(int(id), int(hasData ? 1 : 0), texts("1259", "16384", "t", hasData ? "TABLE DATA" : "ENCODING"), int(2));
    parts.push(texts("", "", hasData ? "COPY t FROM stdin;\n" : null, "public", null));
    if (minor >= 14) parts.push(text("heap"));
    if (minor >= 16) parts.push(int(114));
    parts.push(texts("postgres", "false", "1", null), Buffer.from([hasData ? 2 : 3, 0, 0, 0, 0, 0, 0, 0, 0]));
  }
  for (let id = 1; id <= tables; id += 1) parts.push(Buffer.from([1]), int(id), text(`of table ${id}`), int(0));
  return Buffer.concat(parts);
};
