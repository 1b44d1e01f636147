// The first letters of Chinese words as an input method is typed: 中断重映射 is zdcys. The order of pinyin that Node's ICU has
// says which letter a character begins with: it stands between the first characters of two letters.

const FIRST = [..."阿八嚓哒妸发旮哈讥咔垃痳拏噢妑七呥扨它穵夕丫帀"];
const LETTERS = "abcdefghjklmnopqrstwxyz";
const order = new Intl.Collator("zh-Hans-CN-u-co-pinyin");
/** Characters that are read otherwise here than the order has them. */
const READ = { 重: "c", 调: "d", 传: "c", 行: "h", 长: "c", 还: "h", 弹: "t" };

const letter = (character) =>
  READ[character] ?? LETTERS[FIRST.findLastIndex((first) => order.compare(first, character) <= 0)] ?? "";

/** The first letters of each run of Chinese characters in a text, and of all of a word that mixes both. */
export const initials = (text) =>
  [...text.matchAll(/\p{Script=Han}{2,}/gu)].map(([run]) => [...run].map(letter).join("")).join(" ");
