// @ts-check
// Where two texts differ: word by word, or character by character where words have no spaces.

const MOST = 4e6; // cells of the table: beyond that nothing is compared

/**
 * @typedef {{ text: string, same: boolean }} Piece
 * @param {string} text
 * @param {boolean} byCharacter
 */
function tokens(text, byCharacter) {
  if (byCharacter) return [...text];
  return text.match(/\s+|[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|[^\s\p{L}\p{N}]/gu) ?? [];
}

/**
 * Both texts in pieces that the other has, too, or has not; null where nearly all is different.
 * @param {string} left
 * @param {string} right
 * @param {boolean} byCharacter
 * @param {number} least share in common
 * @returns {[Piece[], Piece[]] | null}
 */
export function compare(left, right, byCharacter, least = 0) {
  const [a, b] = [tokens(left, byCharacter), tokens(right, byCharacter)];
  if (a.length * b.length > MOST || !a.length || !b.length) return null;
  const pairs = smooth(common(a, b), a, b, byCharacter);
  if ((2 * pairs.length) / (a.length + b.length) < least) return null;
  return [pieces(a, new Set(pairs.map(([i]) => i))), pieces(b, new Set(pairs.map(([, j]) => j)))];
}

/**
 * Indices of a longest common subsequence.
 * @param {string[]} a
 * @param {string[]} b
 * @returns {[number, number][]}
 */
function common(a, b) {
  const wide = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * wide + j] = a[i] === b[j]
        ? longest[(i + 1) * wide + j + 1] + 1
        : Math.max(longest[(i + 1) * wide + j], longest[i * wide + j + 1]);
    }
  }
  /** @type {[number, number][]} */
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (longest[(i + 1) * wide + j] >= longest[i * wide + j + 1]) i++;
    else j++;
  }
  return pairs;
}

/**
 * Without the matches that only chance made: short runs between differences.
 * @param {[number, number][]} pairs
 * @param {string[]} a
 * @param {string[]} b
 * @param {boolean} byCharacter
 */
function smooth(pairs, a, b, byCharacter) {
  const kept = [];
  for (let from = 0, to = 0; from < pairs.length; from = to) {
    for (to = from + 1; to < pairs.length && follows(pairs[to - 1], pairs[to]); to++);
    const run = pairs.slice(from, to);
    const length = byCharacter ? run.length : run.filter(([i]) => /[\p{L}\p{N}]/u.test(a[i])).length;
    const edge = (pairs[from][0] === 0 && pairs[from][1] === 0)
      || (pairs[to - 1][0] === a.length - 1 && pairs[to - 1][1] === b.length - 1);
    if (length >= 2 || edge) kept.push(...run);
  }
  return kept;
}

/** @param {[number, number]} one @param {[number, number]} next */
const follows = (one, next) => next[0] === one[0] + 1 && next[1] === one[1] + 1;

/**
 * @param {string[]} found
 * @param {Set<number>} shared
 * @returns {Piece[]}
 */
function pieces(found, shared) {
  /** @type {Piece[]} */
  const made = [];
  found.forEach((text, i) => {
    const same = shared.has(i);
    const last = made[made.length - 1];
    if (last && last.same === same) last.text += text;
    else made.push({ text, same });
  });
  return made;
}

/**
 * Shows a text with what is its own marked.
 * @param {Element} place
 * @param {Piece[]} found
 * @param {string} mark "mark", "ins" or "del"
 */
export function showPieces(place, found, mark = "mark") {
  place.replaceChildren(...found.map(({ text, same }) => {
    if (same || !text.trim()) return document.createTextNode(text);
    const made = document.createElement(mark);
    made.textContent = text;
    return made;
  }));
}
