package dev.evento.codec;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/**
 * Reads Avro values one after the other and refuses everything that is not one.
 *
 * <p>Bounds: nesting of 64 records, arrays and maps; 65,536 array items without any byte; lengths and counts never
 * above what the rest of the bytes can hold. Not for use by several threads.
 */
public final class Reader {
    /** Deepest nesting that is read. */
    public static final int DEPTH_MAX = 64;
    /** Most array items of zero bytes (nulls, empty records) in one value. */
    public static final int ZERO_SIZE_ITEMS_MAX = 65_536;

    /** Most two's complement bytes of a decimal's number (1,000 digits). */
    private static final int DECIMAL_BYTES_MAX = 416;

    private byte[] bytes;
    private int start;
    private int at;
    private int end;
    private int depth;
    private int zeroSizeLeft;

    /** Reads these bytes from the beginning. */
    public Reader(byte[] bytes) {
        over(bytes, 0, bytes.length);
    }

    /** Begins anew with another range of bytes, so that one reader serves many values. */
    public Reader over(byte[] bytes, int from, int to) {
        if (from < 0 || to < from || to > bytes.length) {
            throw new IndexOutOfBoundsException(from + " to " + to + " of " + bytes.length);
        }
        this.bytes = bytes;
        start = from;
        at = from;
        end = to;
        depth = 0;
        zeroSizeLeft = ZERO_SIZE_ITEMS_MAX;
        return this;
    }

    /** The bytes that are read from; not a copy. */
    public byte[] array() {
        return bytes;
    }

    /** Index in {@link #array()} of the next byte. */
    public int position() {
        return at;
    }

    /** Bytes not read yet. */
    public int remaining() {
        return end - at;
    }

    /** Nothing may be left. */
    public void end() {
        if (at != end) {
            throw malformed((end - at) + " bytes are left over");
        }
    }

    /** Passes over bytes and says where they begin in {@link #array()}. */
    public int skip(int count) {
        if (count < 0 || count > end - at) {
            throw truncated();
        }
        int from = at;
        at += count;
        return from;
    }

    /** A record, array or map begins. */
    public void enter() {
        if (++depth > DEPTH_MAX) {
            throw malformed("values nest deeper than " + DEPTH_MAX);
        }
    }

    /** A record, array or map has ended. */
    public void leave() {
        depth--;
    }

    /** A {@code boolean}. */
    public boolean readBoolean() {
        int value = bytes[skip(1)];
        if (value != 0 && value != 1) {
            throw malformed("a boolean is 0 or 1, not " + (value & 0xff));
        }
        return value == 1;
    }

    /** An {@code int}. */
    public int readInt() {
        long value = readLong();
        if (value != (int) value) {
            throw malformed(value + " does not fit an int of 32 bits");
        }
        return (int) value;
    }

    /** A {@code long}: zig-zag, at most ten bytes. */
    public long readLong() {
        if (at < end) {
            int first = bytes[at];
            if (first >= 0) {
                at++;
                return (first >>> 1) ^ -(first & 1);
            }
        }
        return longer();
    }

    private long longer() {
        long value = 0;
        for (int index = 0; index < 10; index++) {
            int part = bytes[skip(1)];
            if (index == 9 && (part & 0xff) > 1) {
                throw malformed("a number does not fit 64 bits");
            }
            value |= (long) (part & 0x7f) << (7 * index);
            if (part >= 0) {
                return (value >>> 1) ^ -(value & 1);
            }
        }
        throw malformed("a number has more than ten bytes");
    }

    /** A {@code float}. */
    public float readFloat() {
        int from = skip(4);
        return Float.intBitsToFloat(int32(from));
    }

    /** A {@code double}. */
    public double readDouble() {
        int from = skip(8);
        return Double.longBitsToDouble((int32(from) & 0xffff_ffffL) | (long) int32(from + 4) << 32);
    }

    private int int32(int from) {
        return (bytes[from] & 0xff) | (bytes[from + 1] & 0xff) << 8 | (bytes[from + 2] & 0xff) << 16
                | bytes[from + 3] << 24;
    }

    /** The length of {@code bytes} or a {@code string}, which the rest can hold. */
    public int readLength() {
        long length = readLong();
        if (length < 0 || length > end - at) {
            throw malformed("a length of " + length + " bytes where " + (end - at) + " are left");
        }
        return (int) length;
    }

    /** A {@code string}: UTF-8, nothing else. */
    public String readString() {
        int length = readLength();
        int from = skip(length);
        for (int n = from; n < from + length; n++) {
            if (bytes[n] < 0) {
                return decoded(from, length);
            }
        }
        return new String(bytes, from, length, StandardCharsets.ISO_8859_1);
    }

    private String decoded(int from, int length) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, from, length)).toString();
        } catch (CharacterCodingException wrong) {
            throw malformed("a string is not UTF-8");
        }
    }

    /** {@code bytes}. */
    public dev.evento.Bytes readBytes() {
        int length = readLength();
        return dev.evento.Bytes.copyOf(bytes, skip(length), length);
    }

    /** A {@code fixed} of this size. */
    public dev.evento.Bytes readFixed(int size) {
        return dev.evento.Bytes.copyOf(bytes, skip(size), size);
    }

    /** The index of a union branch or enum symbol, below {@code count}. */
    public int readIndex(int count) {
        long index = readLong();
        if (index < 0 || index >= count) {
            throw malformed("index " + index + " where there are " + count);
        }
        return (int) index;
    }

    /** A union of null and one other type; {@code nullIndex} says which branch is null. Null when it is. */
    public <T> T readOptional(int nullIndex, Read<T> read) {
        return readIndex(2) == nullIndex ? null : read.read(this);
    }

    /** An array whose items have at least one byte each. */
    public <T> List<T> readList(Read<T> read) {
        return items(read, false);
    }

    /** An array whose items have no bytes: nulls or records of nothing. */
    public <T> List<T> readListOfNothing(Read<T> read) {
        return items(read, true);
    }

    private <T> List<T> items(Read<T> read, boolean empty) {
        enter();
        ArrayList<T> items = new ArrayList<>();
        int blockEnd = -1;
        for (long count; (count = block(blockEnd, empty)) != 0; ) {
            blockEnd = count < 0 ? blockEnd(readLong()) : -1;
            for (long left = Math.abs(count); left > 0; left--) {
                items.add(read.read(this));
            }
        }
        leave();
        return Frozen.list(items);
    }

    /** A map; its keys are unique. */
    public <T> Map<String, T> readMap(Read<T> read) {
        enter();
        TreeMap<String, T> entries = new TreeMap<>(Frozen.KEYS);
        int blockEnd = -1;
        for (long count; (count = block(blockEnd, false)) != 0; ) {
            blockEnd = count < 0 ? blockEnd(readLong()) : -1;
            for (long left = Math.abs(count); left > 0; left--) {
                String key = readString();
                if (entries.containsKey(key)) {
                    throw malformed("the key \"" + key + "\" is there twice");
                }
                entries.put(key, read.read(this));
            }
        }
        leave();
        return Frozen.map(entries);
    }

    /** The head of the next block, after a look at where the one before ended; negative: its size follows. */
    private long block(int blockEnd, boolean empty) {
        if (blockEnd >= 0 && blockEnd != at) {
            throw malformed("a block has another size than it says");
        }
        long count = readLong();
        long items = count < 0 ? -count : count;
        if (empty && items >= 0 && items <= zeroSizeLeft) {
            zeroSizeLeft -= (int) items;
        } else if (empty) {
            throw malformed("more than " + ZERO_SIZE_ITEMS_MAX + " values without any byte");
        } else if (items < 0 || items > end - at) {
            throw malformed("a block of " + items + " items where " + (end - at) + " bytes are left");
        }
        return count;
    }

    private int blockEnd(long size) {
        if (size < 0 || size > end - at) {
            throw malformed("a block of " + size + " bytes where " + (end - at) + " are left");
        }
        return at + (int) size;
    }

    /** A {@code decimal} on {@code bytes}. */
    public BigDecimal readDecimal(int precision, int scale) {
        int length = readLength();
        return decimal(skip(length), length, precision, scale);
    }

    /** A {@code decimal} on a {@code fixed} of this size. */
    public BigDecimal readFixedDecimal(int size, int precision, int scale) {
        return decimal(skip(size), size, precision, scale);
    }

    private BigDecimal decimal(int from, int length, int precision, int scale) {
        while (length > 1 && bytes[from] == bytes[from + 1] >> 7) {
            from++;
            length--;
        }
        if (length > DECIMAL_BYTES_MAX) {
            throw malformed("a decimal has more than " + precision + " digits");
        }
        BigInteger unscaled = length == 0 ? BigInteger.ZERO : new BigInteger(bytes, from, length);
        BigDecimal value = new BigDecimal(unscaled, scale);
        if (value.precision() > precision) {
            throw malformed("a decimal has more than " + precision + " digits");
        }
        return value;
    }

    /** A {@code uuid} on {@code string}. */
    public UUID readUuid() {
        int length = readLength();
        int from = skip(length);
        if (length != 36) {
            throw notUuid();
        }
        for (int n = 0; n < 36; n++) {
            boolean dash = n == 8 || n == 13 || n == 18 || n == 23;
            if (dash ? bytes[from + n] != '-' : Character.digit(bytes[from + n], 16) < 0) {
                throw notUuid();
            }
        }
        return UUID.fromString(new String(bytes, from, 36, StandardCharsets.ISO_8859_1));
    }

    private Malformed notUuid() {
        return malformed("a uuid looks like 123e4567-e89b-12d3-a456-426614174000");
    }

    /** A {@code uuid} on a {@code fixed} of 16 bytes. */
    public UUID readFixedUuid() {
        ByteBuffer buffer = ByteBuffer.wrap(bytes, skip(16), 16);
        return new UUID(buffer.getLong(), buffer.getLong());
    }

    /** A {@code timestamp-millis}. */
    public Instant readTimestampMillis() {
        return Instant.ofEpochMilli(readLong());
    }

    /** A {@code timestamp-micros}. */
    public Instant readTimestampMicros() {
        long micros = readLong();
        return Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1_000L);
    }

    /** A {@code date}. */
    public LocalDate readDate() {
        return LocalDate.ofEpochDay(readInt());
    }

    private Malformed truncated() {
        return malformed("the bytes end in the middle of a value");
    }

    private Malformed malformed(String what) {
        return new Malformed("at byte " + (at - start) + ": " + what);
    }
}
