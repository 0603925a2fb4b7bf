/** A receipt's name in a certificate: entries stand in the order of the ledger. */
export const receiptFile = (index: number): string => `entry-${String(index).padStart(10, "0")}.tlog-proof`;

export const receiptPattern = /^entry-\d{10,16}\.tlog-proof$/;

export const certificateFile = "certificate.json";
