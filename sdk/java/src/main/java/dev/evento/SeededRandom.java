package dev.evento;

/**
 * Random numbers out of a command's seed, the same in every attempt and in every language's SDK: the key stream of
 * ChaCha20 (RFC 8439) with a nonce of zeros, counted from block 0. Each draw takes the next bytes of it. Not for use
 * by several threads.
 */
public final class SeededRandom {
    private final int[] input = new int[16];
    private final int[] block = new int[16];
    /** Index of the next byte in {@link #block}; 64 when it is used up. */
    private int next = 64;

    SeededRandom(byte[] key) {
        input[0] = 0x61707865;
        input[1] = 0x3320646e;
        input[2] = 0x79622d32;
        input[3] = 0x6b206574;
        for (int n = 0; n < 32; n++) {
            input[4 + n / 4] |= (key[n] & 0xff) << 8 * (n % 4);
        }
    }

    /** The next bytes. */
    public Bytes bytes(int count) {
        byte[] drawn = new byte[count];
        for (int n = 0; n < count; n++) {
            drawn[n] = (byte) nextByte();
        }
        return Bytes.of(drawn);
    }

    /** Any of the 2^64 longs: the next 8 bytes, little-endian. */
    public long nextLong() {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 8) {
            value |= (long) nextByte() << shift;
        }
        return value;
    }

    /** At least 0 and below 1: the highest 53 bits of the next 8 bytes. */
    public double nextDouble() {
        return (nextLong() >>> 11) * 0x1p-53;
    }

    /**
     * At least 0 and below {@code bound}, each equally likely.
     *
     * @throws IllegalArgumentException when the bound is below 1
     */
    public long below(long bound) {
        if (bound < 1) {
            throw new IllegalArgumentException("below(" + bound + "): the bound must be at least 1");
        }
        // As many of the largest longs as do not make a whole turn are drawn again.
        long odd = Long.remainderUnsigned(-bound, bound);
        long drawn;
        do {
            drawn = nextLong();
        } while (odd != 0 && Long.compareUnsigned(drawn, -odd) >= 0);
        return Long.remainderUnsigned(drawn, bound);
    }

    private int nextByte() {
        if (next == 64) {
            refill();
        }
        int drawn = block[next / 4] >>> 8 * (next % 4) & 0xff;
        next++;
        return drawn;
    }

    private void refill() {
        System.arraycopy(input, 0, block, 0, 16);
        for (int round = 0; round < 10; round++) {
            quarter(0, 4, 8, 12);
            quarter(1, 5, 9, 13);
            quarter(2, 6, 10, 14);
            quarter(3, 7, 11, 15);
            quarter(0, 5, 10, 15);
            quarter(1, 6, 11, 12);
            quarter(2, 7, 8, 13);
            quarter(3, 4, 9, 14);
        }
        for (int n = 0; n < 16; n++) {
            block[n] += input[n];
        }
        input[12]++;
        next = 0;
    }

    private void quarter(int a, int b, int c, int d) {
        block[a] += block[b];
        block[d] = Integer.rotateLeft(block[d] ^ block[a], 16);
        block[c] += block[d];
        block[b] = Integer.rotateLeft(block[b] ^ block[c], 12);
        block[a] += block[b];
        block[d] = Integer.rotateLeft(block[d] ^ block[a], 8);
        block[c] += block[d];
        block[b] = Integer.rotateLeft(block[b] ^ block[c], 7);
    }
}
