// Text from strangers: token names, reasons of reverts, inputs. Nothing in it may change how the page reads.

/** How much of a long text is shown at first. */
export const CUT = 400

/** Marks on top of a letter that are still writing; more than that is a tower. */
const MARKS = 4

/**
 * What is shown as its number: controls (line breaks too), the controls of writing direction (U+061C, U+200E…,
 * U+202A…, U+2066…), what has no width, halves of a surrogate pair, tags, and what is for private use.
 */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ue000-\uf8ff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]|[\udb80-\udbff][\udc00-\udfff]/g

function escape(character: string): string {
  return `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`
}

/** The text with all that is invisible, or that turns what stands around it, as a visible number. */
export function visible(text: string): string {
  const towers = new RegExp(`(\\p{M}{${MARKS}})(\\p{M}+)`, 'gu')
  return text
    .replace(HIDDEN, escape)
    .replace(towers, (_, kept: string, rest: string) => kept + [...rest].map(escape).join(''))
}

/** The beginning of a text, cut between characters. */
export function beginning(text: string, length = CUT): string {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length)
}
