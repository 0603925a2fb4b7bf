const figures = new Intl.NumberFormat("en-GB");

/** A number as people read it: `12,345`. */
export const figure = (value: number): string => figures.format(value);

/** Decimal text with groups of three; never through a number, which could round. */
export const grouped = (amount: string): string => amount.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ",");
