const PIECE = /[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]/gu;
const LATIN = /^[\p{Script=Latin}\p{M}]+$/u;
const DIGITS = /^\p{N}+$/u;

/**
 * About how many WordPiece tokens a text becomes, estimated on the high side and without the tokenizer.
 * Long Latin words fall into several pieces; other scripts fall into about one per character.
 */
export function weigh(text: string): number {
  let weight = 0;
  for (const [piece] of text.matchAll(PIECE)) weight += weighPiece(piece);
  return weight;
}

function weighPiece(piece: string): number {
  if (LATIN.test(piece)) return Math.ceil(piece.length / 8);
  if (DIGITS.test(piece)) return Math.ceil(piece.length / 3);
  return [...piece].length;
}
