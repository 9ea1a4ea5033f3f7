package dev.evento.codec;

import dev.evento.Bytes;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Appends Avro values in canonical bytes: shortest numbers, arrays and maps in one block, map keys sorted, one NaN,
 * decimals in the fewest bytes. Grows as needed; not for use by several threads.
 */
public final class Writer {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.ISO_8859_1);

    private byte[] bytes;
    private int size;

    /** An empty one with room for so many bytes. */
    public Writer(int capacity) {
        bytes = new byte[Math.max(capacity, 16)];
    }

    /** Empty again; keeps its room unless that is above {@code keepMax} bytes. */
    public void clear(int keepMax) {
        size = 0;
        if (bytes.length > keepMax) {
            bytes = new byte[Math.max(keepMax, 16)];
        }
    }

    /** Bytes written. */
    public int size() {
        return size;
    }

    /** Takes back everything after the first {@code size} bytes. */
    public void truncate(int size) {
        this.size = Math.min(this.size, size);
    }

    /** What was written, from index 0; not a copy. */
    public byte[] array() {
        return bytes;
    }

    /** A copy of what was written. */
    public byte[] toByteArray() {
        return Arrays.copyOf(bytes, size);
    }

    private void reserve(int count) {
        if (bytes.length - size < count) {
            long wanted = Math.max((long) bytes.length * 2, (long) size + count);
            bytes = Arrays.copyOf(bytes, (int) Math.min(wanted, Integer.MAX_VALUE - 8));
        }
    }

    /** Bytes as they are, without a length. */
    public void writeRaw(byte[] from, int offset, int length) {
        reserve(length);
        System.arraycopy(from, offset, bytes, size, length);
        size += length;
    }

    /** What another writer has, without a length. */
    public void writeRaw(Writer other) {
        writeRaw(other.bytes, 0, other.size);
    }

    /** A {@code boolean}. */
    public void writeBoolean(boolean value) {
        reserve(1);
        bytes[size++] = (byte) (value ? 1 : 0);
    }

    /** An {@code int}. */
    public void writeInt(int value) {
        writeLong(value);
    }

    /** A {@code long}. */
    public void writeLong(long value) {
        reserve(10);
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7fL) != 0) {
            bytes[size++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        bytes[size++] = (byte) rest;
    }

    /** The index of a union branch or enum symbol. */
    public void writeIndex(int index) {
        writeLong(index);
    }

    /** A {@code float}. */
    public void writeFloat(float value) {
        int32(Float.floatToIntBits(value));
    }

    /** A {@code double}. */
    public void writeDouble(double value) {
        long bits = Double.doubleToLongBits(value);
        int32((int) bits);
        int32((int) (bits >>> 32));
    }

    private void int32(int bits) {
        reserve(4);
        for (int shift = 0; shift < 32; shift += 8) {
            bytes[size++] = (byte) (bits >>> shift);
        }
    }

    /**
     * A {@code string}.
     *
     * @throws IllegalArgumentException when half of a surrogate pair stands alone: UTF-8 has no bytes for it
     */
    public void writeString(String text) {
        int length = text.length();
        for (int n = 0; n < length; n++) {
            if (text.charAt(n) >= 0x80) {
                writeWideString(text);
                return;
            }
        }
        writeLong(length);
        reserve(length);
        for (int n = 0; n < length; n++) {
            bytes[size + n] = (byte) text.charAt(n);
        }
        size += length;
    }

    private void writeWideString(String text) {
        for (int n = 0; n < text.length(); n++) {
            char c = text.charAt(n);
            if (Character.isSurrogate(c)) {
                boolean pair = Character.isHighSurrogate(c) && n + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(n + 1));
                if (!pair) {
                    throw new IllegalArgumentException("a string has half a surrogate pair at index " + n);
                }
                n++;
            }
        }
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        writeLong(encoded.length);
        writeRaw(encoded, 0, encoded.length);
    }

    /** {@code bytes}. */
    public void writeBytes(Bytes value) {
        writeLong(value.size());
        writeFixed(value);
    }

    /** {@code bytes} that another writer has. */
    public void writeBytes(Writer value) {
        writeLong(value.size);
        writeRaw(value);
    }

    /** {@code bytes} out of an array. */
    public void writeBytes(byte[] from, int offset, int length) {
        writeLong(length);
        writeRaw(from, offset, length);
    }

    /** A {@code fixed}. */
    public void writeFixed(Bytes value) {
        reserve(value.size());
        value.copyTo(bytes, size);
        size += value.size();
    }

    /** A union of null and one other type; {@code nullIndex} says which branch is null. */
    public <T> void writeOptional(int nullIndex, T value, Write<T> write) {
        if (value == null) {
            writeIndex(nullIndex);
        } else {
            writeIndex(1 - nullIndex);
            write.write(this, value);
        }
    }

    /** An array. */
    public <T> void writeList(List<T> items, Write<T> write) {
        if (!items.isEmpty()) {
            writeLong(items.size());
            for (int n = 0; n < items.size(); n++) {
                write.write(this, items.get(n));
            }
        }
        writeIndex(0);
    }

    /** A map that was sorted by {@link Check#map}. */
    public <T> void writeMap(Map<String, T> entries, Write<T> write) {
        if (!entries.isEmpty()) {
            writeLong(entries.size());
            for (Map.Entry<String, T> entry : entries.entrySet()) {
                writeString(entry.getKey());
                write.write(this, entry.getValue());
            }
        }
        writeIndex(0);
    }

    /** A {@code decimal} on {@code bytes}; its scale is the schema's. */
    public void writeDecimal(BigDecimal value) {
        byte[] unscaled = value.unscaledValue().toByteArray();
        writeBytes(unscaled, 0, unscaled.length);
    }

    /** A {@code decimal} on a {@code fixed} of this size; its scale is the schema's. */
    public void writeFixedDecimal(BigDecimal value, int size) {
        byte[] unscaled = value.unscaledValue().toByteArray();
        if (unscaled.length > size) {
            throw new IllegalArgumentException(value + " does not fit " + size + " bytes");
        }
        reserve(size);
        Arrays.fill(bytes, this.size, this.size + size - unscaled.length, (byte) (value.signum() < 0 ? -1 : 0));
        System.arraycopy(unscaled, 0, bytes, this.size + size - unscaled.length, unscaled.length);
        this.size += size;
    }

    /** A {@code uuid} on {@code string}, in lower case. */
    public void writeUuid(UUID value) {
        writeLong(36);
        reserve(36);
        hex(value.getMostSignificantBits(), 64, 32);
        bytes[size++] = '-';
        hex(value.getMostSignificantBits(), 32, 16);
        bytes[size++] = '-';
        hex(value.getMostSignificantBits(), 16, 0);
        bytes[size++] = '-';
        hex(value.getLeastSignificantBits(), 64, 48);
        bytes[size++] = '-';
        hex(value.getLeastSignificantBits(), 48, 0);
    }

    private void hex(long bits, int from, int to) {
        for (int shift = from - 4; shift >= to; shift -= 4) {
            bytes[size++] = HEX[(int) (bits >>> shift) & 15];
        }
    }

    /** A {@code uuid} on a {@code fixed} of 16 bytes. */
    public void writeFixedUuid(UUID value) {
        reserve(16);
        for (int shift = 56; shift >= 0; shift -= 8) {
            bytes[size] = (byte) (value.getMostSignificantBits() >>> shift);
            bytes[size + 8] = (byte) (value.getLeastSignificantBits() >>> shift);
            size++;
        }
        size += 8;
    }

    /** A {@code timestamp-millis}. */
    public void writeTimestampMillis(Instant value) {
        writeLong(value.toEpochMilli());
    }

    /** A {@code timestamp-micros}. */
    public void writeTimestampMicros(Instant value) {
        writeLong(micros(value));
    }

    /** Microseconds since 1970; an ArithmeticException when they do not fit. */
    static long micros(Instant value) {
        long seconds = value.getEpochSecond();
        long micros = value.getNano() / 1_000;
        // Towards zero first, so that the least of all longs does not overflow on the way.
        return seconds < 0
                ? Math.addExact(Math.multiplyExact(seconds + 1, 1_000_000L), micros - 1_000_000L)
                : Math.addExact(Math.multiplyExact(seconds, 1_000_000L), micros);
    }

    /** A {@code date}. */
    public void writeDate(LocalDate value) {
        writeInt(Math.toIntExact(value.toEpochDay()));
    }
}
