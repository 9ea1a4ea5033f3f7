/**
 * Chance that is no chance: SHA-256 and ChaCha20, in plain JavaScript so that they run wherever a function runs.
 *
 * They spread a seed over ids and numbers; they guard no secret. Source: FIPS 180-4, RFC 8439.
 *
 * @module
 */

/** Round constants: the first 32 bits of the fractions of the cube roots of the first 64 primes. */
const K = Uint32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)));
/** Initial state: the same of the square roots of the first 8. */
const H = Uint32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)));

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

function fraction(root: number): number {
  return ((root % 1) * 2 ** 32) | 0;
}

/** SHA-256 of some bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array((((message.length + 8) >>> 6) + 1) << 6);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
  const state = Uint32Array.from(H);
  const words = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += 64) compress(state, words, view, at);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, n) => digest.setUint32(4 * n, word));
  return new Uint8Array(digest.buffer);
}

function rotr(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function compress(state: Uint32Array, w: Uint32Array, block: DataView, at: number): void {
  for (let n = 0; n < 16; n++) w[n] = block.getUint32(at + 4 * n);
  for (let n = 16; n < 64; n++) {
    const [x, y] = [w[n - 15]!, w[n - 2]!];
    const s0 = rotr(x, 7) ^ rotr(x, 18) ^ (x >>> 3);
    const s1 = rotr(y, 17) ^ rotr(y, 19) ^ (y >>> 10);
    w[n] = (w[n - 16]! + s0 + w[n - 7]! + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = [...state] as [number, number, number, number, number, number, number, number];
  for (let n = 0; n < 64; n++) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[n]! + w[n]!) | 0;
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, n) => (state[n] = (state[n]! + word) | 0));
}

/**
 * Numbers drawn from the key stream of ChaCha20 with a nonce of zeros, from block 0. Each draw takes the next bytes, and
 * none are left out, so that every language draws the same.
 */
export class Random {
  private readonly input = new Uint32Array(16);
  private readonly block = new Uint8Array(64);
  private at = 64;

  /** The key has 32 bytes. */
  constructor(key: Uint8Array) {
    this.input.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
    const words = new DataView(key.buffer, key.byteOffset, 32);
    for (let n = 0; n < 8; n++) this.input[4 + n] = words.getUint32(4 * n, true);
  }

  /** The next bytes. */
  bytes(length: number): Uint8Array {
    const drawn = new Uint8Array(length);
    for (let n = 0; n < length; n++) {
      if (this.at === 64) this.refill();
      drawn[n] = this.block[this.at++]!;
    }
    return drawn;
  }

  /** Any long: the next 8 bytes, little-endian. */
  long(): bigint {
    return BigInt.asIntN(64, this.unsigned());
  }

  /** From 0 to below 1, in steps of 2^-53. */
  double(): number {
    return Number(this.unsigned() >> 11n) * 2 ** -53;
  }

  /** From 0 to below `n`, every value equally likely. `n` goes from 1 to 2^63-1. */
  below(n: bigint): bigint {
    if (typeof n !== "bigint" || n < 1n || n >= 1n << 63n)
      throw new RangeError(`below(${n}): n goes from 1n to 2^63-1`);
    const fair = ((1n << 64n) / n) * n;
    for (;;) {
      const drawn = this.unsigned();
      if (drawn < fair) return drawn % n;
    }
  }

  private unsigned(): bigint {
    return new DataView(this.bytes(8).buffer).getBigUint64(0, true);
  }

  private refill(): void {
    const x = Uint32Array.from(this.input);
    for (let round = 0; round < 10; round++) {
      for (let n = 0; n < 4; n++) quarter(x, n, 4 + n, 8 + n, 12 + n);
      for (let n = 0; n < 4; n++) quarter(x, n, 4 + ((n + 1) % 4), 8 + ((n + 2) % 4), 12 + ((n + 3) % 4));
    }
    const block = new DataView(this.block.buffer);
    x.forEach((word, n) => block.setUint32(4 * n, word + this.input[n]!, true));
    this.input[12]! += 1;
    this.at = 0;
  }
}

function quarter(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  const add = (to: number, from: number, turned: number, by: number) => {
    x[to] = (x[to]! + x[from]!) | 0;
    x[turned] = rotr(x[turned]! ^ x[to]!, 32 - by);
  };
  add(a, b, d, 16);
  add(c, d, b, 12);
  add(a, b, d, 8);
  add(c, d, b, 7);
}

/** Bytes as hex digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
