// Files instead of a paste: small ones come into the box as text, under their names, so that every line can be seen and
// marked; a large one is read from where it is.

/** Characters of a paste, and bytes of files, that come into the box: a boot log of several weeks. */
export const LARGEST = 16 << 20;
/** Bytes of one file that is read without coming into the box: a trace of some million events. */
export const LARGEST_FILE = 1 << 30;
/** Bytes of a table in binary that are shown as a dump; the largest that firmware has are some 100 KiB. */
const LARGEST_TABLE = 1 << 20;

/** Bytes as `xxd` prints them. */
function dump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const pairs = hex.map((digits, n) => (n % 2 === 1 ? `${digits} ` : digits)).join("");
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    rows.push(`${at.toString(16).padStart(8, "0")}: ${pairs.padEnd(40)} ${text}`);
  }
  return rows.join("\n");
}

/** What a text in UTF-16 is encoded in, as PowerShell and editors of Windows write it; nothing for any other. */
export function wide(bytes: Uint8Array): "utf-16le" | "utf-16be" | null {
  const mark = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  if (mark === 0xfffe) return "utf-16le";
  return mark === 0xfeff ? "utf-16be" : null;
}

/** One file as text. */
async function textOf(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const encoding = wide(bytes);
  if (encoding !== null) return new TextDecoder(encoding).decode(bytes);
  // `>>` of PowerShell 5.1 appends UTF-16 to a text that is none: its mark is no character of UTF-8.
  const mark = bytes.findIndex((b, at) => b === 0xff && bytes[at + 1] === 0xfe && bytes[at - 1] === 0x0a);
  if (mark > 0 && bytes.indexOf(0) > mark) {
    return (
      new TextDecoder().decode(bytes.subarray(0, mark)) +
      new TextDecoder("utf-16le").decode(bytes.subarray(mark))
    );
  }
  // No other text has a NUL; every table of firmware does.
  if (bytes.length <= LARGEST_TABLE && bytes.includes(0)) return dump(bytes);
  return new TextDecoder().decode(bytes);
}

/** Files as one text; several each under their names, in the way that `head` and `tail` print them. */
export async function joined(files: readonly File[]): Promise<string> {
  const texts = await Promise.all(files.map(textOf));
  const [only] = texts;
  if (files.length === 1 && only !== undefined) return only;
  return texts.map((text, n) => `==> ${files[n]?.name ?? ""} <==\n${text.replace(/\n?$/, "\n")}`).join("\n");
}
