import exceljs, { type CellValue, type Workbook, type Worksheet } from "exceljs";

export const openWorkbook = async (file: string): Promise<Workbook> => {
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(file);
  return workbook;
};

export const sheetOf = (workbook: Workbook, name: string): Worksheet => {
  const sheet = workbook.getWorksheet(name);
  if (sheet === undefined) throw new Error(`no sheet ${name}`);
  return sheet;
};

/** The rows below a header, by the words of the header: of the first table that begins at or after a row. */
export const rowsOf = (sheet: Worksheet, header = 4): Readonly<Record<string, CellValue>>[] => {
  const names = (sheet.getRow(header).values as unknown[]).map(String);
  const rows: Record<string, CellValue>[] = [];
  for (let number = header + 1; sheet.getRow(number).hasValues; number += 1) {
    const row = sheet.getRow(number);
    rows.push(
      Object.fromEntries(names.flatMap((name, index) => (index === 0 ? [] : [[name, row.getCell(index).value]]))),
    );
  }
  return rows;
};

/** The row of a table whose cell says so. Throws where there is none, or more than one. */
export const rowWith = (
  rows: readonly Readonly<Record<string, CellValue>>[],
  cells: Readonly<Record<string, CellValue>>,
): Readonly<Record<string, CellValue>> => {
  const found = rows.filter((row) => Object.entries(cells).every(([name, value]) => row[name] === value));
  const [row] = found;
  if (row === undefined || found.length > 1) throw new Error(`${found.length} rows with ${JSON.stringify(cells)}`);
  return row;
};

/** Every word of a sheet, a line for each row. */
export const textOf = (sheet: Worksheet): string => {
  const lines: string[] = [];
  sheet.eachRow((row) => {
    const words = new Set<string>();
    row.eachCell((cell) => words.add(cell.value === null ? "" : cell.text));
    lines.push([...words].join(" "));
  });
  return lines.join("\n");
};
