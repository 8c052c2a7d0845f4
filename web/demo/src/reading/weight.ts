const PIECE = /[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]/gu;
const ENGLISH = /^[A-Za-z]+$/;
const LATIN = /^[\p{Script=Latin}\p{M}]+$/u;
const HANGUL = /\p{Script=Hangul}/u;
const DIGITS = /^\p{N}+$/u;

/**
 * About how many WordPiece tokens a text becomes, estimated on the high side and without the tokenizer.
 * English words mostly stay whole; words of other languages fall into pieces of a few letters, those of other
 * scripts into about one per character, and Korean syllables into their letters.
 */
export function weigh(text: string): number {
  let weight = 0;
  for (const [piece] of text.matchAll(PIECE)) weight += weighPiece(piece);
  return weight;
}

function weighPiece(piece: string): number {
  if (ENGLISH.test(piece)) return Math.ceil(piece.length / 8) + (piece.match(/[a-z][A-Z]/g)?.length ?? 0);
  if (LATIN.test(piece)) return Math.ceil(piece.length / 3);
  if (DIGITS.test(piece)) return Math.ceil(piece.length / 3);
  return [...piece].length * (HANGUL.test(piece) ? 3 : 1);
}
