// Text in columns of a terminal: how wide it is there, and how it is made to fit.

/** Without what moves a cursor, turns the direction of writing, or ends a line. */
export const printable = (text: string): string => simple.test(text) ? text : text.replace(unprintable, "·")

/** How many columns it takes; two for a wide character, whatever it is made of. */
export const widthOf = (text: string): number =>
  simple.test(text) ? text.length : graphemes(text).reduce((width, grapheme) => width + columnsOf(grapheme), 0)

/** As it is where it fits, else its beginning and `…`. */
export const cut = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text
  const [head] = split(text, width - 1)
  return `${head}…`
}

/** Cut or filled to exactly this width. */
export const fit = (text: string, width: number): string => {
  const short = cut(text, width)
  return short + " ".repeat(Math.max(0, width - widthOf(short)))
}

/** Lines of at most this width, broken between words where there are any; all but the first are indented by two. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`
    if (widthOf(longer) <= width) {
      line = longer
      continue
    }
    if (line !== "") lines.push(line)
    line = lines.length === 0 ? word : `  ${word}`
    while (widthOf(line) > width) {
      const [head, tail] = split(line, width)
      lines.push(head)
      line = `  ${tail}`
    }
  }
  return [...lines, line]
}

/** Its longest beginning that fits, and the rest. */
const split = (text: string, width: number): readonly [head: string, tail: string] => {
  let used = 0
  let end = 0
  for (const grapheme of graphemes(text)) {
    used += columnsOf(grapheme)
    if (used > width && end > 0) break
    end += grapheme.length
    if (used > width) break
  }
  return [text.slice(0, end), text.slice(end)]
}

const graphemes = (text: string): ReadonlyArray<string> =>
  Array.from((segmenter ??= new Intl.Segmenter()).segment(text), ({ segment }) => segment)

/** Made when it is first needed: it costs more than all else here. */
let segmenter: Intl.Segmenter | undefined = undefined

const columnsOf = (grapheme: string): number => wide.test(grapheme) ? 2 : blank.test(grapheme) ? 0 : 1

const simple = /^[\x20-\x7e]*$/
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu
const blank = /^[\p{M}\p{Cf}]+$/u
/** East Asian wide and fullwidth characters, and what is shown as a picture. */
const wide =
  /[\p{Emoji_Presentation}\ufe0f\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]/u
